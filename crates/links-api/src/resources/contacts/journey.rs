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
    http::{BoundedInteger, NextPage, QueryParameters, RequestContext, Response},
};

const MAX_EVENTS: i64 = 1_000;
const DEFAULT_EVENTS: i64 = 100;

#[derive(Debug, Deserialize, JsonSchema)]
pub struct JourneyQuery {
    /// Events of a page, 100 by default, at most 1,000.
    limit: Option<BoundedInteger<1, MAX_EVENTS>>,
    /// Only events before this time: `next_before` of the page before.
    before: Option<QueryTime>,
    /// `next_cursor` of the page before, instead of `before`.
    cursor: Option<QueryTime>,
}

impl QueryParameters for JourneyQuery {}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Journey {
    contact_phone: String,
    events: Vec<JourneyEvent>,
    /// The same as `next_cursor`.
    next_before: Option<Timestamp>,
    #[serde(flatten)]
    next: NextPage,
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
    let limit: i64 = query.limit.map_or(DEFAULT_EVENTS, BoundedInteger::get);
    if query.before.is_some() && query.cursor.is_some() {
        let problem = "it stands for a time, as before does: leave out one of them";
        return Err(ApiError::invalid_field("cursor", problem));
    }
    let before = query.before.or(query.cursor).map(|time| time.0);
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
    let last = rows.last().filter(|row| row.get("has_more"));
    let next_before = last.map(|row| Timestamp(row.get("at")).to_milliseconds());
    Response::ok(&Journey {
        contact_phone: phone.as_str().to_owned(),
        events,
        next_before,
        next: NextPage::new(next_before.map(|time| time.to_string())),
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
                { "type": "conversion", "at": "2026-03-10T09:00:00.000Z", "details": {
                    "conversion_id": "01a11d5d-1e7b-7123-8123-456789abcdef", "event": "sale",
                    "amount": "12.50", "currency": "USD", "message_id": "m-1" } },
                { "type": "click", "at": "2026-03-10T08:15:00.123Z", "details": {
                    "click_id": "01a11d5c-1e7b-7123-8123-456789abcdef", "link_id": "Ab3kX9q",
                    "message_id": "m-1", "is_bot": false, "is_message_click": true } },
                { "type": "send", "at": "2026-03-10T08:00:00.000Z", "details": {
                    "message_id": "m-1", "creative_id": 101, "list_id": 42 } },
            ],
            "next_before": null,
            "next_cursor": null,
            "has_more": false,
        })
    }
}
