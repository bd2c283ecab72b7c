//! What conversions are answered.

use actix_http::{
    StatusCode,
    body::MessageBody as _,
    header::{self, HeaderValue},
};
use domain::{id::ConversionId, postback::PostbackError};
use serde_json::{Value, json};

use crate::pages::{self, Page};

/// One transparent pixel.
const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\
    \x21\xf9\x04\x01\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

pub fn accepted(id: ConversionId) -> Page {
    let body = json!({ "status": "accepted", "conversion_id": id });
    with_json(StatusCode::OK, &body)
}

/// Seconds until a server that refuses for now is to be asked again.
const RETRY_UNAVAILABLE: u64 = 10;

/// `retry_after`: the seconds for which an address is refused that guesses.
pub fn refused(refused: PostbackError, retry_after: u64) -> Page {
    let (status, code) = refused.status_and_code();
    let status = StatusCode::from_u16(status).expect("they are statuses");
    let body = json!({ "error": refused.to_string(), "code": code });
    let mut answer = with_json(status, &body);
    // By the status: whatever is to be tried again says when.
    let retry = match status {
        StatusCode::TOO_MANY_REQUESTS => retry_after,
        StatusCode::SERVICE_UNAVAILABLE => RETRY_UNAVAILABLE,
        _ => return answer,
    };
    let retry = HeaderValue::from(retry);
    answer.headers_mut().insert(header::RETRY_AFTER, retry);
    answer
}

pub fn method_not_allowed(allow: &'static str) -> Page {
    let body = json!({
        "error": "This path does not take this method.",
        "code": "method_not_allowed",
    });
    let mut answer = with_json(StatusCode::METHOD_NOT_ALLOWED, &body);
    let allow = HeaderValue::from_static(allow);
    answer.headers_mut().insert(header::ALLOW, allow);
    answer
}

fn with_json(status: StatusCode, body: &Value) -> Page {
    with_body(status, "application/json", body.to_string().into_bytes())
}

pub fn pixel() -> Page {
    with_body(StatusCode::OK, "image/gif", GIF.to_vec())
}

fn with_body(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Page {
    let mut answer = pages::empty(status);
    let content_type = HeaderValue::from_static(content_type);
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    answer.set_body(body.boxed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_to_come_again_is_told_when() {
        for (refusal, seconds) in [
            (PostbackError::Unavailable, Some("10")),
            (PostbackError::TooManyAttempts, Some("42")),
            (PostbackError::LinkNotFound, None),
        ] {
            let answer = refused(refusal, 42);
            let retry = answer.headers().get(header::RETRY_AFTER);
            assert_eq!(retry.map(|retry| retry.to_str().unwrap()), seconds);
        }
    }
}
