//! The responses to requests that record a conversion.

use actix_http::StatusCode;
use domain::{
    conversion::ConversionFlag,
    event::truncate_at_char,
    id::ConversionId,
    postback::{
        ConversionDetails, FixedResponse, PostbackError,
        log::{MAX_IGNORED_NAME_BYTES, MAX_IGNORED_NAMES},
    },
};
use serde::Serialize;
use serde_json::{Value, json};

use super::event::RecordedConversion;
use crate::response::{self, EdgeResponse};

/// A transparent image of one pixel.
const PIXEL_GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\
    \x21\xf9\x04\x01\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

/// The response to a postback that is accepted. What is not known or as usual is left out.
#[derive(Serialize)]
struct Accepted<'r> {
    status: &'static str,
    /// The conversion that is stored: the first one, if this postback repeats it.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversion_id: Option<ConversionId>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
    /// Whether the click that the postback names is not stored yet. It is left out where
    /// nobody knows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pending: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    flags: &'r [ConversionFlag],
    /// The names of parameters that have no meaning or no value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ignored: Vec<&'r str>,
}

/// The response to a postback whose conversion is on disk; `is_pending` if the click that it
/// names is not stored yet.
pub fn accepted(
    recorded: &RecordedConversion,
    details: &ConversionDetails,
    is_pending: bool,
) -> EdgeResponse {
    accepted_response("accepted", Some(recorded), details, is_pending)
}

/// The response to a postback of an event that is not stored.
pub fn ignored(details: &ConversionDetails) -> EdgeResponse {
    accepted_response("ignored", None, details, false)
}

fn accepted_response(
    status: &'static str,
    recorded: Option<&RecordedConversion>,
    details: &ConversionDetails,
    is_pending: bool,
) -> EdgeResponse {
    let names = details.ignored.iter().take(MAX_IGNORED_NAMES);
    let first_id = recorded.and_then(|recorded| recorded.first_id);
    let body = Accepted {
        status,
        conversion_id: first_id.or(recorded.map(|recorded| recorded.id)),
        duplicate: first_id.is_some(),
        pending: is_pending,
        flags: &details.flags,
        ignored: names
            .map(|name| truncate_at_char(name, MAX_IGNORED_NAME_BYTES))
            .collect(),
    };
    let body = serde_json::to_vec(&body).expect("the response is plain data");
    response::with_body(StatusCode::OK, "application/json", body)
}

/// The response that the sender expects instead.
pub fn fixed(fixed: &FixedResponse) -> EdgeResponse {
    let status = StatusCode::from_u16(fixed.status).unwrap_or(StatusCode::OK);
    let body = fixed.body.clone().into_bytes();
    response::with_body(status, "text/plain; charset=utf-8", body)
}

/// Seconds after which a client may try again when the conversion cannot be recorded.
const UNAVAILABLE_RETRY_AFTER_S: u64 = 10;

/// `retry_after_s`: how long the enumeration guard refuses the client's network.
pub fn error(error: PostbackError, retry_after_s: u64) -> EdgeResponse {
    let (status, code) = error.status_and_code();
    let status = StatusCode::from_u16(status).expect("the table has valid statuses");
    let body = json!({ "error": error.to_string(), "code": code });
    let response = json_response(status, &body);
    match status {
        StatusCode::TOO_MANY_REQUESTS => response::with_retry_after(response, retry_after_s),
        StatusCode::SERVICE_UNAVAILABLE => {
            response::with_retry_after(response, UNAVAILABLE_RETRY_AFTER_S)
        }
        _ => response,
    }
}

pub fn method_not_allowed(allowed_methods: &'static str) -> EdgeResponse {
    let body = json!({
        "error": "This path does not take this method.",
        "code": "method_not_allowed",
    });
    let response = json_response(StatusCode::METHOD_NOT_ALLOWED, &body);
    response::with_allow(response, allowed_methods)
}

pub fn pixel() -> EdgeResponse {
    response::with_body(StatusCode::OK, "image/gif", PIXEL_GIF.to_vec())
}

fn json_response(status: StatusCode, body: &Value) -> EdgeResponse {
    response::with_body(status, "application/json", body.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use actix_http::{body::MessageBody as _, header};
    use domain::postback::{MappingLayers, PostbackParameters, interpret};

    use super::*;

    fn details(query: &str) -> ConversionDetails {
        let mut parameters = PostbackParameters::default();
        parameters.add_form(query.as_bytes());
        interpret(&parameters, MappingLayers::new(None, None))
    }

    #[track_caller]
    fn assert_body(response: EdgeResponse, expected: &str) {
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().try_into_bytes();
        assert_eq!(body.ok().as_deref(), Some(expected.as_bytes()));
    }

    #[test]
    fn a_response_says_what_is_not_as_usual() {
        let [id, first_id] = [1, 2].map(|ms| ConversionId::generate(ms, &mut rand::rng()));
        let recorded = |first_id| RecordedConversion { id, first_id };
        let of_click = details("click_id=x&revenue=1");
        let response = accepted(&recorded(None), &of_click, false);
        let expected = format!(r#"{{"status":"accepted","conversion_id":"{id}"}}"#);
        assert_body(response, &expected);
        let response = accepted(&recorded(None), &of_click, true);
        let expected = format!(r#"{{"status":"accepted","conversion_id":"{id}","pending":true}}"#);
        assert_body(response, &expected);

        let details = details("revenue=1,234&txn_id={x}");
        let response = accepted(&recorded(Some(first_id)), &details, false);
        let expected =
            format!(r#"{{"status":"accepted","conversion_id":"{first_id}","duplicate":true,"#)
                + r#""flags":["amount_unreadable"],"ignored":["txn_id"]}"#;
        assert_body(response, &expected);

        let expected = r#"{"status":"ignored","flags":["amount_unreadable"],"ignored":["txn_id"]}"#;
        assert_body(ignored(&details), expected);
    }

    #[test]
    fn the_names_of_ignored_parameters_are_limited() {
        let names: Vec<_> = (0..100).map(|n| format!("{n:0100}=1")).collect();
        let response = ignored(&details(&names.join("&")));
        let body = response.into_body().try_into_bytes().unwrap();
        assert!(body.len() < 2000, "{}", body.len());
    }

    #[test]
    fn errors_that_ask_for_a_retry_say_when() {
        for (error_kind, seconds) in [
            (PostbackError::Unavailable, Some("10")),
            (PostbackError::TooManyAttempts, Some("42")),
            (PostbackError::LinkNotFound, None),
        ] {
            let response = error(error_kind, 42);
            let retry_after = response.headers().get(header::RETRY_AFTER);
            let retry_after = retry_after.map(|value| value.to_str().unwrap());
            assert_eq!(retry_after, seconds);
        }
    }
}
