//! Reading what a request says.

use std::{borrow::Cow, net::IpAddr};

use actix_http::{
    HttpMessage as _, Method, Request,
    header::{self, HeaderMap, HeaderName},
};
use domain::{bot::BotSigns, client_ip};
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

/// A header's text; what is not UTF-8 becomes U+FFFD.
pub fn text(request: &Request, name: HeaderName) -> Option<Cow<'_, str>> {
    let value = request.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()))
}

pub fn client_ip(request: &Request, trusted: &[IpNet]) -> IpAddr {
    let peer = request
        .peer_addr()
        .map_or([0, 0, 0, 0].into(), |peer| peer.ip());
    let values = request.headers().get_all(header::X_FORWARDED_FOR);
    client_ip::client_ip(
        peer,
        values.filter_map(|value| value.to_str().ok()),
        trusted,
    )
}

pub fn bot_signs<'a>(request: &'a Request, user_agent: Option<&'a str>) -> BotSigns<'a> {
    let headers = request.headers();
    BotSigns {
        is_head: request.method() == Method::HEAD,
        user_agent,
        purposes: ["sec-purpose", "purpose", "x-moz"].map(|name| value(headers, name)),
    }
}

/// The text of a header that is plain ASCII where it means anything.
pub fn value<'a>(headers: &'a HeaderMap, name: &'static str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
