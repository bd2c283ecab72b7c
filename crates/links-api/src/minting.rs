//! Creating links of every kind: one statement for one link and for a thousand. Ids are
//! generated, and generated again where they are taken.

use domain::{
    cost::ClickCostRule,
    id::{CampaignId, CreativeId, LinkCode, LinkKey, ListId, OfferId, ShortId, TrackerToken},
    record::{CodeUrl, DefaultParameters, LinkRecord, LinkStatus, TrackerUrl},
};
use jiff::Timestamp;

use crate::{
    db::{
        domains::ShortDomain,
        links::{LinkInsert, insert_all_if_free},
    },
    error::ApiError,
    fields::JsonObject,
    http::RequestContext,
};

/// A link that has not been inserted.
#[derive(Debug, Clone)]
pub struct NewLink {
    pub domain: ShortDomain,
    pub slug: Option<ShortId>,
    /// Host of the click tracker, for the link of a partnership offer.
    pub tracker_host: Option<String>,
    pub placeholder: Option<MessagePlaceholder>,
    pub campaign: Option<NewCampaignLink>,
    pub list_id: Option<ListId>,
    pub offer_id: Option<OfferId>,
    pub destination: Option<String>,
    pub default_parameters: DefaultParameters,
    pub attributes: LinkAttributes,
}

/// The campaign of a link, and the host of its second name.
#[derive(Debug, Clone)]
pub struct NewCampaignLink {
    pub campaign_id: CampaignId,
    pub code_host: String,
}

/// The placeholder of a creative that a link stands for.
#[derive(Debug, Clone)]
pub struct MessagePlaceholder {
    pub creative_id: CreativeId,
    pub name: String,
}

/// Optional attributes of any link.
#[derive(Debug, Clone, Default)]
pub struct LinkAttributes {
    pub message_id: Option<String>,
    /// E.164.
    pub contact_phone: Option<String>,
    pub metadata: Option<JsonObject>,
    pub forward_query: bool,
    pub click_cost: Option<ClickCostRule>,
    pub expires_at: Option<Timestamp>,
}

/// A link that was inserted.
#[derive(Debug, Clone)]
pub struct MintedLink {
    pub record: LinkRecord,
    pub created_at: Timestamp,
}

/// Attempts to insert a link with generated ids. With 3.5e12 short ids per domain, even one
/// collision means that the generator is broken.
const MAX_ATTEMPTS: usize = 5;

/// Why one of several links was not inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MintError {
    SlugTaken,
    IdCollision,
}

impl From<MintError> for ApiError {
    fn from(error: MintError) -> Self {
        match error {
            MintError::SlugTaken => Self::SlugTaken,
            MintError::IdCollision => Self::IdCollision,
        }
    }
}

pub async fn mint_link(context: RequestContext<'_>, link: NewLink) -> Result<MintedLink, ApiError> {
    let mut minted = mint_links(context, vec![link]).await?;
    let minted = minted.pop().expect("there is a result for each link");
    Ok(minted?)
}

/// Inserts links. The results are in the order of `links`.
pub async fn mint_links(
    context: RequestContext<'_>,
    links: Vec<NewLink>,
) -> Result<Vec<Result<MintedLink, MintError>>, ApiError> {
    let mut results: Vec<_> = links.iter().map(|_| Err(MintError::IdCollision)).collect();
    let mut pending: Vec<(usize, NewLink)> = links.into_iter().enumerate().collect();
    // Links are inserted in this order. Slugs come in the same order in every request, so that
    // two requests with the same slugs never wait for each other in a circle; others keep theirs.
    pending.sort_by(|(_, a), (_, b)| insertion_order(a).cmp(&insertion_order(b)));
    let mut new_slugs = Vec::new();
    for _ in 0..MAX_ATTEMPTS {
        let candidates: Vec<_> = pending
            .drain(..)
            .map(|(index, link)| (index, with_generated_ids(context, &link), link))
            .collect();
        if candidates.is_empty() {
            break;
        }
        let inserts: Vec<_> = candidates
            .iter()
            .map(|(_, record, link)| insert_of(record, link))
            .collect();
        let account_id = context.caller.account_id;
        let mut inserted = insert_all_if_free(context.db, account_id, &inserts).await?;
        for (index, record, link) in candidates {
            let name = (link.domain.id, record.link_id.as_str().to_owned());
            match inserted.remove(&name) {
                Some((link_key, created_at)) => {
                    if link.slug.is_some() {
                        new_slugs.push(record.short_key());
                    }
                    let record = LinkRecord { link_key, ..record };
                    results[index] = Ok(MintedLink { record, created_at });
                }
                None if link.slug.is_some() => results[index] = Err(MintError::SlugTaken),
                None => pending.push((index, link)),
            }
        }
    }
    // A redirector that was asked for a slug before it existed remembers that it did not.
    context.outbox.record_changed(new_slugs).await?;
    Ok(results)
}

fn insertion_order(link: &NewLink) -> Option<(i64, &str)> {
    let slug = link.slug.as_ref();
    slug.map(|slug| (link.domain.id, slug.as_str()))
}

fn insert_of<'a>(record: &'a LinkRecord, link: &'a NewLink) -> LinkInsert<'a> {
    let metadata = link.attributes.metadata.as_ref();
    let placeholder = link.placeholder.as_ref();
    LinkInsert {
        record,
        domain_id: link.domain.id,
        metadata: metadata.map(|JsonObject(map)| map),
        placeholder: placeholder.map(|placeholder| placeholder.name.as_str()),
        is_slug: link.slug.is_some(),
    }
}

/// The record of the link with generated ids, which are most likely free. Its key is known
/// only when it is inserted.
fn with_generated_ids(context: RequestContext<'_>, link: &NewLink) -> LinkRecord {
    let mut rng = rand::rng();
    let slug = link.slug.clone();
    let campaign = link.campaign.as_ref();
    let code = campaign.map(|campaign| CodeUrl {
        host: campaign.code_host.clone(),
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
        campaign_id: campaign.map(|campaign| campaign.campaign_id.clone()),
        destination: link.destination.clone(),
        message_id: link.attributes.message_id.clone(),
        contact_phone: link.attributes.contact_phone.clone(),
        creative_id: link.placeholder.as_ref().map(|p| p.creative_id),
        default_parameters: link.default_parameters.clone(),
        forward_query: link.attributes.forward_query,
        click_cost: link.attributes.click_cost.clone(),
        status: LinkStatus::Active,
        expires_at: link.attributes.expires_at,
        version: 0,
    }
}
