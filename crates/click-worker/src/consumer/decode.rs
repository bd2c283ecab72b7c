//! Splitting a message into events: clicks and conversions that can be stored, and lines that
//! are rejected. A rejected line does not affect the others of its message.

use domain::event::{CONTENT_TYPE, InvalidEvent, SCHEMA_VERSION};
use jiff::Timestamp;

use crate::event::Event;

/// A message as it was received.
#[derive(Debug, Clone, Copy)]
pub struct Message<'m> {
    pub content_type: Option<&'m str>,
    pub schema_version: Option<i64>,
    pub body: &'m [u8],
}

/// A line or a whole message that can never be stored, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedEvent {
    pub body: Vec<u8>,
    /// A short name, the label of a metric.
    pub reason: &'static str,
    /// A sentence, for an operator who looks into the dead-letter queue.
    pub detail: String,
}

/// The content of a message.
#[derive(Debug, Default)]
pub struct DecodedMessage {
    pub events: Vec<Event>,
    pub rejected: Vec<RejectedEvent>,
}

impl DecodedMessage {
    /// Decodes a message, one event on each line. The times of the events must lie near `now`.
    pub fn decode(message: Message<'_>, now: Timestamp) -> Self {
        let mut decoded = Self::default();
        if let Some((reason, detail)) = unsupported_format(message) {
            decoded.rejected.push(RejectedEvent {
                body: message.body.to_vec(),
                reason,
                detail,
            });
            return decoded;
        }
        for line in message.body.split(|&byte| byte == b'\n') {
            if line.is_empty() {
                continue;
            }
            match Event::parse_line(line, now) {
                Ok(event) => decoded.events.push(event),
                Err(error) => decoded.rejected.push(RejectedEvent {
                    body: line.to_vec(),
                    reason: reason(&error),
                    detail: error.to_string(),
                }),
            }
        }
        decoded
    }
}

/// The reason and the detail why this version cannot read a message, if it cannot.
fn unsupported_format(message: Message<'_>) -> Option<(&'static str, String)> {
    if message.content_type != Some(CONTENT_TYPE) {
        let detail = format!(
            "the content type is {:?}, not {CONTENT_TYPE}",
            message.content_type
        );
        return Some(("content_type", detail));
    }
    if message.schema_version != Some(SCHEMA_VERSION.into()) {
        let version = message.schema_version;
        let detail =
            format!("the schema version is {version:?}, this worker reads {SCHEMA_VERSION}");
        return Some(("schema_version", detail));
    }
    None
}

fn reason(error: &InvalidEvent) -> &'static str {
    match error {
        InvalidEvent::Malformed(_) => "not_an_event",
        InvalidEvent::NulCharacter => "nul",
        InvalidEvent::TimeOutOfRange(_) => "time_out_of_range",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-10-08T21:12:19Z".parse().unwrap()
    }

    fn line(link_key: i64) -> String {
        serde_json::json!({
            "click_id": "01a11d5c-1e7b-7123-8123-456789abcdef", "account_id": 1,
            "link_key": link_key, "link_id": "Ab3kX9q", "ip": "203.0.113.9",
        })
        .to_string()
    }

    fn decode(
        content_type: Option<&str>,
        schema_version: Option<i64>,
        body: &str,
    ) -> DecodedMessage {
        let message = Message {
            content_type,
            schema_version,
            body: body.as_bytes(),
        };
        DecodedMessage::decode(message, now())
    }

    fn link_keys(decoded: &DecodedMessage) -> Vec<i64> {
        let clicks = decoded.events.iter().filter_map(|event| match event {
            Event::Click(click) => Some(click.link_key.0),
            Event::Conversion(_) => None,
        });
        clicks.collect()
    }

    #[test]
    fn only_the_invalid_line_of_a_message_is_rejected() {
        let body = format!("{}\nnot json\n\n{}\n", line(1), line(2));
        let decoded = decode(Some(CONTENT_TYPE), Some(1), &body);
        assert_eq!(link_keys(&decoded), [1, 2]);
        assert_eq!(decoded.rejected.len(), 1);
        assert_eq!(decoded.rejected[0].body, b"not json");
        assert_eq!(decoded.rejected[0].reason, "not_an_event");
    }

    #[test]
    fn a_message_may_contain_clicks_and_conversions_with_fields_in_any_order() {
        let id = "01a11d5c-1e7b-7123-8123-456789abcdee";
        let rest = r#""source":"conv","event":"sale","currency":"USD","ip":"203.0.113.9""#;
        let ours = format!(r#"{{"conversion_id":"{id}",{rest}}}"#);
        let others = format!(r#"{{{rest},"conversion_id":"{id}"}}"#);
        let broken = format!(r#"{{"conversion_id":"{id}"}}"#);
        let body = [line(1), ours, others, broken].join("\n");
        let decoded = decode(Some(CONTENT_TYPE), Some(1), &body);
        assert_eq!(link_keys(&decoded), [1]);
        assert_eq!(decoded.events.len(), 3);
        let details: Vec<_> = decoded.rejected.iter().map(|p| p.detail.as_str()).collect();
        assert_eq!(
            details,
            ["the line is not an event: missing field `source` at line 1 column 56"]
        );
    }

    #[test]
    fn a_message_of_another_format_is_rejected_as_a_whole() {
        for (content_type, version, reason) in [
            (None, Some(1), "content_type"),
            (Some("application/json"), Some(1), "content_type"),
            (Some(CONTENT_TYPE), None, "schema_version"),
            (Some(CONTENT_TYPE), Some(2), "schema_version"),
        ] {
            let decoded = decode(content_type, version, &line(1));
            assert_eq!(decoded.events, []);
            assert_eq!(decoded.rejected[0].reason, reason);
            assert_eq!(decoded.rejected[0].body, line(1).as_bytes());
        }
    }
}
