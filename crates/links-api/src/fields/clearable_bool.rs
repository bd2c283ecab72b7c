//! A boolean that can be set, or cleared so that a default holds again.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// True, false, or an empty text that clears the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClearableBool(pub Option<bool>);

impl<'de> Deserialize<'de> for ClearableBool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "true, false or an empty text")]
        enum Form {
            Bool(bool),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Bool(value) => Ok(Self(Some(value))),
            Form::Text(text) if text.is_empty() => Ok(Self(None)),
            Form::Text(_) => Err(de::Error::custom("it is not true, false or an empty text")),
        }
    }
}

impl JsonSchema for ClearableBool {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ClearableBool".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{ "type": "boolean" }, { "type": "string", "enum": [""] }],
        })
    }
}
