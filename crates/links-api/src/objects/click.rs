//! A click as it is exported.

use domain::money;
use ledger::keys::is_message_click;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;

use crate::fields::Timestamp;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Click")]
pub struct ClickObject {
    pub click_id: String,
    clicked_at: Timestamp,
    link_id: String,
    list_id: Option<i64>,
    offer_id: Option<String>,
    creative_id: Option<i64>,
    campaign_id: Option<String>,
    message_id: Option<String>,
    contact_phone: Option<String>,
    /// A pseudonym of the visitor, which changes every day.
    visitor: String,
    /// Null if the account does not store addresses.
    ip: Option<String>,
    user_agent: Option<String>,
    referrer: Option<String>,
    country: Option<String>,
    /// The code of the subdivision (ISO 3166-2), or a name.
    region: Option<String>,
    city: Option<String>,
    /// The language that the browser asked for first (ISO 639).
    language: Option<String>,
    asn: Option<i64>,
    device: Option<String>,
    os: Option<String>,
    browser: Option<String>,
    sub1: Option<String>,
    sub2: Option<String>,
    sub3: Option<String>,
    sub4: Option<String>,
    sub5: Option<String>,
    source: Option<String>,
    creative: Option<String>,
    /// The text of the URL's parameter `cost`.
    cost: Option<String>,
    /// What the click costs by its URL, if the account or link has set `click_cost`: a decimal
    /// number.
    click_cost: Option<String>,
    click_cost_currency: Option<String>,
    /// Why the URL's parameter is no cost: `no_value`, `unreadable`, `negative`, `other_currency`
    /// or `above_max`.
    click_cost_error: Option<String>,
    is_bot: bool,
    bot_reasons: Vec<String>,
    bot_rules: Vec<String>,
    /// Whether the Continue button of the preview page was pressed.
    confirmed: bool,
    /// How the path of the request differs from the link's: `escapes_decoded`,
    /// `prefix_ignored`, `suffix_ignored`, `case_ignored`. Empty if it does not.
    path_corrections: Vec<String>,
    /// Whether it counts as its contact's click on the message: the first that is not a bot's.
    is_message_click: bool,
}

/// The columns that a [`ClickObject`] is made of, of clicks `c`.
pub fn columns() -> String {
    format!(
        "c.click_id::text AS click_id, c.clicked_at, c.link_id, c.list_id, c.offer_id,
         c.creative_id, c.campaign_id, c.message_id, c.contact_phone, c.visitor,
         host(c.ip) AS ip, c.user_agent, c.referrer, c.country, c.region, c.city,
         c.language, c.asn, c.device, c.os, c.browser,
         c.sub1, c.sub2, c.sub3, c.sub4, c.sub5, c.source, c.creative, c.cost,
         c.click_cost, c.click_cost_currency, c.click_cost_error, c.is_bot,
         c.bot_reasons, c.bot_rules, c.confirmed, c.path_corrections,
         {} AS is_message_click",
        is_message_click()
    )
}

/// The columns of CSV, in the order of the object.
pub const CSV_COLUMNS: [&str; 38] = [
    "click_id",
    "clicked_at",
    "link_id",
    "list_id",
    "offer_id",
    "creative_id",
    "campaign_id",
    "message_id",
    "contact_phone",
    "visitor",
    "ip",
    "user_agent",
    "referrer",
    "country",
    "region",
    "city",
    "language",
    "asn",
    "device",
    "os",
    "browser",
    "sub1",
    "sub2",
    "sub3",
    "sub4",
    "sub5",
    "source",
    "creative",
    "cost",
    "click_cost",
    "click_cost_currency",
    "click_cost_error",
    "is_bot",
    "bot_reasons",
    "bot_rules",
    "confirmed",
    "path_corrections",
    "is_message_click",
];

impl From<&Row> for ClickObject {
    fn from(row: &Row) -> Self {
        Self {
            click_id: row.get("click_id"),
            clicked_at: Timestamp(row.get("clicked_at")),
            link_id: row.get("link_id"),
            list_id: row.get("list_id"),
            offer_id: row.get("offer_id"),
            creative_id: row.get("creative_id"),
            campaign_id: row.get("campaign_id"),
            message_id: row.get("message_id"),
            contact_phone: row.get("contact_phone"),
            visitor: row.get("visitor"),
            ip: row.get("ip"),
            user_agent: row.get("user_agent"),
            referrer: row.get("referrer"),
            country: row.get("country"),
            region: row.get("region"),
            city: row.get("city"),
            language: row.get("language"),
            asn: row.get("asn"),
            device: row.get("device"),
            os: row.get("os"),
            browser: row.get("browser"),
            sub1: row.get("sub1"),
            sub2: row.get("sub2"),
            sub3: row.get("sub3"),
            sub4: row.get("sub4"),
            sub5: row.get("sub5"),
            source: row.get("source"),
            creative: row.get("creative"),
            cost: row.get("cost"),
            click_cost: row.get::<_, Option<_>>("click_cost").map(money::format),
            click_cost_currency: row.get("click_cost_currency"),
            click_cost_error: row.get("click_cost_error"),
            is_bot: row.get("is_bot"),
            bot_reasons: row.get("bot_reasons"),
            bot_rules: row.get("bot_rules"),
            confirmed: row.get("confirmed"),
            path_corrections: row.get("path_corrections"),
            is_message_click: row.get("is_message_click"),
        }
    }
}

impl ClickObject {
    pub fn example() -> Value {
        json!({
            "click_id": "01a11d5c-1e7b-7123-8123-456789abcdef",
            "clicked_at": "2026-03-10T08:15:00.123Z",
            "link_id": "Ab3kX9q",
            "list_id": 42,
            "offer_id": "6789abcd1234ef5678901234",
            "creative_id": 101,
            "campaign_id": null,
            "message_id": "m-1",
            "contact_phone": "+18005550100",
            "visitor": "0123456789abcdef0123456789abcdef",
            "ip": "203.0.113.9",
            "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)",
            "referrer": null,
            "country": "US",
            "region": "US-CA",
            "city": "Los Angeles",
            "language": "en",
            "asn": 64496,
            "device": "mobile",
            "os": "iOS",
            "browser": "Mobile Safari",
            "sub1": "campaign_a",
            "sub2": null,
            "sub3": null,
            "sub4": null,
            "sub5": null,
            "source": "sms",
            "creative": null,
            "cost": "0.05",
            "click_cost": "0.05",
            "click_cost_currency": "USD",
            "click_cost_error": null,
            "is_bot": false,
            "bot_reasons": [],
            "bot_rules": [],
            "confirmed": false,
            "path_corrections": [],
            "is_message_click": true,
        })
    }
}
