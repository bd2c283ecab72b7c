//! Reading JSON bodies, and the types that fields have.

use std::time::Duration;

use actix_web::web;
use domain::macros::Template;
use futures_util::StreamExt as _;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::error::{ApiError, CodedField, FieldError};

/// Bytes a body may have.
pub const MAX_BODY_BYTES: usize = 5 * 1024 * 1024;

/// How long a body may take to arrive: 5 MB over a poor connection.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// The whole body. Called after authentication, so that a stranger cannot
/// make us read 5 MB.
pub async fn read(payload: web::Payload) -> Result<Vec<u8>, ApiError> {
    let reading = tokio::time::timeout(READ_TIMEOUT, read_all(payload));
    reading.await.map_err(|_| ApiError::UnreadableBody)?
}

async fn read_all(mut payload: web::Payload) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::UnreadableBody)?;
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(ApiError::PayloadTooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// JSON of a type. Unknown fields are ignored, `null` is absent.
pub fn parse<T: de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    // All of it, and not only what is read: a field that is ignored too.
    let body = str::from_utf8(body).map_err(|error| ApiError::InvalidJson(error.to_string()))?;
    let mut json = serde_json::Deserializer::from_str(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = error.path().to_string();
        let problem = error.into_inner();
        if problem.is_data() {
            let field = if field == "." { "body" } else { &field };
            ApiError::InvalidField(FieldError::new(field, problem.to_string()))
        } else {
            ApiError::InvalidJson(problem.to_string())
        }
    })?;
    json.end()
        .map_err(|error| ApiError::InvalidJson(error.to_string()))?;
    Ok(value)
}

/// A text from a client: anything but U+0000, which Postgres cannot hold.
/// Empty is as good as absent where a field is created, see [`given`], and
/// takes the value away where it is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// A text that has no U+0000.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.contains('\0') {
            return Err(de::Error::custom("U+0000 is not allowed"));
        }
        Ok(Self(text))
    }
}

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[^\\u0000]*$" })
    }
}

/// The text if there is one and it is not empty.
pub fn given(text: &Option<Text>) -> Option<&str> {
    text.as_ref()
        .map(|text| text.0.as_str())
        .filter(|text| !text.is_empty())
}

/// Changes an optional text by what was sent: nothing, an empty text that
/// takes it away, or another of at most `max` characters.
pub fn change(
    target: &mut Option<String>,
    sent: &Option<Text>,
    field: &'static str,
    max: usize,
) -> Result<(), ApiError> {
    let Some(Text(text)) = sent else {
        return Ok(());
    };
    if text.chars().count() > max {
        return Err(ApiError::invalid_field(
            field,
            format!("it exceeds {max} characters"),
        ));
    }
    *target = Some(text.clone()).filter(|text| !text.is_empty());
    Ok(())
}

/// Changes an optional http(s) URL without macros that must be filled.
pub fn change_url(
    target: &mut Option<String>,
    sent: &Option<Text>,
    field: CodedField,
) -> Result<(), ApiError> {
    if let Some(url) = given(sent) {
        Template::parse(url).map_err(|reason| ApiError::InvalidTemplate(field, reason))?;
    }
    if let Some(Text(url)) = sent {
        *target = Some(url.trim().to_owned()).filter(|url| !url.is_empty());
    }
    Ok(())
}

/// True, false, or an empty text that takes either away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice(pub Option<bool>);

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "true, false or an empty text")]
        enum Form {
            Set(bool),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Set(choice) => Ok(Self(Some(choice))),
            Form::Text(text) if text.is_empty() => Ok(Self(None)),
            Form::Text(_) => Err(de::Error::custom("it is not true, false or an empty text")),
        }
    }
}

impl JsonSchema for Choice {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Choice".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": [true, false, ""] })
    }
}

/// A JSON object that is stored as it is: no U+0000 in it, and no more than
/// [`Object::MAX_BYTES`] when written.
#[derive(Debug, Clone, PartialEq)]
pub struct Object(pub serde_json::Map<String, serde_json::Value>);

impl Object {
    /// Of the written form.
    pub const MAX_BYTES: usize = 16 * 1024;
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = serde_json::Map::deserialize(deserializer)?;
        let written = serde_json::to_string(&map).map_err(de::Error::custom)?;
        if written.len() > Self::MAX_BYTES {
            return Err(de::Error::custom("the object is larger than 16 KiB"));
        }
        // A backslash is written as two, so that this is the escape and no
        // text that looks like it.
        if written.replace("\\\\", "").contains("\\u0000") {
            return Err(de::Error::custom("U+0000 is not allowed"));
        }
        Ok(Self(map))
    }
}

impl JsonSchema for Object {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Object".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "description": "Any object of at most 16 KiB." })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Example {
        list_id: Option<i64>,
        name: Option<Text>,
        metadata: Option<Object>,
    }

    #[rstest]
    #[case(b"", "invalid_json")]
    #[case(b"{", "invalid_json")]
    #[case(b"{} {}", "invalid_json")]
    #[case(b"\xff", "invalid_json")]
    #[case(b"{\"name\": \"\xff\"}", "invalid_json")]
    #[case(b"{\"ignored\": \"\xff\"}", "invalid_json")]
    #[case(b"[]", "invalid_field: body")]
    #[case(b"7", "invalid_field: body")]
    #[case(b"{\"listId\": \"42\"}", "invalid_field: listId")]
    #[case(b"{\"listId\": 1.5}", "invalid_field: listId")]
    #[case(b"{\"listId\": 99999999999999999999}", "invalid_field: listId")]
    #[case(b"{\"listId\": 1e400}", "invalid_json")]
    #[case(b"{\"name\": 5}", "invalid_field: name")]
    #[case(b"{\"name\": \"a\\u0000b\"}", "invalid_field: name")]
    #[case(b"{\"metadata\": []}", "invalid_field: metadata")]
    #[case(
        b"{\"metadata\": {\"a\": [{\"\\u0000\": 1}]}}",
        "invalid_field: metadata"
    )]
    fn what_is_wrong_with_a_body_is_named(#[case] body: &[u8], #[case] expected: &str) {
        let said = match parse::<Example>(body) {
            Err(ApiError::InvalidField(error)) => format!("invalid_field: {}", error.field),
            Err(error) => error.code().to_owned(),
            Ok(value) => format!("{value:?}"),
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn deep_json_does_not_overflow() {
        let deep = |field: &str| {
            let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
            format!("{{\"{field}\": {open}1{close}}}")
        };
        let ignored = parse::<Example>(deep("unknown").as_bytes());
        assert!(ignored.is_ok(), "{ignored:?}");
        let refused = parse::<Example>(deep("listId").as_bytes());
        assert!(
            matches!(refused, Err(ApiError::InvalidField { .. })),
            "{refused:?}"
        );
        let kept = deep("a");
        let kept = parse::<Example>(format!("{{\"metadata\": {kept}}}").as_bytes());
        assert!(matches!(kept, Err(ApiError::InvalidJson(_))), "{kept:?}");
    }

    #[test]
    fn null_is_absent_and_unknown_fields_are_ignored() {
        let body: Example =
            parse(b"{\"listId\": null, \"name\": \"\", \"metadata\": null, \"more\": {}}").unwrap();
        assert_eq!(body.list_id, None);
        assert_eq!(given(&body.name), None);
        assert_eq!(body.metadata, None);
    }

    #[test]
    fn an_object_ends_at_16_kib_and_may_speak_of_escapes() {
        let sized = |n: usize| format!("{{\"metadata\": {{\"a\": \"{}\"}}}}", "x".repeat(n));
        let overhead = "{\"a\":\"\"}".len();
        assert!(parse::<Example>(sized(Object::MAX_BYTES - overhead).as_bytes()).is_ok());
        assert!(parse::<Example>(sized(Object::MAX_BYTES - overhead + 1).as_bytes()).is_err());
        assert!(parse::<Example>(b"{\"metadata\": {\"a\": \"\\\\u0000\"}}").is_ok());
    }
}
