//! The body, and the rules of each row.

use domain::{
    event::check_event_time,
    id::{CreativeId, ListId},
    sender::{NOT_A_SENDER, Sender},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::named_link::{NOT_A_LINK, NamedLink};
use crate::{
    error::ApiError,
    fields::{Text, non_empty},
    http::RequestBody,
    resources::messages::row_fields::{parse_contact_phone, parse_message_id, parse_time},
};

pub const MAX_MESSAGES: usize = 1_000;
const MAX_LINKS: usize = 20;
/// That of a creative's message.
const MAX_TEXT: usize = 1_600;

/// The rows are parsed one by one, so that one that is not valid fails alone.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "SentMessages")]
pub struct RecordRequest {
    /// The rows, of which there are 1 to 1,000.
    #[schemars(with = "Option<Vec<SentMessageRequest>>", length(min = 1, max = 1000))]
    pub messages: Option<Vec<Value>>,
}

impl RequestBody for RecordRequest {
    const ENTRIES_FIELD: Option<&'static str> = Some("messages");
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "SentMessage")]
pub struct SentMessageRequest {
    /// The id that your platform has for the message, of 1 to 255 characters. Required.
    #[schemars(length(max = 255))]
    message_id: Option<Text>,
    /// In E.164. Required.
    #[schemars(extend("pattern" = r"^(\+[1-9][0-9]{6,14})?$"))]
    contact_phone: Option<Text>,
    /// The sending list. Without it, `sender` must be that of a list.
    list_id: Option<i64>,
    /// What the message was sent from: a number in E.164, a short code or a sender id.
    #[schemars(length(max = 16))]
    sender: Option<Text>,
    /// The creative that the text was made of. Required unless there is a text.
    creative_id: Option<i64>,
    /// At most 1,600 characters. Required unless there is a creative.
    #[schemars(length(max = 1600))]
    text: Option<Text>,
    /// The ids or URLs of the links in the text, at most 20. Without it, they are the links that
    /// were created with this message's id.
    #[schemars(length(max = 20))]
    links: Option<Vec<Text>>,
    /// When it was sent, by default now.
    #[schemars(extend("format" = "date-time"))]
    sent_at: Option<Text>,
}

/// How a row names its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListName {
    Id(ListId),
    Sender(Sender),
}

/// A row that keeps to all rules.
#[derive(Debug)]
pub struct ValidRow {
    pub message_id: String,
    pub contact_phone: String,
    pub list: ListName,
    pub sender: Option<Sender>,
    pub creative_id: Option<CreativeId>,
    pub text: Option<String>,
    /// `None` if the row says nothing about links.
    pub links: Option<Vec<NamedLink>>,
    pub sent_at: Option<Timestamp>,
}

/// By what the time of a message is judged.
#[derive(Debug, Clone, Copy)]
pub struct TimeLimits {
    pub now: Timestamp,
    /// The start of the first day that the account keeps.
    pub raw_since: Option<Timestamp>,
}

impl SentMessageRequest {
    /// `index` is that of the row in the request, for errors.
    pub fn validate(self, index: usize, limits: TimeLimits) -> Result<ValidRow, ApiError> {
        let field = |name: &str| format!("messages[{index}].{name}");
        let invalid = |name: &str, problem: &str| ApiError::invalid_field(field(name), problem);
        let message_id = parse_message_id(&self.message_id, field("message_id"))?;
        let contact_phone = parse_contact_phone(&self.contact_phone, field("contact_phone"))?;
        let sender = non_empty(&self.sender)
            .map(|text| Sender::parse(text).ok_or_else(|| invalid("sender", NOT_A_SENDER)));
        let sender = sender.transpose()?;
        let list = match (self.list_id, &sender) {
            (Some(id), _) => ListName::Id(ListId(id)),
            (None, Some(sender)) => ListName::Sender(sender.clone()),
            (None, None) => {
                let problem = "it is required, unless `sender` is the sender of a list";
                return Err(invalid("list_id", problem));
            }
        };
        let text = non_empty(&self.text);
        if text.is_some_and(|text| text.chars().count() > MAX_TEXT) {
            return Err(invalid("text", "it exceeds 1,600 characters"));
        }
        if text.is_none() && self.creative_id.is_none() {
            return Err(invalid(
                "text",
                "it is required, unless there is a `creative_id`",
            ));
        }
        Ok(ValidRow {
            message_id,
            contact_phone,
            list,
            sender,
            creative_id: self.creative_id.map(CreativeId),
            text: text.map(str::to_owned),
            links: parse_links(self.links, &field("links"))?,
            sent_at: parse_sent_at(&self.sent_at, field("sent_at"), limits)?,
        })
    }
}

fn parse_links(links: Option<Vec<Text>>, field: &str) -> Result<Option<Vec<NamedLink>>, ApiError> {
    let Some(links) = links else {
        return Ok(None);
    };
    if links.len() > MAX_LINKS {
        return Err(ApiError::invalid_field(
            field,
            "it has more than 20 entries",
        ));
    }
    let links = links.iter().enumerate().map(|(index, text)| {
        let link = NamedLink::parse(text.as_str());
        link.ok_or_else(|| ApiError::invalid_field(format!("{field}[{index}]"), NOT_A_LINK))
    });
    links.collect::<Result<_, _>>().map(Some)
}

fn parse_sent_at(
    text: &Option<Text>,
    field: String,
    limits: TimeLimits,
) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = non_empty(text) else {
        return Ok(None);
    };
    let time = parse_time(text, &field)?;
    let is_kept = limits.raw_since.is_none_or(|since| since <= time);
    if check_event_time(time, limits.now).is_err() || !is_kept {
        let problem = "it is more than 400 days ago, or longer ago than the account keeps \
                       messages, or more than a day ahead";
        return Err(ApiError::invalid_field(field, problem));
    }
    Ok(Some(time))
}

impl RecordRequest {
    pub fn example() -> Value {
        json!({
            "messages": [{
                "message_id": "m-2",
                "contact_phone": "+18005550100",
                "list_id": 42,
                "creative_id": 101,
                "text": "Hi Ada! Shop now: https://yourdomain.com/Ab3kX9q",
                "sender": "+18005551234",
            }],
        })
    }

    pub fn example_with_links() -> Value {
        json!({
            "messages": [{
                "message_id": "m-3",
                "contact_phone": "+18005550101",
                "sender": "24587",
                "text": "Shop now: https://yourdomain.com/Ab3kX9q",
                "links": ["https://yourdomain.com/Ab3kX9q"],
                "sent_at": "2026-03-10T08:00:00Z",
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(json!({}), "ok")]
    #[case(json!({ "message_id": "" }), "messages[3].message_id")]
    #[case(json!({ "message_id": "x".repeat(255) }), "ok")]
    #[case(json!({ "message_id": "x".repeat(256) }), "messages[3].message_id")]
    #[case(json!({ "contact_phone": null }), "messages[3].contact_phone")]
    #[case(json!({ "contact_phone": "24587" }), "invalid_phone")]
    #[case(json!({ "sender": "24587" }), "ok")]
    #[case(json!({ "sender": "ACME" }), "ok")]
    #[case(json!({ "sender": "ACME!" }), "messages[3].sender")]
    #[case(json!({ "list_id": null }), "messages[3].list_id")]
    #[case(json!({ "list_id": null, "sender": "ACME" }), "ok")]
    #[case(json!({ "text": null }), "messages[3].text")]
    #[case(json!({ "text": null, "creative_id": 1 }), "ok")]
    #[case(json!({ "text": "é".repeat(1600) }), "ok")]
    #[case(json!({ "text": "é".repeat(1601) }), "messages[3].text")]
    #[case(json!({ "links": [] }), "ok")]
    #[case(json!({ "links": vec!["Ab3kX9q"; 20] }), "ok")]
    #[case(json!({ "links": vec!["Ab3kX9q"; 21] }), "messages[3].links")]
    #[case(json!({ "links": ["Ab3kX9q", "?"] }), "messages[3].links[1]")]
    #[case(json!({ "sent_at": "2026-03-10T00:00:00Z" }), "ok")]
    #[case(json!({ "sent_at": "yesterday" }), "messages[3].sent_at")]
    #[case::long_ago(json!({ "sent_at": "2024-03-10T00:00:00Z" }), "messages[3].sent_at")]
    #[case::not_kept(json!({ "sent_at": "2026-03-08T00:00:00Z" }), "messages[3].sent_at")]
    #[case::ahead(json!({ "sent_at": "2026-03-19T00:00:00Z" }), "messages[3].sent_at")]
    fn each_field_of_a_row_has_its_rule(#[case] more: Value, #[case] expected: &str) {
        let mut row = json!({
            "message_id": "m", "contact_phone": "+18005550100", "list_id": 1, "text": "Hi",
        });
        for (name, value) in more.as_object().unwrap() {
            row[name] = value.clone();
        }
        let limits = TimeLimits {
            now: "2026-03-12T00:00:00Z".parse().unwrap(),
            raw_since: "2026-03-09T00:00:00Z".parse().ok(),
        };
        let request: SentMessageRequest = serde_json::from_value(row).unwrap();
        let found = match request.validate(3, limits) {
            Ok(_) => "ok".to_owned(),
            Err(ApiError::InvalidField(error)) => error.field,
            Err(error) => error.code().to_owned(),
        };
        assert_eq!(found, expected);
    }
}
