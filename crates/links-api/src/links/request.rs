//! What a create of the v2 API asks for: read, checked in the order of the
//! seeds' tables, and resolved to an offer and a list.

use std::collections::HashMap;

use domain::{
    id::{OfferId, ShortId},
    macros::Template,
    record::DefaultParameters,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::mint::{Extras, NewLink};
use crate::{
    auth::Product,
    db::{
        self,
        lists::{self, ActiveList},
    },
    error::ApiError,
    fields::{
        JsonObject, ListSelector, PhoneNumber, Text, Timestamp, non_empty, parse_slug, update_text,
    },
    http::RequestContext,
};

/// The body of every create of the v2 API. Which fields count depends on the
/// path.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkRequest {
    /// The offer's id: of a partnership offer for `/links`, of an SMS offer
    /// for `/links/shorten`, of either for `/links/bulk`.
    offer_id: Option<Text>,
    /// A partnership offer's id on the external platform; `offerId` beats it.
    /// Not for `/links/shorten`.
    external_offer_id: Option<Text>,
    /// An http(s) URL, with macros or without; `offerId` beats it. Not for
    /// `/links`.
    #[schemars(extend("format" = "uri"))]
    url: Option<Text>,
    /// The sending list's id.
    list_id: Option<i64>,
    /// The sending list's number in E.164; `listId` beats it.
    #[schemars(extend("pattern" = r"^(\+[1-9][0-9]{6,14})?$"))]
    phone_number: Option<Text>,
    /// Who gets the message, in E.164: the value of `{{contact.phone}}`.
    #[schemars(extend("pattern" = r"^(\+[1-9][0-9]{6,14})?$"))]
    contact_phone: Option<Text>,
    /// The message: the value of `{{messageId}}`. At most 255 characters.
    #[schemars(length(max = 255))]
    message_id: Option<Text>,
    /// Stored and returned. At most 16 KiB.
    metadata: Option<JsonObject>,
    /// The link's own path: 3 to 64 of A-Z, a-z, 0-9, _ and -.
    slug: Option<Text>,
    /// When the link ends; it must lie ahead.
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<Text>,
    /// Whether the click's query goes on to the destination.
    forward_query: Option<bool>,
}

/// Which links a path makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Partnership,
    Short,
    Any,
}

/// A request that can be looked up.
#[derive(Debug)]
pub struct Wanted {
    target: Target,
    list: ListSelector,
    slug: Option<ShortId>,
    extras: Extras,
}

#[derive(Debug)]
enum Target {
    Url(String),
    Offer(WantedOffer),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum WantedOffer {
    Internal(String),
    External(String),
}

impl Wanted {
    /// What is beaten (`url` by `offerId`, `phoneNumber` by `listId`) is not
    /// looked at.
    pub fn check(body: LinkRequest, kind: Kind) -> Result<Self, ApiError> {
        let target = target(&body, kind)?;
        let list = ListSelector::from_fields(body.list_id, &body.phone_number)?;
        if let Target::Url(url) = &target {
            Template::parse(url).map_err(ApiError::InvalidUrl)?;
        }
        list.validate()?;
        Ok(Self {
            target,
            list,
            slug: parse_slug(&body.slug)?,
            extras: extras(body)?,
        })
    }
}

fn target(body: &LinkRequest, kind: Kind) -> Result<Target, ApiError> {
    let internal = non_empty(&body.offer_id).map(|id| WantedOffer::Internal(id.to_owned()));
    let external =
        non_empty(&body.external_offer_id).map(|id| WantedOffer::External(id.to_owned()));
    let url = non_empty(&body.url).map(|url| Target::Url(url.trim().to_owned()));
    match kind {
        Kind::Partnership => internal
            .or(external)
            .map(Target::Offer)
            .ok_or(ApiError::MissingOfferId),
        Kind::Short => internal
            .map(Target::Offer)
            .or(url)
            .ok_or(ApiError::MissingUrlOrOffer),
        Kind::Any => internal
            .or(external)
            .map(Target::Offer)
            .or(url)
            .ok_or(ApiError::MissingUrlOrOffer),
    }
}

fn extras(body: LinkRequest) -> Result<Extras, ApiError> {
    let contact_phone = match non_empty(&body.contact_phone) {
        Some(phone) => {
            let phone = PhoneNumber::parse(phone).ok_or(ApiError::InvalidPhone("contactPhone"))?;
            Some(phone.as_str().to_owned())
        }
        None => None,
    };
    let mut message_id = None;
    update_text(&mut message_id, &body.message_id, "messageId", 255)?;
    let now = jiff::Timestamp::now();
    let expires_at = body.expires_at.as_ref();
    let expires_at = expires_at.map(|text| Timestamp::parse_future("expiresAt", text, now));
    Ok(Extras {
        contact_phone,
        message_id,
        metadata: body.metadata,
        forward_query: body.forward_query.unwrap_or(false),
        expires_at: expires_at.transpose()?.flatten(),
    })
}

/// An active offer, as far as its links need it.
#[derive(Debug, Clone)]
pub struct Offer {
    pub id: OfferId,
    is_partnership: bool,
    pub facts: OfferFacts,
}

/// What an answer says of a link's offer.
#[derive(Debug, Clone, Default)]
pub struct OfferFacts {
    /// The template that clicks are sent by.
    pub destination: String,
    pub external_id: Option<String>,
    pub affiliate_id: Option<String>,
    pub filter_bots: Option<bool>,
}

impl OfferFacts {
    /// Of a row with an offer's columns under these names.
    pub fn read(row: &tokio_postgres::Row) -> Self {
        let platform: Option<&str> = row.get("external_platform");
        let destination = db::offers::destination_template(
            row.get("offer_kind"),
            row.get("url_template"),
            platform,
        );
        Self {
            destination,
            external_id: row.get("external_id"),
            affiliate_id: row.get("affiliate_id"),
            filter_bots: row.get("filter_bots"),
        }
    }
}

/// Offers and lists that requests name, each looked up once.
#[derive(Default)]
pub struct Lookup {
    offers: HashMap<WantedOffer, Option<Offer>>,
    lists: HashMap<ListSelector, Option<ActiveList>>,
}

impl Lookup {
    /// The link that is wanted, and its offer.
    pub async fn resolve(
        &mut self,
        context: RequestContext<'_>,
        wanted: Wanted,
        kind: Kind,
    ) -> Result<(NewLink, Option<Offer>), ApiError> {
        require_product(context, &wanted.target, kind)?;
        // Both at once: the two answers come in one round trip.
        let (offer, list) = tokio::join!(
            find_offer(&mut self.offers, context, &wanted.target, kind),
            find_list(&mut self.lists, context, &wanted.list),
        );
        let (offer, list) = (offer?, list?);
        let list = list.as_ref().ok_or(ApiError::ListNotFound)?;
        let domain = list.short_domain()?.clone();
        let is_partnership = offer.as_ref().is_some_and(|offer| offer.is_partnership);
        let tracker_host = is_partnership.then(|| {
            let own = list.click_host.as_ref();
            own.unwrap_or(&context.state.platform_click_host).clone()
        });
        let link = NewLink {
            domain,
            slug: wanted.slug,
            tracker_host,
            campaign: None,
            in_message: None,
            list_id: Some(list.id),
            offer_id: offer.as_ref().map(|offer| offer.id),
            destination: match wanted.target {
                Target::Url(url) => Some(url),
                Target::Offer(_) => None,
            },
            default_parameters: DefaultParameters::default(),
            extras: wanted.extras,
        };
        Ok((link, offer))
    }
}

/// The account must have the product that the target belongs to, as far as
/// that can be told before the offer is known.
fn require_product(
    context: RequestContext<'_>,
    target: &Target,
    kind: Kind,
) -> Result<(), ApiError> {
    match (target, kind) {
        (_, Kind::Partnership) | (Target::Offer(WantedOffer::External(_)), _) => {
            context.caller.require_product(Product::OfferManagement)
        }
        (_, Kind::Short) | (Target::Url(_), _) => context.caller.require_product(Product::Sms),
        (Target::Offer(WantedOffer::Internal(_)), Kind::Any) => Ok(()),
    }
}

async fn find_offer(
    known: &mut HashMap<WantedOffer, Option<Offer>>,
    context: RequestContext<'_>,
    target: &Target,
    kind: Kind,
) -> Result<Option<Offer>, ApiError> {
    let Target::Offer(wanted) = target else {
        return Ok(None);
    };
    if !known.contains_key(wanted) {
        let found = offer_find_active(context, wanted, kind).await?;
        known.insert(wanted.clone(), found);
    }
    let offer = known[wanted].clone();
    let offer = offer.ok_or(ApiError::OfferNotFound(match kind {
        Kind::Partnership => "partnership offer",
        Kind::Short | Kind::Any => "offer",
    }))?;
    if kind == Kind::Any {
        context.caller.require_product(if offer.is_partnership {
            Product::OfferManagement
        } else {
            Product::Sms
        })?;
    }
    Ok(Some(offer))
}

async fn find_list<'k>(
    known: &'k mut HashMap<ListSelector, Option<ActiveList>>,
    context: RequestContext<'_>,
    wanted: &ListSelector,
) -> Result<&'k Option<ActiveList>, ApiError> {
    if !known.contains_key(wanted) {
        let found = lists::find_active(context.db, context.caller.account_id, wanted).await?;
        known.insert(wanted.clone(), found);
    }
    Ok(&known[wanted])
}

/// An external id that several offers have means the newest of them.
async fn offer_find_active(
    context: RequestContext<'_>,
    wanted: &WantedOffer,
    kind: Kind,
) -> Result<Option<Offer>, ApiError> {
    let columns = "id, kind AS offer_kind, url_template, external_platform, external_id,
                   affiliate_id, filter_bots";
    let account_id = context.caller.account_id.0;
    let row = match wanted {
        WantedOffer::Internal(id) => {
            let Ok(id) = OfferId::parse(id) else {
                return Ok(None);
            };
            let kinds: &[&str] = match kind {
                Kind::Partnership => &["partnership"],
                Kind::Short => &["sms"],
                Kind::Any => &["partnership", "sms"],
            };
            let sql = format!(
                "SELECT {columns}
                 FROM offers
                 WHERE id = $2 AND account_id = $1 AND kind = ANY($3) AND status = 'active'"
            );
            let statement = context.db.prepare_cached(&sql).await?;
            context
                .db
                .query_opt(&statement, &[&account_id, &id.to_string(), &kinds])
                .await?
        }
        WantedOffer::External(id) => {
            let sql = format!(
                "SELECT {columns}
                 FROM offers
                 WHERE account_id = $1
                   AND kind = 'partnership'
                   AND external_id = $2
                   AND status = 'active'
                 ORDER BY created_at DESC, id DESC
                 LIMIT 1"
            );
            let statement = context.db.prepare_cached(&sql).await?;
            context.db.query_opt(&statement, &[&account_id, id]).await?
        }
    };
    row.map(|row| {
        Ok(Offer {
            id: OfferId::parse(row.get("id")).map_err(ApiError::internal)?,
            is_partnership: row.get::<_, &str>("offer_kind") == "partnership",
            facts: OfferFacts::read(&row),
        })
    })
    .transpose()
}
