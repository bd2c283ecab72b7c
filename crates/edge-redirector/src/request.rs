//! Reads what handlers need of a request: host, query, headers, client address.

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

/// The normalised host of the `Host` header.
pub fn host(request: &Request) -> Option<String> {
    let header = request.headers().get(header::HOST)?;
    domain::host::normalise(header.to_str().ok()?)
}

/// The raw query, without its `?`.
pub fn query(request: &Request) -> &str {
    request.uri().query().unwrap_or_default()
}

/// The first `max_bytes` of a header's text. Bytes that are not UTF-8 become U+FFFD.
pub fn header_text(request: &Request, name: HeaderName, max_bytes: usize) -> Option<Cow<'_, str>> {
    let value = request.headers().get(name)?;
    Some(match String::from_utf8_lossy(value.as_bytes()) {
        Cow::Borrowed(text) => Cow::Borrowed(truncate_at_char(text, max_bytes)),
        Cow::Owned(text) => Cow::Owned(truncate_at_char(&text, max_bytes).to_owned()),
    })
}

/// The address of the client, by the peer and by the headers of trusted proxies.
pub fn client_ip(
    request: &Request,
    proxy_header: ProxyHeader,
    trusted_proxies: &[IpNet],
) -> ClientIp {
    let peer = request
        .peer_addr()
        .map_or([0, 0, 0, 0].into(), |peer| peer.ip());
    let values = |name| request.headers().get_all(name).map(HeaderValue::as_bytes);
    client_ip::client_ip(
        peer,
        proxy_header,
        values(header::X_FORWARDED_FOR),
        values(header::FORWARDED),
        trusted_proxies,
    )
}

/// The headers that the built-in bot rules read: their names are not parsed for every
/// click.
static RULE_HEADERS: [HeaderName; 8] = [
    header::USER_AGENT,
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::ACCEPT_ENCODING,
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-purpose"),
    HeaderName::from_static("x-moz"),
];

/// The text of a header that a bot rule reads.
pub fn rule_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let known_name = RULE_HEADERS.iter().find(|known| known.as_str() == name);
    let value = match known_name {
        Some(name) => headers.get(name),
        None => headers.get(name),
    };
    // A rule may ask only whether the header is present, and one with other bytes than
    // ASCII is.
    Some(value?.to_str().unwrap_or("\u{fffd}"))
}

/// The text of a header, if it is ASCII.
pub fn ascii_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
