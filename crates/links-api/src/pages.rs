//! The dashboard at `/`, for all paths that no operation and no document has.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
};
use dashboard::{Answer, CONTENT_SECURITY_POLICY, Dashboard, Request};

use crate::{error::ErrorResponse, http};

/// Prefixes of paths that are never the dashboard's, so that a wrong path of the API is an error
/// in a browser too.
const NOT_PAGES: [&str; 5] = ["/api/", "/v2/", "/docs/", "/internal/", "/.well-known/"];

/// The dashboard's file, or else the error of a path that does not exist.
pub async fn serve(
    dashboard: Option<&Dashboard>,
    request: HttpRequest,
) -> Result<HttpResponse, ErrorResponse> {
    match dashboard.and_then(|dashboard| find(dashboard, &request)) {
        Some(answer) => Ok(respond(answer)),
        None => http::default_service(request).await,
    }
}

fn find(dashboard: &Dashboard, request: &HttpRequest) -> Option<Answer> {
    let path = request.path();
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    if !is_read || NOT_PAGES.iter().any(|prefix| path.starts_with(prefix)) {
        return None;
    }
    let text = |name| {
        let value = request.headers().get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    };
    dashboard.answer(&Request {
        path,
        accept: text(header::ACCEPT),
        accept_encoding: text(header::ACCEPT_ENCODING),
        if_none_match: text(header::IF_NONE_MATCH),
    })
}

fn respond(answer: Answer) -> HttpResponse {
    let mut response = match answer.body {
        Some(_) => HttpResponse::Ok(),
        None => HttpResponse::NotModified(),
    };
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::CACHE_CONTROL, answer.cache_control))
        .insert_header((header::VARY, "accept-encoding"))
        .insert_header((header::ETAG, answer.etag));
    let Some(body) = answer.body else {
        return response.finish();
    };
    if let Some(encoding) = answer.encoding.name() {
        response.insert_header((header::CONTENT_ENCODING, encoding));
    }
    response.content_type(answer.content_type).body(body)
}
