//! What a message holds: clicks and conversions that can be stored, and lines
//! that cannot. A poison line among good ones costs the good ones nothing.

use domain::{
    click::ClickEvent,
    conversion::Conversion,
    event::{CONTENT_TYPE, InvalidEvent, SCHEMA_VERSION},
};
use jiff::Timestamp;

use crate::event::Event;

/// A message as it came.
#[derive(Debug, Clone, Copy)]
pub struct Message<'m> {
    pub content_type: Option<&'m str>,
    pub schema_version: Option<i64>,
    pub body: &'m [u8],
}

/// Something that cannot be stored, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poison {
    pub body: Vec<u8>,
    /// A short name, for a metric's label.
    pub reason: &'static str,
    /// A sentence, for whoever looks into the queue.
    pub detail: String,
}

#[derive(Debug, Default)]
pub struct Decoded {
    pub events: Vec<Event>,
    pub poison: Vec<Poison>,
}

impl Decoded {
    /// Adds what a message holds. `now` bounds the clicks' times.
    pub fn add(&mut self, message: Message<'_>, now: Timestamp) {
        if let Some((reason, detail)) = refusal(message) {
            let body = message.body.to_vec();
            self.poison.push(Poison {
                body,
                reason,
                detail,
            });
            return;
        }
        for line in message.body.split(|&byte| byte == b'\n') {
            if line.is_empty() {
                continue;
            }
            if let Err(error) = self.add_line(line, now) {
                self.poison.push(Poison {
                    body: line.to_vec(),
                    reason: reason(&error),
                    detail: error.to_string(),
                });
            }
        }
    }

    fn add_line(&mut self, line: &[u8], now: Timestamp) -> Result<(), InvalidEvent> {
        if is_conversion(line) {
            let conversion = Conversion::parse_line(line, now)?;
            self.events.push(Event::Conversion(conversion));
        } else {
            let click = ClickEvent::parse_line(line, now)?;
            self.events.push(Event::Click(click));
        }
        Ok(())
    }
}

/// Reads a line that was decoded before. Its time is not judged again: it may have
/// waited for long.
pub fn read_line(line: &[u8]) -> Result<Event, InvalidEvent> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Id {
        Conversion {
            conversion_id: domain::id::ConversionId,
        },
        Click {
            click_id: domain::id::ClickId,
        },
    }
    let time = match serde_json::from_slice(line)? {
        Id::Conversion { conversion_id } => conversion_id.time(),
        Id::Click { click_id } => click_id.time(),
    };
    Ok(match is_conversion(line) {
        true => Event::Conversion(Conversion::parse_line(line, time)?),
        false => Event::Click(ClickEvent::parse_line(line, time)?),
    })
}

/// Whether a line says that it is a conversion: its id is what it has first when
/// it is ours, and some time when it is another writer's.
fn is_conversion(line: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Kind {
        conversion_id: Option<serde::de::IgnoredAny>,
    }
    const FIRST_OF_CLICK: &[u8] = b"{\"click_id\":";
    if line.starts_with(FIRST_OF_CLICK) {
        return false;
    }
    serde_json::from_slice::<Kind>(line).is_ok_and(|kind| kind.conversion_id.is_some())
}

/// Why a whole message is not ours to read.
fn refusal(message: Message<'_>) -> Option<(&'static str, String)> {
    if message.content_type != Some(CONTENT_TYPE) {
        let detail = format!(
            "the content type is {:?}, not {CONTENT_TYPE}",
            message.content_type
        );
        return Some(("content_type", detail));
    }
    if message.schema_version != Some(SCHEMA_VERSION.into()) {
        let found = message.schema_version;
        let detail = format!("the schema version is {found:?}, this worker reads {SCHEMA_VERSION}");
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

    fn decoded(content_type: Option<&str>, schema_version: Option<i64>, body: &str) -> Decoded {
        let mut decoded = Decoded::default();
        let body = body.as_bytes();
        decoded.add(
            Message {
                content_type,
                schema_version,
                body,
            },
            now(),
        );
        decoded
    }

    fn link_keys(decoded: &Decoded) -> Vec<i64> {
        let clicks = decoded.events.iter().filter_map(|event| match event {
            Event::Click(click) => Some(click.link_key.0),
            Event::Conversion(_) => None,
        });
        clicks.collect()
    }

    #[test]
    fn a_line_that_was_decoded_is_read_again_whatever_its_age() {
        let click = line(1);
        let conversion = click.replace("click_id", "conversion_id").replace(
            "\"account_id\"",
            "\"source\":\"conv\",\"event\":\"sale\",\"currency\":\"USD\",\"account_id\"",
        );
        for text in [click, conversion] {
            let event = read_line(text.as_bytes()).unwrap();
            assert_eq!(read_line(&event.line()).unwrap(), event);
            assert_eq!(event.account_id(), Some(1));
        }
    }

    #[test]
    fn a_poison_line_among_good_ones_is_the_only_one_refused() {
        let body = format!("{}\nnot json\n\n{}\n", line(1), line(2));
        let decoded = decoded(Some(CONTENT_TYPE), Some(1), &body);
        assert_eq!(link_keys(&decoded), [1, 2]);
        assert_eq!(decoded.poison.len(), 1);
        assert_eq!(decoded.poison[0].body, b"not json");
        assert_eq!(decoded.poison[0].reason, "not_an_event");
    }

    #[test]
    fn conversions_stand_among_clicks_in_any_order_of_their_fields() {
        let id = "01a11d5c-1e7b-7123-8123-456789abcdee";
        let rest = r#""source":"conv","event":"sale","currency":"USD","ip":"203.0.113.9""#;
        let ours = format!(r#"{{"conversion_id":"{id}",{rest}}}"#);
        let others = format!(r#"{{{rest},"conversion_id":"{id}"}}"#);
        let broken = format!(r#"{{"conversion_id":"{id}"}}"#);
        let body = [line(1), ours, others, broken].join("\n");
        let decoded = decoded(Some(CONTENT_TYPE), Some(1), &body);
        assert_eq!(link_keys(&decoded), [1]);
        assert_eq!(decoded.events.len(), 3);
        let details: Vec<_> = decoded.poison.iter().map(|p| p.detail.as_str()).collect();
        assert_eq!(
            details,
            ["the line is not an event: missing field `source` at line 1 column 56"]
        );
    }

    #[test]
    fn a_message_of_another_kind_is_refused_whole() {
        for (content_type, version, reason) in [
            (None, Some(1), "content_type"),
            (Some("application/json"), Some(1), "content_type"),
            (Some(CONTENT_TYPE), None, "schema_version"),
            (Some(CONTENT_TYPE), Some(2), "schema_version"),
        ] {
            let decoded = decoded(content_type, version, &line(1));
            assert_eq!(decoded.events, []);
            assert_eq!(decoded.poison[0].reason, reason);
            assert_eq!(decoded.poison[0].body, line(1).as_bytes());
        }
    }
}
