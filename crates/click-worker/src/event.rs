//! An event: a click or a conversion, on its way from a message into Postgres.

use domain::{
    click::ClickEvent,
    conversion::Conversion,
    event::InvalidEvent,
    id::{ClickId, ConversionId},
};
use jiff::Timestamp;
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "most events are clicks: a box would only be an allocation for each"
)]
pub enum Event {
    Click(ClickEvent<'static>),
    Conversion(Conversion<'static>),
}

impl Event {
    /// Parses a line of a message. The time of the event must lie near `now`.
    pub fn parse_line(line: &[u8], now: Timestamp) -> Result<Self, InvalidEvent> {
        Ok(match is_conversion(line) {
            true => Self::Conversion(Conversion::parse_line(line, now)?),
            false => Self::Click(ClickEvent::parse_line(line, now)?),
        })
    }

    /// Parses a line that was parsed before and has been stored since. It does not check the
    /// time of the event, which may be long ago by now.
    pub fn parse_stored_line(line: &[u8]) -> Result<Self, InvalidEvent> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum EventId {
            Conversion { conversion_id: ConversionId },
            Click { click_id: ClickId },
        }
        let time = match serde_json::from_slice(line)? {
            EventId::Conversion { conversion_id } => conversion_id.time(),
            EventId::Click { click_id } => click_id.time(),
        };
        Self::parse_line(line, time)
    }

    /// The id of the click or conversion.
    pub fn id(&self) -> Uuid {
        match self {
            Self::Click(click) => click.click_id.as_uuid(),
            Self::Conversion(conversion) => conversion.conversion_id.as_uuid(),
        }
    }

    /// When the event happened.
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Click(click) => click.click_id.time(),
            Self::Conversion(conversion) => conversion.conversion_id.time(),
        }
    }

    /// The event's account. `None` for a conversion that names nothing but a click.
    pub fn account_id(&self) -> Option<i64> {
        match self {
            Self::Click(click) => Some(click.account_id.0),
            Self::Conversion(conversion) => conversion.account_id.map(|id| id.0),
        }
    }

    /// The click that a conversion names.
    pub fn named_click(&self) -> Option<ClickId> {
        match self {
            Self::Click(_) => None,
            Self::Conversion(conversion) => conversion.click_id,
        }
    }

    /// The event as one line, in the form in which it is published.
    pub fn line(&self) -> Vec<u8> {
        let mut line = Vec::new();
        match self {
            Self::Click(click) => click.write_line(&mut line),
            Self::Conversion(conversion) => conversion.write_line(&mut line),
        }
        line
    }
}

/// Whether a line is that of a conversion: whether it has a conversion's id. A redirector
/// writes the id first; other producers may write it anywhere.
fn is_conversion(line: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct ConversionIdField {
        conversion_id: Option<serde::de::IgnoredAny>,
    }
    const START_OF_CLICK: &[u8] = b"{\"click_id\":";
    if line.starts_with(START_OF_CLICK) {
        return false;
    }
    serde_json::from_slice::<ConversionIdField>(line)
        .is_ok_and(|fields| fields.conversion_id.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_line_is_parsed_whatever_its_age() {
        let click = serde_json::json!({
            "click_id": "01a11d5c-1e7b-7123-8123-456789abcdef", "account_id": 1,
            "link_key": 1, "link_id": "Ab3kX9q", "ip": "203.0.113.9",
        })
        .to_string();
        let conversion = click.replace("click_id", "conversion_id").replace(
            "\"account_id\"",
            "\"source\":\"conv\",\"event\":\"sale\",\"currency\":\"USD\",\"account_id\"",
        );
        for text in [click, conversion] {
            let event = Event::parse_stored_line(text.as_bytes()).unwrap();
            assert_eq!(Event::parse_stored_line(&event.line()).unwrap(), event);
            assert_eq!(event.account_id(), Some(1));
        }
    }
}
