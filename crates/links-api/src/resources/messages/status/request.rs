//! The body, and the rules of each row.

use domain::{delivery::DeliveryReport, event::MAX_EVENT_AHEAD};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    db::messages::MessageStatus,
    enumeration::Enumeration as _,
    error::ApiError,
    fields::{Text, non_empty},
    http::RequestBody,
    resources::messages::row_fields::{parse_contact_phone, parse_message_id, parse_time},
};

pub const MAX_REPORTS: usize = 1_000;
const MAX_REASON: usize = 255;

/// The rows are parsed one by one, so that one that is not valid fails alone.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "MessageStatuses")]
pub struct StatusesRequest {
    /// The rows, of which there are 1 to 1,000.
    #[schemars(with = "Option<Vec<StatusRequest>>", length(min = 1, max = 1000))]
    pub messages: Option<Vec<Value>>,
}

impl RequestBody for StatusesRequest {
    const ENTRIES_FIELD: Option<&'static str> = Some("messages");
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "MessageStatusReport")]
pub struct StatusRequest {
    /// The id of a message that was rendered or recorded. Required.
    #[schemars(length(max = 255))]
    message_id: Option<Text>,
    /// The contact of the message, in E.164. Required.
    #[schemars(extend("pattern" = r"^(\+[1-9][0-9]{6,14})?$"))]
    contact_phone: Option<Text>,
    /// sent, delivered, failed or undelivered. Required.
    #[schemars(extend("enum" = ["sent", "delivered", "failed", "undelivered", "", null]))]
    status: Option<Text>,
    /// What the network says about it, at most 255 characters.
    #[schemars(length(max = 255))]
    reason: Option<Text>,
    /// When it happened, by the network. Of two final statuses the later one prevails.
    #[schemars(extend("format" = "date-time"))]
    at: Option<Text>,
}

/// A row that keeps to all rules.
#[derive(Debug)]
pub struct ValidReport {
    pub message_id: String,
    pub contact_phone: String,
    pub report: DeliveryReport,
}

impl StatusRequest {
    /// `index` is that of the row in the request, for errors.
    pub fn validate(self, index: usize, now: Timestamp) -> Result<ValidReport, ApiError> {
        let field = |name: &str| format!("messages[{index}].{name}");
        let invalid = |name: &str, problem: &str| ApiError::invalid_field(field(name), problem);
        let message_id = parse_message_id(&self.message_id, field("message_id"))?;
        let contact_phone = parse_contact_phone(&self.contact_phone, field("contact_phone"))?;
        let status = non_empty(&self.status).unwrap_or_default();
        let status = MessageStatus::parse(status).ok_or_else(|| {
            let problem = format!("it is not one of {}", MessageStatus::NAME_LIST);
            invalid("status", &problem)
        })?;
        let reason = non_empty(&self.reason);
        if reason.is_some_and(|reason| reason.chars().count() > MAX_REASON) {
            return Err(invalid("reason", "it exceeds 255 characters"));
        }
        let at = non_empty(&self.at).map(|text| parse_at(text, field("at"), now));
        Ok(ValidReport {
            message_id,
            contact_phone,
            report: DeliveryReport {
                status: status.into(),
                at: at.transpose()?,
                reason: reason.map(str::to_owned),
            },
        })
    }
}

/// A time far ahead would prevail over all that comes later.
fn parse_at(text: &str, field: String, now: Timestamp) -> Result<Timestamp, ApiError> {
    let time = parse_time(text, &field)?;
    if time.duration_since(now) > MAX_EVENT_AHEAD {
        let problem = "it is more than a day ahead";
        return Err(ApiError::invalid_field(field, problem));
    }
    Ok(time)
}

impl StatusesRequest {
    pub fn example() -> Value {
        json!({
            "messages": [
                {
                    "message_id": "m-1",
                    "contact_phone": "+18005550100",
                    "status": "delivered",
                    "at": "2026-03-10T08:00:04Z",
                },
                {
                    "message_id": "m-3",
                    "contact_phone": "+18005550101",
                    "status": "undelivered",
                    "reason": "absent subscriber",
                    "at": "2026-03-10T08:05:00Z",
                },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(json!({}), "ok")]
    #[case(json!({ "message_id": null }), "messages[3].message_id")]
    #[case(json!({ "message_id": "x".repeat(256) }), "messages[3].message_id")]
    #[case(json!({ "contact_phone": "" }), "messages[3].contact_phone")]
    #[case(json!({ "contact_phone": "ACME" }), "invalid_phone")]
    #[case(json!({ "status": "sent" }), "ok")]
    #[case(json!({ "status": "failed" }), "ok")]
    #[case(json!({ "status": "undelivered" }), "ok")]
    #[case(json!({ "status": "DELIVRD" }), "messages[3].status")]
    #[case(json!({ "status": null }), "messages[3].status")]
    #[case(json!({ "reason": "x".repeat(255) }), "ok")]
    #[case(json!({ "reason": "x".repeat(256) }), "messages[3].reason")]
    #[case(json!({ "at": "2026-03-12T23:00:00Z" }), "ok")]
    #[case(json!({ "at": "2026-03-19T00:00:00Z" }), "messages[3].at")]
    #[case(json!({ "at": "soon" }), "messages[3].at")]
    fn each_field_of_a_row_has_its_rule(#[case] more: Value, #[case] expected: &str) {
        let mut row = json!({
            "message_id": "m", "contact_phone": "+18005550100", "status": "delivered",
        });
        for (name, value) in more.as_object().unwrap() {
            row[name] = value.clone();
        }
        let now = "2026-03-12T00:00:00Z".parse().unwrap();
        let request: StatusRequest = serde_json::from_value(row).unwrap();
        let found = match request.validate(3, now) {
            Ok(_) => "ok".to_owned(),
            Err(ApiError::InvalidField(error)) => error.field,
            Err(error) => error.code().to_owned(),
        };
        assert_eq!(found, expected);
    }
}
