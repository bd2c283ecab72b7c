//! The response after a panic: 500 in the error format of its API. `platform::telemetry` logs
//! the panic itself, with its place.

use std::any::Any;

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};

use crate::error::ErrorResponse;

/// The header with the id of a request, which is also in the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The response to a request whose handler panicked.
#[derive(Debug, thiserror::Error)]
#[error("{response}")]
pub struct PanicResponse {
    pub response: ErrorResponse,
    pub request_id: String,
}

impl ResponseError for PanicResponse {
    fn status_code(&self) -> StatusCode {
        self.response.status_code()
    }

    /// Sets the headers that middleware sets for other responses, since this one does not
    /// pass through it.
    fn error_response(&self) -> HttpResponse {
        let mut response = self.response.error_response();
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::try_from(&self.request_id) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        response
    }
}

pub fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}
