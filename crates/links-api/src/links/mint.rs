//! Inserting links of every kind: one statement for one link and for a
//! thousand, with ids that are tried again where they are taken.

use std::collections::HashMap;

use domain::{
    id::{CampaignId, CreativeId, LinkCode, LinkKey, ListId, OfferId, ShortId, TrackerToken},
    record::{CodeUrl, DefaultParameters, LinkRecord, LinkStatus, RecordKey, TrackerUrl},
};
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::types::Json;

use crate::{db::domains::ShortDomain, error::ApiError, fields::JsonObject, http::RequestContext};

/// A link to be.
#[derive(Debug, Clone)]
pub struct NewLink {
    pub domain: ShortDomain,
    pub slug: Option<ShortId>,
    /// Of a partnership link: the click tracker's host.
    pub tracker_host: Option<String>,
    /// Of a message's link.
    pub in_message: Option<InMessage>,
    /// Of a campaign link: its second name's host, and the campaign.
    pub campaign: Option<(String, CampaignId)>,
    pub list_id: Option<ListId>,
    pub offer_id: Option<OfferId>,
    pub destination: Option<String>,
    pub default_parameters: DefaultParameters,
    pub extras: Extras,
}

/// The creative, and which of its placeholders a link stands for.
#[derive(Debug, Clone)]
pub struct InMessage {
    pub creative_id: CreativeId,
    pub placeholder: String,
}

/// What any link can carry.
#[derive(Debug, Clone, Default)]
pub struct Extras {
    pub message_id: Option<String>,
    /// E.164.
    pub contact_phone: Option<String>,
    pub metadata: Option<JsonObject>,
    pub forward_query: bool,
    pub expires_at: Option<Timestamp>,
}

/// A link that is there now.
#[derive(Debug, Clone)]
pub struct Minted {
    pub record: LinkRecord,
    pub created_at: Timestamp,
}

/// Ids that are tried before a collision is the client's to know. With
/// 3.5e12 short ids per domain even one retry means a broken generator.
const ID_TRIES: usize = 5;

/// Why one of several links is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotMinted {
    SlugTaken,
    IdCollision,
}

impl From<NotMinted> for ApiError {
    fn from(reason: NotMinted) -> Self {
        match reason {
            NotMinted::SlugTaken => Self::SlugTaken,
            NotMinted::IdCollision => Self::IdCollision,
        }
    }
}

pub async fn mint_one(context: RequestContext<'_>, link: NewLink) -> Result<Minted, ApiError> {
    let mut minted = mint(context, vec![link]).await?;
    let one = minted.pop().expect("an answer for each link");
    Ok(one?)
}

/// The links in their order, each or why it is not.
pub async fn mint(
    context: RequestContext<'_>,
    links: Vec<NewLink>,
) -> Result<Vec<Result<Minted, NotMinted>>, ApiError> {
    let mut minted: Vec<_> = links.iter().map(|_| Err(NotMinted::IdCollision)).collect();
    let mut waiting: Vec<(usize, NewLink)> = links.into_iter().enumerate().collect();
    // Links are inserted in this order. Slugs come in the same order in every request, so that
    // two requests with the same slugs never wait for each other in a circle; others keep theirs.
    waiting.sort_by(|(_, a), (_, b)| insertion_order(a).cmp(&insertion_order(b)));
    let mut new_slugs = Vec::new();
    for _ in 0..ID_TRIES {
        let candidates: Vec<_> = waiting
            .drain(..)
            .map(|(index, link)| (index, candidate(context, &link), link))
            .collect();
        if candidates.is_empty() {
            break;
        }
        let mut inserted = link_insert_all(context, &candidates).await?;
        for (index, record, link) in candidates {
            let name = (link.domain.id, record.link_id.as_str().to_owned());
            match inserted.remove(&name) {
                Some((link_key, created_at)) => {
                    if link.slug.is_some() {
                        new_slugs.push(short_key(&record));
                    }
                    let record = LinkRecord { link_key, ..record };
                    minted[index] = Ok(Minted { record, created_at });
                }
                None if link.slug.is_some() => minted[index] = Err(NotMinted::SlugTaken),
                None => waiting.push((index, link)),
            }
        }
    }
    // Somebody may have asked for a slug before it was there.
    context.outbox.record_changed(new_slugs).await?;
    Ok(minted)
}

fn insertion_order(link: &NewLink) -> Option<(i64, &str)> {
    let slug = link.slug.as_ref();
    slug.map(|slug| (link.domain.id, slug.as_str()))
}

fn short_key(record: &LinkRecord) -> RecordKey {
    RecordKey::Link {
        host: record.short_host.clone(),
        id: record.link_id.clone(),
    }
}

/// The link with ids that are, most likely, free. Its key comes later.
fn candidate(context: RequestContext<'_>, link: &NewLink) -> LinkRecord {
    let mut rng = rand::rng();
    let slug = link.slug.clone();
    let code = link.campaign.as_ref().map(|(host, _)| CodeUrl {
        host: host.clone(),
        code: LinkCode::generate(&mut rng),
    });
    let tracker = link.tracker_host.as_ref().map(|host| TrackerUrl {
        host: host.clone(),
        token: TrackerToken::generate(&mut rng),
    });
    LinkRecord {
        link_key: LinkKey(0),
        account_id: context.caller.account_id,
        short_host: link.domain.host.clone(),
        link_id: slug.unwrap_or_else(|| ShortId::generate(&mut rng)),
        tracker,
        code,
        list_id: link.list_id,
        offer_id: link.offer_id,
        campaign_id: link.campaign.as_ref().map(|(_, id)| id.clone()),
        destination: link.destination.clone(),
        message_id: link.extras.message_id.clone(),
        contact_phone: link.extras.contact_phone.clone(),
        creative_id: link.in_message.as_ref().map(|m| m.creative_id),
        default_parameters: link.default_parameters.clone(),
        forward_query: link.extras.forward_query,
        status: LinkStatus::Active,
        expires_at: link.extras.expires_at,
        version: 0,
    }
}

type Inserted = HashMap<(i64, String), (LinkKey, Timestamp)>;

/// Inserts those whose ids are free; gives what was inserted by short domain
/// and short id.
async fn link_insert_all(
    context: RequestContext<'_>,
    candidates: &[(usize, LinkRecord, NewLink)],
) -> Result<Inserted, ApiError> {
    fn column<'c, T>(
        candidates: &'c [(usize, LinkRecord, NewLink)],
        value: impl Fn(&'c LinkRecord, &'c NewLink) -> T,
    ) -> Vec<T> {
        let values = candidates
            .iter()
            .map(|(_, record, link)| value(record, link));
        values.collect()
    }
    let of = candidates;
    let statement = context.db.prepare_cached(LINK_INSERT).await?;
    let default_parameters = |r: &LinkRecord| {
        (r.default_parameters != DefaultParameters::default())
            .then(|| Json(r.default_parameters.clone()))
    };
    let metadata = |l: &NewLink| {
        let metadata = l.extras.metadata.clone();
        metadata.map(|JsonObject(map)| Json(Value::Object(map)))
    };
    let rows = context
        .db
        .query(
            &statement,
            &[
                &context.caller.account_id.0,
                &column(of, |_, l| l.domain.id),
                &column(of, |r, _| r.link_id.as_str()),
                &column(of, |r, _| r.tracker.as_ref().map(|t| t.host.as_str())),
                &column(of, |r, _| r.tracker.as_ref().map(|t| t.token.as_uuid())),
                &column(of, |r, _| r.code.as_ref().map(|c| c.code.as_str())),
                &column(of, |r, _| r.code.as_ref().map(|c| c.host.as_str())),
                &column(of, |r, _| r.list_id.map(|id| id.0)),
                &column(of, |r, _| r.offer_id.map(|id| id.to_string())),
                &column(of, |r, _| r.campaign_id.as_ref().map(|id| id.as_str())),
                &column(of, |r, _| r.destination.as_deref()),
                &column(of, |r, _| r.message_id.as_deref()),
                &column(of, |r, _| r.contact_phone.as_deref()),
                &column(of, |r, _| default_parameters(r)),
                &column(of, |_, l| metadata(l)),
                &column(of, |r, _| r.forward_query),
                &column(of, |r, _| r.expires_at),
                &column(of, |r, _| r.creative_id.map(|id| id.0)),
                &column(of, |_, l| {
                    l.in_message.as_ref().map(|m| m.placeholder.as_str())
                }),
                &column(of, |_, l| l.slug.is_some()),
            ],
        )
        .await?;
    let inserted = rows.iter().map(|row| {
        let name = (row.get("domain_id"), row.get("short_id"));
        (name, (LinkKey(row.get("id")), row.get("created_at")))
    });
    Ok(inserted.collect())
}

const LINK_INSERT: &str = "
    INSERT INTO links
        (account_id, domain_id, short_id, tracker_host, tracker_token, code, code_host, list_id,
         offer_id, campaign_id, destination, message_id, contact_phone, bound, metadata,
         forward_query, expires_at, creative_id, placeholder, is_slug)
    SELECT $1, link.*
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[],
                $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
                $14::jsonb[], $15::jsonb[], $16::boolean[], $17::timestamptz[], $18::bigint[],
                $19::text[], $20::boolean[]) AS link
    ON CONFLICT DO NOTHING
    RETURNING id, domain_id, short_id, created_at
";
