//! Request bodies: reading them from the network, and parsing JSON.

use std::time::Duration;

use actix_web::web;
use futures_util::StreamExt as _;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::error::{ApiError, FieldError};

/// A JSON body as the argument of a handler. Its schema documents the body.
pub trait RequestBody: DeserializeOwned + JsonSchema {}

/// A body that is not one JSON value, as the argument of a handler.
pub trait RawRequestBody: Sized {
    /// The schema of the body as JSON, for the document.
    type Json: JsonSchema;

    /// Other content types that it may have, each with an example.
    const OTHER_CONTENT: &'static [(&'static str, &'static str)];

    /// `content_type` is without parameters, in lower case; empty without the header.
    fn parse(content_type: &str, body: &[u8]) -> Result<Self, ApiError>;
}

/// Limit of the bodies of most operations.
pub const MAX_BODY_MB: usize = 5;

/// Limit of the time that a body takes to arrive: 5 MB over a poor connection.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Reads the whole body. The pipeline calls it after authentication, so that nobody without a
/// key can make the service read 5 MB.
pub async fn read_limited(payload: web::Payload, max_mb: usize) -> Result<Vec<u8>, ApiError> {
    let reading = tokio::time::timeout(READ_TIMEOUT, read_all(payload, max_mb));
    reading.await.map_err(|_| ApiError::UnreadableBody)?
}

async fn read_all(mut payload: web::Payload, max_mb: usize) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::UnreadableBody)?;
        if body.len() + chunk.len() > max_mb * 1024 * 1024 {
            return Err(ApiError::PayloadTooLarge(max_mb));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Parses JSON. Unknown fields are ignored; `null` is the same as an absent field.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    // The parser checks only the texts that it keeps, and a field that is ignored must be
    // UTF-8 too.
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

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde::Deserialize;
    use serde_json::{Map, Value};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Example {
        list_id: Option<i64>,
        name: Option<String>,
        metadata: Option<Map<String, Value>>,
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
    #[case(b"{\"metadata\": []}", "invalid_field: metadata")]
    fn the_error_names_what_is_wrong_with_a_body(#[case] body: &[u8], #[case] expected: &str) {
        let actual = match parse::<Example>(body) {
            Err(ApiError::InvalidField(error)) => format!("invalid_field: {}", error.field),
            Err(error) => error.code().to_owned(),
            Ok(value) => format!("{value:?}"),
        };
        assert_eq!(actual, expected);
    }

    #[test]
    fn deeply_nested_json_does_not_overflow_the_stack() {
        let deep = |field: &str| {
            let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
            format!("{{\"{field}\": {open}1{close}}}")
        };
        let ignored = parse::<Example>(deep("unknown").as_bytes());
        assert!(ignored.is_ok(), "{ignored:?}");
        let wrong_type = parse::<Example>(deep("listId").as_bytes());
        assert!(
            matches!(wrong_type, Err(ApiError::InvalidField { .. })),
            "{wrong_type:?}"
        );
        let nested = format!("{{\"metadata\": {}}}", deep("a"));
        let nested = parse::<Example>(nested.as_bytes());
        assert!(
            matches!(nested, Err(ApiError::InvalidJson(_))),
            "{nested:?}"
        );
    }

    #[test]
    fn null_is_absent_and_unknown_fields_are_ignored() {
        let body = b"{\"listId\": null, \"name\": null, \"metadata\": null, \"more\": {}}";
        let body: Example = parse(body).unwrap();
        assert_eq!((body.list_id, body.name, body.metadata), (None, None, None));
    }
}
