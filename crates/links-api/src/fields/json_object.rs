//! Objects of the client's own, which are stored and returned as they are.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A JSON object without U+0000, which Postgres cannot store, and of at most
/// [`JsonObject::MAX_BYTES`] when it is serialised.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonObject(pub serde_json::Map<String, serde_json::Value>);

impl JsonObject {
    /// Limit of the serialised form.
    pub const MAX_BYTES: usize = 16 * 1024;
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = serde_json::Map::deserialize(deserializer)?;
        let json = serde_json::to_string(&map).map_err(de::Error::custom)?;
        if json.len() > Self::MAX_BYTES {
            return Err(de::Error::custom("the object is larger than 16 KiB"));
        }
        // JSON writes a backslash of a text as two. Without those, `\u0000` is an escape, and
        // not a text that spells one.
        if json.replace("\\\\", "").contains("\\u0000") {
            return Err(de::Error::custom("U+0000 is not allowed"));
        }
        Ok(Self(map))
    }
}

impl JsonSchema for JsonObject {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "JsonObject".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "additionalProperties": true,
            "description": "Any object of at most 16 KiB.",
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// An object of one text, of `n` bytes as JSON.
    fn object_of_bytes(n: usize) -> String {
        format!("{{\"a\":\"{}\"}}", "x".repeat(n - "{\"a\":\"\"}".len()))
    }

    #[rstest]
    #[case::at_the_limit(&object_of_bytes(JsonObject::MAX_BYTES), true)]
    #[case::over_the_limit(&object_of_bytes(JsonObject::MAX_BYTES + 1), false)]
    #[case::text_that_spells_an_escape(r#"{"a": "\\u0000"}"#, true)]
    #[case::escape(r#"{"a": "\u0000"}"#, false)]
    #[case::escape_in_a_nested_key(r#"{"a": [{"\u0000": 1}]}"#, false)]
    #[case::array("[]", false)]
    fn an_object_has_no_null_character_and_at_most_16_kib(
        #[case] json: &str,
        #[case] is_valid: bool,
    ) {
        assert_eq!(serde_json::from_str::<JsonObject>(json).is_ok(), is_valid);
    }
}
