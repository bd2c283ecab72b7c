//! The pages for people who are not redirected at once. They have no scripts and load
//! nothing from another host, and the templates escape all texts. Responses without a page
//! are left to `response`.

use std::sync::LazyLock;

use actix_http::{
    StatusCode,
    body::MessageBody as _,
    header::{self, HeaderValue},
};
use askama::Template;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::interstitial::{InterstitialPage, MetaTag};
use sha2::{Digest as _, Sha256};

use crate::response::{self, EdgeResponse};

const STYLE: &str = include_str!("../templates/page.css");

/// The Content-Security-Policy of pages: they may use their own style and nothing else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| security_policy("'none'"));

/// The policy of a page with a form. Chromium applies `form-action` to the whole chain of
/// redirects behind the form, so it must allow all destinations of links.
static POLICY_WITH_FORM: LazyLock<HeaderValue> =
    LazyLock::new(|| security_policy("'self' https: http:"));

fn security_policy(form_action: &str) -> HeaderValue {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    HeaderValue::from_str(&format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; \
         form-action {form_action}; frame-ancestors 'none'"
    ))
    .expect("the policy is ASCII")
}

#[derive(Template)]
#[template(path = "notice.html")]
struct Notice<'a> {
    title: &'a str,
    text: &'a str,
    tags: &'a [MetaTag<'a>],
    style: &'static str,
    /// The link of the button; empty: there is no button.
    reopen_url: &'a str,
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

/// 404: there is no such link, or it is not available.
pub fn not_found() -> EdgeResponse {
    notice(
        StatusCode::NOT_FOUND,
        "This link does not work",
        "It may have ended, or not all of it was copied. Please look at the message it came in, \
         or ask whoever sent it.",
        "",
    )
}

/// 410: the confirmation token of a preview page has expired. `reopen_url` is the link.
pub fn expired(reopen_url: &str) -> EdgeResponse {
    notice(
        StatusCode::GONE,
        "That took a while",
        "The page was open for more than ten minutes. Please open the link again.",
        reopen_url,
    )
}

/// 503: the link could not be looked up.
pub fn unavailable() -> EdgeResponse {
    let page = notice(
        StatusCode::SERVICE_UNAVAILABLE,
        "One moment, please",
        "This link cannot be opened just now. Please try again in a minute.",
        "",
    );
    response::with_retry_after(page, 10)
}

/// 429: too many failed attempts came from the visitor's network.
pub fn too_many_attempts(retry_after_s: u64) -> EdgeResponse {
    let page = notice(
        StatusCode::TOO_MANY_REQUESTS,
        "One moment, please",
        "Too many links that do not exist were asked for from your network. Please try again in \
         a minute.",
        "",
    );
    response::with_retry_after(page, retry_after_s)
}

/// 405: a link allows GET and HEAD, the button of the preview page POST.
pub fn method_not_allowed(allowed_methods: &'static str) -> EdgeResponse {
    let page = notice(
        StatusCode::METHOD_NOT_ALLOWED,
        "This is a link",
        "It can be opened, and nothing else.",
        "",
    );
    response::with_allow(page, allowed_methods)
}

/// The preview page, for a suspected bot: it has a button that a person presses, and does
/// not say where the link leads. `page` has the link's preview tags; `action` is the path of
/// the button.
pub fn preview(action: &str, page: Option<&InterstitialPage>) -> EdgeResponse {
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
    html_response(StatusCode::OK, &html, &POLICY_WITH_FORM)
}

/// The interstitial: a page with a button to the destination.
pub fn interstitial(page: &InterstitialPage, destination: &str) -> EdgeResponse {
    let tags = page.all_meta_tags();
    let html = Interstitial {
        title: &page.title,
        text: page.description.as_deref().unwrap_or_default(),
        tags: &tags,
        style: STYLE,
        destination,
        cta: page.cta.as_deref().unwrap_or("Continue"),
    };
    html_response(StatusCode::OK, &html, &POLICY)
}

fn notice(status: StatusCode, title: &str, text: &str, reopen_url: &str) -> EdgeResponse {
    let html = Notice {
        title,
        text,
        tags: &[],
        style: STYLE,
        reopen_url,
    };
    html_response(status, &html, &POLICY)
}

fn html_response(status: StatusCode, html: &impl Template, policy: &HeaderValue) -> EdgeResponse {
    let mut response = response::empty(status);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let html = html.render().expect("writing to a String does not fail");
    response.set_body(html.boxed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_that_ask_for_a_retry_say_when() {
        for (page, status, seconds) in [
            (unavailable(), 503, "10"),
            (response::overloaded(), 503, "1"),
            (too_many_attempts(42), 429, "42"),
        ] {
            assert_eq!(page.status(), status);
            assert_eq!(page.headers().get(header::RETRY_AFTER).unwrap(), seconds);
        }
    }
}
