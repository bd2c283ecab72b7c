//! `GET /api/v2/contacts/{phone}/journey`: everything that happened to a contact.

use domain::message_click_key::phone_contact_key;
use ledger::keys::{CLICK_MESSAGE_KEY, LINK_MESSAGE_KEY};
use postgres::pool::GenericClient as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use crate::{
    error::ApiError,
    fields::{PhoneNumber, QueryTime, Timestamp},
    http::{BoundedInteger, QueryParameters, RequestContext, Response},
};

const MAX_EVENTS: i64 = 1_000;
const DEFAULT_EVENTS: i64 = 100;

#[derive(Debug, Deserialize, JsonSchema)]
pub struct JourneyQuery {
    /// Events of a page, 100 by default, at most 1,000.
    limit: Option<BoundedInteger<1, MAX_EVENTS>>,
    /// Only events before this time: `next_before` of the page before.
    before: Option<QueryTime>,
}

impl QueryParameters for JourneyQuery {}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Journey {
    contact_phone: String,
    events: Vec<JourneyEvent>,
    next_before: Option<Timestamp>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct JourneyEvent {
    /// send, click or conversion.
    r#type: String,
    at: Timestamp,
    #[schemars(with = "serde_json::Map<String, Value>")]
    details: Value,
}

pub async fn get_contact_journey(
    context: RequestContext<'_>,
    phone: PhoneNumber,
    query: JourneyQuery,
) -> Result<Response, ApiError> {
    let limit = query.limit.map_or(DEFAULT_EVENTS, BoundedInteger::get);
    let before = query.before.map(|time| time.0);
    let sql = include_str!("journey.sql")
        .replace("{click_message_key}", CLICK_MESSAGE_KEY)
        .replace("{link_message_key}", LINK_MESSAGE_KEY);
    let statement = context.db.prepare_cached(&sql).await?;
    let account_id = context.caller.account_id.0;
    let contact_key = phone_contact_key(phone.as_str());
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&account_id, &phone.as_str(), &before, &limit, &contact_key];
    let rows = context.db.query(&statement, &parameters).await?;
    let events: Vec<_> = rows.iter().map(JourneyEvent::from).collect();
    let is_full = events.len() as i64 == limit;
    let next_before = events.last().filter(|_| is_full).map(|event| event.at);
    Response::ok(&Journey {
        contact_phone: phone.as_str().to_owned(),
        events,
        next_before,
    })
}

impl From<&Row> for JourneyEvent {
    fn from(row: &Row) -> Self {
        let Json(details) = row.get("details");
        Self {
            r#type: row.get("type"),
            at: Timestamp(row.get("at")),
            details,
        }
    }
}

impl Journey {
    pub fn example() -> Value {
        json!({
            "contact_phone": "+18005550100",
            "events": [
                { "type": "conversion", "at": "2026-03-10T09:00:00Z", "details": {
                    "conversion_id": "01a11d5d-1e7b-7123-8123-456789abcdef", "event": "sale",
                    "amount": "12.50", "currency": "USD", "message_id": "m-1" } },
                { "type": "click", "at": "2026-03-10T08:15:00.123Z", "details": {
                    "click_id": "01a11d5c-1e7b-7123-8123-456789abcdef", "link_id": "Ab3kX9q",
                    "message_id": "m-1", "is_bot": false, "is_message_click": true } },
                { "type": "send", "at": "2026-03-10T08:00:00Z", "details": {
                    "message_id": "m-1", "creative_id": 101, "list_id": 42,
                    "status": "delivered" } },
            ],
            "next_before": null,
        })
    }
}
