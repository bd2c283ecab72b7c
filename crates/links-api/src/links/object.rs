//! The link object of the v2 API.

use std::borrow::Cow;

use domain::{
    macros::{Macro, fill_known_macros},
    record::{LinkRecord, LinkStatus},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::{Row, types::Json};

use super::request::OfferFacts;
use crate::{
    db::links::{RECORD_COLUMNS, record_from_row},
    error::ApiError,
    fields::Timestamp,
    http::RequestContext,
};

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkObject {
    link_id: String,
    short_url: String,
    /// Null where the short link goes straight to the destination.
    click_tracker_url: Option<String>,
    /// With the macros filled in whose values are known.
    destination_url: String,
    /// The short domain's host.
    domain: String,
    offer_id: Option<String>,
    list_id: Option<i64>,
    message_id: Option<String>,
    contact_phone: Option<String>,
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    metadata: Option<Value>,
    forward_query: bool,
    /// The offer's `filter_bots`, else the account's mode.
    filter_bots: bool,
    status: LinkState,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    Active,
    Deactivated,
}

impl From<LinkStatus> for LinkState {
    fn from(status: LinkStatus) -> Self {
        match status {
            LinkStatus::Active => Self::Active,
            LinkStatus::Deactivated => Self::Deactivated,
        }
    }
}

/// When a link was made and last changed.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}

impl LinkObject {
    pub fn new(
        context: RequestContext<'_>,
        link: &LinkRecord,
        offer: Option<&OfferFacts>,
        metadata: Option<Value>,
        times: Times,
    ) -> Self {
        let own = offer.and_then(|offer| offer.filter_bots);
        Self {
            link_id: link.link_id.to_string(),
            short_url: short_url(link),
            click_tracker_url: link.tracker.as_ref().map(ToString::to_string),
            destination_url: destination_url(link, offer),
            domain: link.short_host.clone(),
            offer_id: link.offer_id.map(|id| id.to_string()),
            list_id: link.list_id.map(|id| id.0),
            message_id: link.message_id.clone(),
            contact_phone: link.contact_phone.clone(),
            metadata,
            forward_query: link.forward_query,
            filter_bots: own.unwrap_or(context.caller.filters_bots),
            status: link.status.into(),
            expires_at: link.expires_at.map(Timestamp),
            created_at: Timestamp(times.created_at),
            updated_at: Timestamp(times.updated_at),
        }
    }

    /// Of a row with [`columns`].
    pub fn read(context: RequestContext<'_>, row: &Row) -> Result<Self, ApiError> {
        let link = record_from_row(row)?;
        let offer = link.offer_id.map(|_| OfferFacts::read(row));
        let metadata: Option<Json<Value>> = row.get("metadata");
        let times = Times {
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        };
        let metadata = metadata.map(|Json(metadata)| metadata);
        Ok(Self::new(context, &link, offer.as_ref(), metadata, times))
    }

    pub fn example() -> Value {
        json!({
            "linkId": "Ab3kX9q",
            "shortUrl": "https://yourdomain.com/Ab3kX9q",
            "clickTrackerUrl": null,
            "destinationUrl": "https://example.com/page",
            "domain": "yourdomain.com",
            "offerId": null,
            "listId": 42,
            "messageId": null,
            "contactPhone": null,
            "metadata": { "source": "ai_agent", "conversation_id": "abc123" },
            "forwardQuery": false,
            "filterBots": false,
            "status": "active",
            "expiresAt": null,
            "createdAt": "2026-03-10T08:15:00Z",
            "updatedAt": "2026-03-10T08:15:00Z",
        })
    }
}

/// What [`LinkObject::read`] reads of [`FROM`].
pub fn columns() -> String {
    format!(
        "{RECORD_COLUMNS}, l.metadata, l.created_at, l.updated_at, o.kind AS offer_kind,
         o.url_template, o.external_platform, o.external_id, o.affiliate_id, o.filter_bots"
    )
}

pub const FROM: &str = "
    FROM links l
    JOIN domains d ON d.id = l.domain_id
    LEFT JOIN offers o ON o.id = l.offer_id
";

pub fn short_url(link: &LinkRecord) -> String {
    format!("https://{}/{}", link.short_host, link.link_id)
}

/// What is known of a link's destination before anybody has clicked.
pub fn destination_url(link: &LinkRecord, offer: Option<&OfferFacts>) -> String {
    let template = match (&link.destination, offer) {
        (Some(own), _) => own,
        (None, Some(offer)) => &offer.destination,
        (None, None) => return String::new(),
    };
    let text = |text: &Option<String>| text.clone().map(Cow::Owned);
    fill_known_macros(template, |name| match name {
        Macro::OfferId => link.offer_id.map(|id| Cow::Owned(id.to_string())),
        Macro::ExternalId => offer.and_then(|offer| text(&offer.external_id)),
        Macro::AffiliateId => offer.and_then(|offer| text(&offer.affiliate_id)),
        Macro::AccountId => Some(Cow::Owned(link.account_id.to_string())),
        Macro::ListId => link.list_id.map(|id| Cow::Owned(id.to_string())),
        Macro::LinkId => Some(Cow::Borrowed(link.link_id.as_str())),
        Macro::MessageId => text(&link.message_id),
        Macro::ContactPhone => text(&link.contact_phone),
        _ => None,
    })
}
