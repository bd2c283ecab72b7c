//! The responses to requests that record a conversion.

use actix_http::StatusCode;
use domain::{id::ConversionId, postback::PostbackError};
use serde_json::{Value, json};

use crate::response::{self, EdgeResponse};

/// A transparent image of one pixel.
const PIXEL_GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\
    \x21\xf9\x04\x01\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

pub fn accepted(id: ConversionId) -> EdgeResponse {
    let body = json!({ "status": "accepted", "conversion_id": id });
    json_response(StatusCode::OK, &body)
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
    use actix_http::header;

    use super::*;

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
