//! `POST /api/v2/links`: a short link for a partnership offer, routed through
//! the click tracker (seed create-link).

use std::borrow::Cow;

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{
    id::{AccountId, LinkKey, ListId, OfferId, ShortId, TrackerToken},
    macros::{Macro, fill_known},
    record::{Bound, LinkRecord, LinkStatus, Tracker},
};
use serde::{Deserialize, Serialize};
use store::pool::GenericClient;

use crate::{
    auth::{Caller, authenticate},
    body::{self, Text, given},
    error::ApiError,
    phone::PhoneNumber,
    serve::Services,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateLink {
    offer_id: Option<Text>,
    external_offer_id: Option<Text>,
    list_id: Option<i64>,
    phone_number: Option<Text>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CreatedLink {
    short_url: String,
    link_id: ShortId,
    click_tracker_url: String,
    destination_url: String,
    /// With its scheme.
    domain: String,
    offer_id: OfferId,
}

/// Answers 201 and the link. The checks run in the order of the seed's table.
pub async fn create_link(
    request: HttpRequest,
    payload: web::Payload,
    services: web::Data<Services>,
) -> Result<HttpResponse, ApiError> {
    let client = services.pool.get().await?;
    let caller = authenticate(&client, &request).await?;
    caller.require_scope("links:write")?;
    let wanted = Wanted::check(body::json(payload).await?)?;
    let (offer, list) = resolve(&client, &caller, &wanted).await?;
    let record = insert(&client, caller.account_id, &offer, &list, &services).await?;
    drop(client);
    services.store_link(&record).await;
    Ok(HttpResponse::Created().json(answer(&record, &offer)))
}

/// Which offer and list a request asks for.
struct Wanted {
    offer: WantedOffer,
    list: WantedList,
}

enum WantedOffer {
    Internal(String),
    External(String),
}

enum WantedList {
    Id(ListId),
    Phone(PhoneNumber),
}

impl Wanted {
    /// Both given: `offerId` beats `externalOfferId`, `listId` beats
    /// `phoneNumber`, and what is beaten is not looked at.
    fn check(body: CreateLink) -> Result<Self, ApiError> {
        let offer = match (given(&body.offer_id), given(&body.external_offer_id)) {
            (Some(id), _) => WantedOffer::Internal(id.to_owned()),
            (None, Some(id)) => WantedOffer::External(id.to_owned()),
            (None, None) => return Err(ApiError::MissingOfferId),
        };
        let list = match (body.list_id, given(&body.phone_number)) {
            (Some(id), _) => WantedList::Id(ListId(id)),
            (None, Some(phone)) => {
                WantedList::Phone(PhoneNumber::parse(phone).ok_or(ApiError::InvalidPhone)?)
            }
            (None, None) => return Err(ApiError::MissingListIdentifier),
        };
        Ok(Self { offer, list })
    }
}

struct Offer {
    id: OfferId,
    template: String,
    external_id: Option<String>,
    affiliate_id: Option<String>,
}

struct List {
    id: ListId,
    short_domain_id: i64,
    short_host: String,
    click_host: Option<String>,
}

async fn resolve(
    client: &impl GenericClient,
    caller: &Caller,
    wanted: &Wanted,
) -> Result<(Offer, List), ApiError> {
    if !caller.has_product("offer_management") {
        return Err(ApiError::ProductNotEnabled("Offer Management"));
    }
    let offer = offer_find_active(client, caller.account_id, &wanted.offer)
        .await?
        .ok_or(ApiError::OfferNotFound)?;
    let list = list_find_active(client, caller.account_id, &wanted.list).await?;
    Ok((offer, list))
}

/// An external id that several offers have means the newest of them.
async fn offer_find_active(
    client: &impl GenericClient,
    account_id: AccountId,
    wanted: &WantedOffer,
) -> Result<Option<Offer>, ApiError> {
    let (by_id, by_external_id) = match wanted {
        WantedOffer::Internal(id) => (OfferId::parse(id).ok().map(|id| id.to_string()), None),
        WantedOffer::External(id) => (None, Some(id)),
    };
    let statement = client
        .prepare_cached(
            "SELECT id, url_template, external_id, affiliate_id
             FROM offers
             WHERE account_id = $1
               AND kind = 'partnership'
               AND status = 'active'
               AND (id = $2 OR external_id = $3)
             ORDER BY created_at DESC, id DESC
             LIMIT 1",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &by_id, &by_external_id])
        .await?;
    row.map(|row| {
        Ok(Offer {
            id: OfferId::parse(row.get("id")).map_err(|e| ApiError::Internal(e.into()))?,
            template: row.get("url_template"),
            external_id: row.get("external_id"),
            affiliate_id: row.get("affiliate_id"),
        })
    })
    .transpose()
}

async fn list_find_active(
    client: &impl GenericClient,
    account_id: AccountId,
    wanted: &WantedList,
) -> Result<List, ApiError> {
    let (by_id, by_phone) = match wanted {
        WantedList::Id(id) => (Some(id.0), None),
        WantedList::Phone(phone) => (None, Some(phone.as_str())),
    };
    let statement = client
        .prepare_cached(
            "SELECT l.id, s.id AS short_domain_id, s.host AS short_host, c.host AS click_host
             FROM lists l
             LEFT JOIN domains s ON s.id = l.short_domain_id AND s.status = 'active'
             LEFT JOIN domains c ON c.id = l.click_domain_id AND c.status = 'active'
             WHERE l.account_id = $1
               AND l.status = 'active'
               AND (l.id = $2 OR l.phone_number = $3)",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &by_id, &by_phone])
        .await?
        .ok_or(ApiError::ListNotFound)?;
    let short_domain: Option<i64> = row.get("short_domain_id");
    Ok(List {
        id: ListId(row.get("id")),
        short_domain_id: short_domain.ok_or(ApiError::NoDomainConfigured)?,
        short_host: row.get("short_host"),
        click_host: row.get("click_host"),
    })
}

/// Short ids that are tried before a collision is the client's to know. With
/// 3.5e12 ids per domain even one retry means a broken generator.
const ID_TRIES: usize = 5;

async fn insert(
    client: &impl GenericClient,
    account_id: AccountId,
    offer: &Offer,
    list: &List,
    services: &Services,
) -> Result<LinkRecord, ApiError> {
    let tracker_host = list
        .click_host
        .as_ref()
        .unwrap_or(&services.platform_click_host);
    let tracker = Tracker {
        host: tracker_host.clone(),
        token: TrackerToken::generate(&mut rand::rng()),
    };
    for _ in 0..ID_TRIES {
        let link_id = ShortId::generate(&mut rand::rng());
        let Some(link_key) =
            link_insert(client, account_id, offer, list, &link_id, &tracker).await?
        else {
            continue;
        };
        return Ok(LinkRecord {
            link_key,
            account_id,
            short_host: list.short_host.clone(),
            link_id,
            tracker: Some(tracker),
            list_id: Some(list.id),
            offer_id: Some(offer.id),
            destination: None,
            message_id: None,
            contact_phone: None,
            creative_id: None,
            bound: Bound::default(),
            status: LinkStatus::Active,
            expires_at: None,
        });
    }
    Err(ApiError::IdCollision)
}

/// `None` if the short domain has this id already.
async fn link_insert(
    client: &impl GenericClient,
    account_id: AccountId,
    offer: &Offer,
    list: &List,
    link_id: &ShortId,
    tracker: &Tracker,
) -> Result<Option<LinkKey>, ApiError> {
    let statement = client
        .prepare_cached(
            "INSERT INTO links
                 (account_id, domain_id, short_id, tracker_host, tracker_token, list_id, offer_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT ON CONSTRAINT links_short_id_key DO NOTHING
             RETURNING id",
        )
        .await?;
    let row = client
        .query_opt(
            &statement,
            &[
                &account_id.0,
                &list.short_domain_id,
                &link_id.as_str(),
                &tracker.host,
                &tracker.token.as_uuid(),
                &list.id.0,
                &offer.id.to_string(),
            ],
        )
        .await?;
    Ok(row.map(|row| LinkKey(row.get("id"))))
}

fn answer(record: &LinkRecord, offer: &Offer) -> CreatedLink {
    let domain = format!("https://{}", record.short_host);
    let known = |name| match name {
        Macro::OfferId => Some(Cow::Owned(offer.id.to_string())),
        Macro::ExternalId => offer.external_id.as_deref().map(Cow::Borrowed),
        Macro::AffiliateId => offer.affiliate_id.as_deref().map(Cow::Borrowed),
        Macro::AccountId => Some(Cow::Owned(record.account_id.to_string())),
        Macro::ListId => record.list_id.map(|id| Cow::Owned(id.to_string())),
        Macro::LinkId => Some(Cow::Borrowed(record.link_id.as_str())),
        _ => None,
    };
    CreatedLink {
        short_url: format!("{domain}/{}", record.link_id),
        link_id: record.link_id.clone(),
        click_tracker_url: record
            .tracker
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        destination_url: fill_known(&offer.template, known),
        domain,
        offer_id: offer.id,
    }
}
