//! What people see who are not sent on at once. No scripts, nothing from
//! another host, and all text is escaped.

use std::sync::LazyLock;

use actix_http::{
    Response, StatusCode,
    body::{BoxBody, MessageBody as _},
    header::{self, HeaderName, HeaderValue},
};
use askama::Template;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::interstitial::{InterstitialPage, MetaTag};
use sha2::{Digest as _, Sha256};

/// An answer of the redirector.
pub type Page = Response<BoxBody>;

const STYLE: &str = include_str!("../templates/page.css");

/// Every page allows its own style and nothing else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy("'none'"));

/// A form may be sent to us, and on to wherever the link leads: Chromium holds
/// the whole chain of redirects behind a form against this.
static POLICY_WITH_FORM: LazyLock<HeaderValue> = LazyLock::new(|| policy("'self' https: http:"));

fn policy(form_action: &str) -> HeaderValue {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    HeaderValue::from_str(&format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; \
         form-action {form_action}; frame-ancestors 'none'"
    ))
    .expect("it is ASCII")
}

#[derive(Template)]
#[template(path = "notice.html")]
struct Notice<'a> {
    title: &'a str,
    text: &'a str,
    tags: &'a [MetaTag<'a>],
    style: &'static str,
    /// Where the button goes; none if empty.
    again: &'a str,
}

#[derive(Template)]
#[template(path = "preview.html")]
struct Preview<'a> {
    title: &'a str,
    text: &'a str,
    tags: &'a [MetaTag<'a>],
    style: &'static str,
    action: &'a str,
}

#[derive(Template)]
#[template(path = "interstitial.html")]
struct Interstitial<'a> {
    title: &'a str,
    text: &'a str,
    tags: &'a [MetaTag<'a>],
    style: &'static str,
    destination: &'a str,
    cta: &'a str,
}

/// 404: there is no such link, or it leads nowhere any more.
pub fn not_found() -> Page {
    notice(
        StatusCode::NOT_FOUND,
        "This link does not work",
        "It may have ended, or not all of it was copied. Please look at the message it came in, \
         or ask whoever sent it.",
        "",
    )
}

/// 410: the button of a preview page was pressed too late.
pub fn expired(again: &str) -> Page {
    notice(
        StatusCode::GONE,
        "That took a while",
        "The page was open for more than ten minutes. Please open the link again.",
        again,
    )
}

/// 503: we cannot tell just now.
pub fn unavailable() -> Page {
    let mut response = notice(
        StatusCode::SERVICE_UNAVAILABLE,
        "One moment, please",
        "This link cannot be opened just now. Please try again in a minute.",
        "",
    );
    let retry = HeaderValue::from_static("10");
    response.headers_mut().insert(header::RETRY_AFTER, retry);
    response
}

/// 503 without a page: too much is asked for at once.
pub fn shed() -> Page {
    let mut response = empty(StatusCode::SERVICE_UNAVAILABLE);
    let retry = HeaderValue::from_static("1");
    response.headers_mut().insert(header::RETRY_AFTER, retry);
    response
}

/// 429: somebody at this address guesses.
pub fn too_many_misses(seconds: u64) -> Page {
    let mut response = notice(
        StatusCode::TOO_MANY_REQUESTS,
        "One moment, please",
        "Too many links that do not exist were asked for from your network. Please try again in \
         a minute.",
        "",
    );
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// 405: links are for GET and HEAD, the button of the preview page for POST.
pub fn method_not_allowed(allow: &'static str) -> Page {
    let mut response = notice(
        StatusCode::METHOD_NOT_ALLOWED,
        "This is a link",
        "It can be opened, and nothing else.",
        "",
    );
    let allow = HeaderValue::from_static(allow);
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

/// What a suspected bot sees: a button that a person presses. It does not say
/// where the link leads. `page` has the link's preview tags.
pub fn preview(action: &str, page: Option<&InterstitialPage>) -> Page {
    let tags = page
        .map(InterstitialPage::all_meta_tags)
        .unwrap_or_default();
    let html = Preview {
        title: page.map_or("Open this link?", |page| &page.title),
        text: page
            .and_then(|page| page.description.as_deref())
            .unwrap_or("Press Continue to go to the page that it leads to."),
        tags: &tags,
        style: STYLE,
        action,
    };
    answer(StatusCode::OK, &html, &POLICY_WITH_FORM)
}

/// A page before the destination.
pub fn interstitial(page: &InterstitialPage, destination: &str) -> Page {
    let tags = page.all_meta_tags();
    let html = Interstitial {
        title: &page.title,
        text: page.description.as_deref().unwrap_or_default(),
        tags: &tags,
        style: STYLE,
        destination,
        cta: page.cta.as_deref().unwrap_or("Continue"),
    };
    answer(StatusCode::OK, &html, &POLICY)
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

fn notice(status: StatusCode, title: &str, text: &str, again: &str) -> Page {
    let html = Notice {
        title,
        text,
        tags: &[],
        style: STYLE,
        again,
    };
    answer(status, &html, &POLICY)
}

fn answer(status: StatusCode, html: &impl Template, policy: &HeaderValue) -> Page {
    let mut response = empty(status);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let html = html.render().expect("a String takes all");
    response.set_body(html.boxed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_to_come_again_is_told_when() {
        for (page, status, seconds) in [
            (unavailable(), 503, "10"),
            (shed(), 503, "1"),
            (too_many_misses(42), 429, "42"),
        ] {
            assert_eq!(page.status(), status);
            assert_eq!(page.headers().get(header::RETRY_AFTER).unwrap(), seconds);
        }
    }
}
