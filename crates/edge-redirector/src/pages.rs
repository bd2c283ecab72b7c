//! What people see who cannot be sent on. No scripts, nothing from another
//! host.

use actix_http::{
    Response, StatusCode,
    body::{BoxBody, MessageBody as _},
    header::{self, HeaderName, HeaderValue},
};

/// An answer of the redirector.
pub type Page = Response<BoxBody>;

const STYLE: &str = "body{font:17px/1.5 system-ui,sans-serif;margin:0;min-height:100vh;\
    display:grid;place-items:center;background:#f6f6f4;color:#1c1c1a}\
    main{max-width:30rem;padding:2rem}h1{font-size:1.5rem;margin:0 0 .5rem}p{margin:0}\
    @media(prefers-color-scheme:dark){body{background:#161615;color:#ececea}}";

/// 404: there is no such link, or it leads nowhere any more.
pub fn not_found() -> Page {
    page(
        StatusCode::NOT_FOUND,
        "This link does not work",
        "It may have expired, or it was not copied whole. Please check the message it came from.",
    )
}

/// 503: we cannot tell just now.
pub fn unavailable() -> Page {
    let mut response = page(
        StatusCode::SERVICE_UNAVAILABLE,
        "One moment, please",
        "This link cannot be opened just now. Please try again in a minute.",
    );
    let retry = HeaderValue::from_static("10");
    response.headers_mut().insert(header::RETRY_AFTER, retry);
    response
}

/// 405: links are for GET and HEAD.
pub fn method_not_allowed() -> Page {
    let mut response = page(
        StatusCode::METHOD_NOT_ALLOWED,
        "This is a link",
        "It can be opened, and nothing else.",
    );
    let allow = HeaderValue::from_static("GET, HEAD");
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

/// An answer without a body. Neither caches nor search engines keep what we
/// answer.
pub fn empty(status: StatusCode) -> Page {
    const NO_STORE: HeaderValue = HeaderValue::from_static("private, no-store");
    const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
    const NOINDEX: HeaderValue = HeaderValue::from_static("noindex");
    let mut response = Response::with_body(status, ().boxed());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(ROBOTS, NOINDEX);
    response
}

fn page(status: StatusCode, title: &str, text: &str) -> Page {
    let mut response = empty(status);
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1><p>{text}</p></main></body></html>"
    );
    response.set_body(html.boxed())
}
