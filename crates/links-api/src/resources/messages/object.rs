//! A message as JSON, with what happened to it.

use std::collections::BTreeMap;

use domain::money;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    db::{
        link_totals::{CurrencyTotal, MessageLinkRow},
        messages::{MessageRow, MessageStatus},
    },
    fields::Timestamp,
    objects::{click::ClickObject, conversion::ConversionObject},
};

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Message")]
pub struct MessageObject {
    message_id: String,
    creative_id: Option<i64>,
    list_id: Option<i64>,
    contact_phone: Option<String>,
    /// The text of a recorded message, if it was given.
    text: Option<String>,
    /// What a recorded message was sent from, if it was given.
    sender: Option<String>,
    /// Null for a message that was neither rendered nor recorded.
    sent_at: Option<Timestamp>,
    /// sent, delivered, failed or undelivered. Null for a message that was neither rendered nor
    /// recorded.
    #[schemars(with = "Option<String>")]
    status: Option<MessageStatus>,
    /// When it got this status, by the network.
    status_at: Option<Timestamp>,
    /// The reason of the status in the network's own words; null without one.
    status_reason: Option<String>,
    /// Whether there is a click that is not a bot's.
    is_clicked: bool,
    is_converted: bool,
    clicks: i64,
    unique_clicks: i64,
    bot_clicks: i64,
    /// Without refunds and chargebacks.
    conversions: i64,
    /// By currency.
    revenue: BTreeMap<String, String>,
    links: Vec<MessageLink>,
    message_clicks: Vec<ClickObject>,
    /// The first 1,000.
    credited_conversions: Vec<ConversionObject>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct MessageLink {
    link_id: String,
    short_url: String,
    placeholder: Option<String>,
    offer_id: Option<String>,
    clicks: i64,
    unique_clicks: i64,
    bot_clicks: i64,
}

/// Everything that a [`MessageObject`] is made of.
pub struct MessageFacts {
    pub message_id: String,
    /// `None` if it was neither rendered nor recorded.
    pub message: Option<MessageRow>,
    pub links: Vec<MessageLinkRow>,
    pub totals: Vec<CurrencyTotal>,
    pub message_clicks: Vec<ClickObject>,
    pub credited_conversions: Vec<ConversionObject>,
}

impl From<MessageFacts> for MessageObject {
    fn from(facts: MessageFacts) -> Self {
        let sum = |count: fn(&MessageLinkRow) -> i64| facts.links.iter().map(count).sum();
        let message = facts.message.as_ref();
        let unique_clicks = sum(|link| link.unique_clicks);
        let conversions = facts.totals.iter().map(|total| total.conversions).sum();
        let revenue = facts.totals.into_iter();
        let revenue = revenue.map(|total| (total.currency, money::format(total.revenue)));
        Self {
            creative_id: message.and_then(|message| message.creative_id),
            list_id: message.map(|message| message.list_id),
            contact_phone: message.and_then(|message| message.contact_phone.clone()),
            text: message.and_then(|message| message.text.clone()),
            sender: message.and_then(|message| message.sender.clone()),
            sent_at: message.map(|message| Timestamp(message.sent_at)),
            status: message.map(|message| message.status),
            status_at: message.and_then(|message| message.status_at.map(Timestamp)),
            status_reason: message.and_then(|message| message.status_reason.clone()),
            is_clicked: unique_clicks > 0,
            is_converted: conversions > 0,
            clicks: sum(|link| link.clicks),
            unique_clicks,
            bot_clicks: sum(|link| link.bot_clicks),
            conversions,
            revenue: revenue.collect(),
            links: facts.links.into_iter().map(MessageLink::from).collect(),
            message_clicks: facts.message_clicks,
            credited_conversions: facts.credited_conversions,
            message_id: facts.message_id,
        }
    }
}

impl From<MessageLinkRow> for MessageLink {
    fn from(row: MessageLinkRow) -> Self {
        Self {
            link_id: row.link_id,
            short_url: row.short_url,
            placeholder: row.placeholder,
            offer_id: row.offer_id,
            clicks: row.clicks,
            unique_clicks: row.unique_clicks,
            bot_clicks: row.bot_clicks,
        }
    }
}

impl MessageObject {
    pub fn example() -> Value {
        json!({
            "message_id": "m-1",
            "creative_id": 101,
            "list_id": 42,
            "contact_phone": "+18005550100",
            "text": null,
            "sender": null,
            "sent_at": "2026-03-10T08:00:00.000Z",
            "status": "delivered",
            "status_at": "2026-03-10T08:00:04.000Z",
            "status_reason": null,
            "is_clicked": true,
            "is_converted": true,
            "clicks": 3,
            "unique_clicks": 1,
            "bot_clicks": 1,
            "conversions": 1,
            "revenue": { "USD": "12.50" },
            "links": [{
                "link_id": "Ab3kX9q",
                "short_url": "https://yourdomain.com/Ab3kX9q",
                "placeholder": "link1",
                "offer_id": "6789abcd1234ef5678901234",
                "clicks": 3,
                "unique_clicks": 1,
                "bot_clicks": 1,
            }],
            "message_clicks": [ClickObject::example()],
            "credited_conversions": [ConversionObject::example()],
        })
    }
}
