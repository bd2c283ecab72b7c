//! A link of the v2 API as JSON.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    db::links::{LinkRow, LinkState},
    fields::{ClickCostObject, Timestamp},
    objects::destination::destination_url,
};

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkObject {
    link_id: String,
    short_url: String,
    /// Null if the short link redirects directly to the destination.
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
    /// Null if the account's setting holds.
    click_cost: Option<ClickCostObject>,
    /// The offer's `filter_bots`, or else the account's mode.
    filter_bots: bool,
    status: LinkState,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl LinkObject {
    /// `account_filters_bots` holds for links whose offer does not decide.
    pub fn new(row: LinkRow, account_filters_bots: bool) -> Self {
        let LinkRow { record, offer, .. } = row;
        let offer_filters_bots = offer.as_ref().and_then(|offer| offer.filter_bots);
        Self {
            link_id: record.link_id.to_string(),
            short_url: record.short_url(),
            click_tracker_url: record.tracker.as_ref().map(ToString::to_string),
            destination_url: destination_url(&record, offer.as_ref()),
            domain: record.short_host,
            offer_id: record.offer_id.map(|id| id.to_string()),
            list_id: record.list_id.map(|id| id.0),
            message_id: record.message_id,
            contact_phone: record.contact_phone,
            metadata: row.metadata,
            forward_query: record.forward_query,
            click_cost: record.click_cost.map(ClickCostObject::from),
            filter_bots: offer_filters_bots.unwrap_or(account_filters_bots),
            status: record.status.into(),
            expires_at: record.expires_at.map(Timestamp),
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
        }
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
            "clickCost": null,
            "filterBots": false,
            "status": "active",
            "expiresAt": null,
            "createdAt": "2026-03-10T08:15:00.000Z",
            "updatedAt": "2026-03-10T08:15:00.000Z",
        })
    }
}
