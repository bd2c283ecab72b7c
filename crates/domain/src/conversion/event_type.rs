//! What the visitor did, as the sender of the conversion names it.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// The most bytes that the name of a custom event has; longer names are cut.
pub const MAX_EVENT_NAME_BYTES: usize = 32;

/// What the visitor did. Beside the events that are known everywhere, a sender may name its
/// own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    Sale,
    Lead,
    Rebill,
    Refund,
    Chargeback,
    Install,
    Signup,
    Trial,
    /// An event that only its sender knows.
    Custom(CustomEvent),
}

/// The name of a custom event: 1 to [`MAX_EVENT_NAME_BYTES`] letters, digits and underscores,
/// in lower case, and not the name of another event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomEvent {
    bytes: [u8; MAX_EVENT_NAME_BYTES],
    length: u8,
}

impl EventType {
    /// The events that are known everywhere.
    pub const KNOWN: [Self; 8] = [
        Self::Sale,
        Self::Lead,
        Self::Rebill,
        Self::Refund,
        Self::Chargeback,
        Self::Install,
        Self::Signup,
        Self::Trial,
    ];

    /// The events that the affiliate API takes.
    pub const AFFILIATE_EVENTS: [Self; 4] = [Self::Sale, Self::Lead, Self::Signup, Self::Trial];

    pub fn as_str(&self) -> &str {
        match self {
            Self::Sale => "sale",
            Self::Lead => "lead",
            Self::Rebill => "rebill",
            Self::Refund => "refund",
            Self::Chargeback => "chargeback",
            Self::Install => "install",
            Self::Signup => "signup",
            Self::Trial => "trial",
            Self::Custom(event) => event.as_str(),
        }
    }

    /// The event of this name if it is one of `allowed`. Upper and lower case are the same.
    pub fn parse_one_of(name: &str, allowed: &[Self]) -> Option<Self> {
        let is_named = |event: &&Self| event.as_str().eq_ignore_ascii_case(name);
        allowed.iter().find(is_named).copied()
    }

    /// The event of a name in any form: upper and lower case are the same, and all but letters
    /// and digits of ASCII become underscores. `None` if nothing of the name is left.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut bytes = [0; MAX_EVENT_NAME_BYTES];
        let mut length = 0;
        let words = name.split(|c: char| !c.is_ascii_alphanumeric());
        for (index, word) in words.filter(|word| !word.is_empty()).enumerate() {
            let separator: &[u8] = if index == 0 { b"" } else { b"_" };
            for byte in separator.iter().copied().chain(word.bytes()) {
                if let Some(slot) = bytes.get_mut(length) {
                    *slot = byte.to_ascii_lowercase();
                    length += 1;
                }
            }
        }
        // The name may have been cut behind an underscore.
        if length > 0 && bytes[length - 1] == b'_' {
            length -= 1;
            bytes[length] = 0;
        }
        let length = u8::try_from(length).ok().filter(|length| *length > 0)?;
        let custom = CustomEvent { bytes, length };
        let known = Self::parse_one_of(custom.as_str(), &Self::KNOWN);
        Some(known.unwrap_or(Self::Custom(custom)))
    }

    /// Whether the event takes revenue back. A reversal is not counted as a conversion, and
    /// its amount is subtracted.
    pub const fn is_reversal(self) -> bool {
        matches!(self, Self::Refund | Self::Chargeback)
    }
}

impl CustomEvent {
    pub fn as_str(&self) -> &str {
        let name = self
            .bytes
            .get(..usize::from(self.length))
            .unwrap_or_default();
        str::from_utf8(name).unwrap_or_default()
    }
}

impl fmt::Debug for CustomEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        let event = Self::from_name(&name).filter(|event| event.as_str() == name);
        event.ok_or_else(|| D::Error::custom("an event is 1 to 32 of a-z, 0-9 and _"))
    }
}

impl JsonSchema for EventType {
    fn schema_name() -> Cow<'static, str> {
        "EventType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[a-z0-9]+(_[a-z0-9]+)*$",
            "maxLength": MAX_EVENT_NAME_BYTES,
            "description": "sale, lead, rebill, refund, chargeback, install, signup, trial, or \
                            the sender's own name of an event.",
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("sale", Some("sale"))]
    #[case("Chargeback", Some("chargeback"))]
    #[case("trial", Some("trial"))]
    #[case("Deposit", Some("deposit"))]
    #[case("First Deposit", Some("first_deposit"))]
    #[case(" on-payment! ", Some("on_payment"))]
    #[case("__a__", Some("a"))]
    #[case("ÄÖ", None)]
    #[case("", None)]
    #[case(
        "a_very_long_name_of_an_event_that_is_cut",
        Some("a_very_long_name_of_an_event_tha")
    )]
    #[case(
        "a_very_long_name_of_an_event_th _ cut",
        Some("a_very_long_name_of_an_event_th")
    )]
    fn any_name_becomes_an_event(#[case] name: &str, #[case] expected: Option<&str>) {
        let event = EventType::from_name(name);
        assert_eq!(event.as_ref().map(EventType::as_str), expected);
        if let Some(event) = event {
            let json = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<EventType>(&json).unwrap(), event);
        }
    }

    #[rstest]
    #[case(r#""Sale""#)]
    #[case(r#""a b""#)]
    #[case(r#""""#)]
    fn an_event_of_a_line_has_its_exact_name(#[case] json: &str) {
        assert!(serde_json::from_str::<EventType>(json).is_err(), "{json}");
    }
}
