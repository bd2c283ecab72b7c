//! Reading what a request says.

use std::borrow::Cow;

use actix_http::{
    HttpMessage as _, Request,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use domain::{
    client_ip::{self, ClientIp, ProxyHeader},
    event::truncate_at_char,
};
use ipnet::IpNet;

/// The host a request is for, normalised.
pub fn host(request: &Request) -> Option<String> {
    let header = request.headers().get(header::HOST)?;
    domain::host::normalise(header.to_str().ok()?)
}

/// The query as it came, without its `?`.
pub fn query(request: &Request) -> &str {
    request.uri().query().unwrap_or_default()
}

/// The start of a header's text; what is not UTF-8 becomes U+FFFD.
pub fn text(request: &Request, name: HeaderName, max_bytes: usize) -> Option<Cow<'_, str>> {
    let value = request.headers().get(name)?;
    Some(match String::from_utf8_lossy(value.as_bytes()) {
        Cow::Borrowed(text) => Cow::Borrowed(truncate_at_char(text, max_bytes)),
        Cow::Owned(text) => Cow::Owned(truncate_at_char(&text, max_bytes).to_owned()),
    })
}

/// Whom a request is from, by its peer and by what trusted proxies say.
pub fn client_ip(request: &Request, believed: ProxyHeader, trusted: &[IpNet]) -> ClientIp {
    let peer = request
        .peer_addr()
        .map_or([0, 0, 0, 0].into(), |peer| peer.ip());
    let values = |name| request.headers().get_all(name).map(HeaderValue::as_bytes);
    client_ip::client_ip(
        peer,
        believed,
        values(header::X_FORWARDED_FOR),
        values(header::FORWARDED),
        trusted,
    )
}

/// The headers that our own rules ask for, by names that need not be parsed
/// for every click.
static SIGNS: [HeaderName; 8] = [
    header::USER_AGENT,
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::ACCEPT_ENCODING,
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-purpose"),
    HeaderName::from_static("x-moz"),
];

/// The text of a header that a rule asks for.
pub fn sign<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let known = SIGNS.iter().find(|sign| sign.as_str() == name);
    let value = match known {
        Some(name) => headers.get(name),
        None => headers.get(name),
    };
    // What is not ASCII is there all the same.
    Some(value?.to_str().unwrap_or("\u{fffd}"))
}

/// The text of a header that is plain ASCII where it means anything.
pub fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
