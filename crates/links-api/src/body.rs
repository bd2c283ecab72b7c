//! Reading JSON bodies, and the answers for requests that no handler takes.

use actix_web::{HttpRequest, web};
use futures_util::StreamExt as _;
use serde::{Deserialize, Deserializer, de};

use crate::error::ApiError;

/// Bytes a body may have.
pub const MAX_BODY_BYTES: usize = 5 * 1024 * 1024;

/// The body as JSON. Handlers call it after authentication, so that a stranger
/// cannot make us read 5 MB. Unknown fields are ignored, `null` is absent.
pub async fn json<T: de::DeserializeOwned>(payload: web::Payload) -> Result<T, ApiError> {
    parse(&read(payload).await?)
}

async fn read(mut payload: web::Payload) -> Result<Vec<u8>, ApiError> {
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

fn parse<T: de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = error.path().to_string();
        let problem = error.into_inner();
        if problem.is_data() {
            let field = if field == "." {
                "body".to_owned()
            } else {
                field
            };
            let problem = problem.to_string();
            ApiError::InvalidField { field, problem }
        } else {
            ApiError::InvalidJson(problem.to_string())
        }
    })?;
    json.end()
        .map_err(|error| ApiError::InvalidJson(error.to_string()))?;
    Ok(value)
}

/// A text from a client: anything but U+0000, which Postgres cannot hold.
/// Empty is as good as absent, see [`given`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.contains('\0') {
            return Err(de::Error::custom("U+0000 is not allowed"));
        }
        Ok(Self(text))
    }
}

/// The text if there is one and it is not empty.
pub fn given(text: &Option<Text>) -> Option<&str> {
    text.as_ref()
        .map(|text| text.0.as_str())
        .filter(|text| !text.is_empty())
}

pub async fn no_route() -> Result<actix_web::HttpResponse, ApiError> {
    Err(ApiError::NoRoute)
}

pub async fn wrong_method(_: HttpRequest) -> Result<actix_web::HttpResponse, ApiError> {
    Err(ApiError::MethodNotAllowed)
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
    }

    #[rstest]
    #[case(b"", "invalid_json")]
    #[case(b"{", "invalid_json")]
    #[case(b"{} {}", "invalid_json")]
    #[case(b"\xff", "invalid_json")]
    #[case(b"{\"name\": \"\xff\"}", "invalid_json")]
    #[case(b"[]", "invalid_field: body")]
    #[case(b"7", "invalid_field: body")]
    #[case(b"{\"listId\": \"42\"}", "invalid_field: listId")]
    #[case(b"{\"listId\": 1.5}", "invalid_field: listId")]
    #[case(b"{\"listId\": 99999999999999999999}", "invalid_field: listId")]
    #[case(b"{\"name\": 5}", "invalid_field: name")]
    #[case(b"{\"name\": \"a\\u0000b\"}", "invalid_field: name")]
    fn what_is_wrong_with_a_body_is_named(#[case] body: &[u8], #[case] expected: &str) {
        let said = match parse::<Example>(body) {
            Err(ApiError::InvalidField { field, .. }) => format!("invalid_field: {field}"),
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
    }

    #[test]
    fn null_is_absent_and_unknown_fields_are_ignored() {
        let body: Example = parse(b"{\"listId\": null, \"name\": \"\", \"more\": {}}").unwrap();
        assert_eq!(body.list_id, None);
        assert_eq!(given(&body.name), None);
    }
}
