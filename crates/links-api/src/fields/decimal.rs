//! Decimal numbers in bodies.

use schemars::JsonSchema;
use serde::{Deserialize, de};

/// A decimal number, as a text or as a JSON number. The number is not parsed yet; an empty
/// text clears the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecimalText(pub String);

impl<'de> Deserialize<'de> for DecimalText {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a decimal number, or a text that is one")]
        enum Form {
            Number(serde_json::Number),
            Text(String),
        }
        Ok(Self(match Form::deserialize(deserializer)? {
            Form::Number(number) => number.to_string(),
            Form::Text(text) => text,
        }))
    }
}

/// A decimal number of any size, as a text or as a JSON number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecimalField(String);

impl DecimalField {
    /// The number, if it is digits with at most one point.
    pub fn parse(&self) -> Option<rust_decimal::Decimal> {
        let is_plain = |c: char| c.is_ascii_digit() || c == '.';
        Some(self.0.trim())
            .filter(|text| text.chars().all(is_plain))?
            .parse()
            .ok()
    }
}

impl<'de> Deserialize<'de> for DecimalField {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DecimalText::deserialize(deserializer).map(|DecimalText(text)| Self(text))
    }
}

impl JsonSchema for DecimalField {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DecimalNumber".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "anyOf": [{ "type": "string" }, { "type": "number" }] })
    }
}

impl JsonSchema for DecimalText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DecimalAmount".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [
                { "type": "string", "pattern": r"^([0-9]{1,9}(\.[0-9]{1,4})?)?$" },
                { "type": "number", "minimum": 0, "maximum": 999_999_999, "multipleOf": 0.0001 },
            ],
        })
    }
}
