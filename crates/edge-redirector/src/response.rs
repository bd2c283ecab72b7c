//! The responses without a page. Pages are left to `pages`.

use actix_http::{
    Response, StatusCode,
    body::{BoxBody, MessageBody as _},
    header::{self, HeaderName, HeaderValue},
};

/// A response of the redirector, of any kind.
pub type EdgeResponse = Response<BoxBody>;

/// A response without a body. Neither caches nor search engines may keep any response of
/// the redirector.
pub fn empty(status: StatusCode) -> EdgeResponse {
    const NO_STORE: HeaderValue = HeaderValue::from_static("private, no-store");
    const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
    const NOINDEX: HeaderValue = HeaderValue::from_static("noindex");
    let mut response = Response::with_body(status, ().boxed());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(ROBOTS, NOINDEX);
    response
}

/// A 302 to `url`, or `None` if the URL cannot stand in a header.
pub fn redirect(url: &str) -> Option<EdgeResponse> {
    let location = HeaderValue::from_str(url).ok()?;
    let mut response = empty(StatusCode::FOUND);
    response.headers_mut().insert(header::LOCATION, location);
    Some(response)
}

/// 503 without a page, for requests over the concurrency limit.
pub fn overloaded() -> EdgeResponse {
    with_retry_after(empty(StatusCode::SERVICE_UNAVAILABLE), 1)
}

pub fn with_body(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> EdgeResponse {
    let content_type = HeaderValue::from_static(content_type);
    let response = with_header(empty(status), header::CONTENT_TYPE, content_type);
    response.set_body(body.boxed())
}

/// Adds the methods that a path allows, to a 405.
pub fn with_allow(response: EdgeResponse, methods: &'static str) -> EdgeResponse {
    with_header(response, header::ALLOW, HeaderValue::from_static(methods))
}

/// Adds the seconds after which the client may try again, to a 429 or 503.
pub fn with_retry_after(response: EdgeResponse, seconds: u64) -> EdgeResponse {
    with_header(response, header::RETRY_AFTER, HeaderValue::from(seconds))
}

fn with_header(mut response: EdgeResponse, name: HeaderName, value: HeaderValue) -> EdgeResponse {
    response.headers_mut().insert(name, value);
    response
}
