//! What a handler may know of the client: its address, its user agent and its session.

use std::net::IpAddr;

use actix_web::{HttpRequest, http::header};
use domain::client_ip::{ProxyHeader, client_ip};
use ipnet::IpNet;

use super::context::RequestContext;
use crate::auth::{SecretToken, session_token};

/// The characters of a user agent that are kept.
const MAX_USER_AGENT_CHARS: usize = 300;

impl RequestContext<'_> {
    /// The address of the client, which trusted proxies name.
    pub fn client_address(&self) -> IpAddr {
        client_address(self.request, &self.state.trusted_proxies)
    }

    pub fn user_agent(&self) -> String {
        let header = self.request.headers().get(header::USER_AGENT);
        let text = header.and_then(|header| header.to_str().ok());
        let text = text.unwrap_or_default();
        text.chars().take(MAX_USER_AGENT_CHARS).collect()
    }

    /// The time of the request in Unix seconds.
    pub fn unix_s(&self) -> u64 {
        u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0)
    }

    /// The token in the cookie of the request, which may be that of no session.
    pub fn session_token(&self) -> Option<SecretToken> {
        session_token(self.request)
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let cookie = self.request.cookie(name)?;
        Some(cookie.value().to_owned())
    }
}

fn client_address(request: &HttpRequest, trusted_proxies: &[IpNet]) -> IpAddr {
    // A server that listens on a socket always knows the peer.
    let peer = request.peer_addr().map(|address| address.ip());
    let peer = peer.unwrap_or(IpAddr::from([0, 0, 0, 0]));
    let values = |name| {
        let values = request.headers().get_all(name);
        let values: Vec<_> = values.map(|value| value.as_bytes()).collect();
        values.into_iter()
    };
    let (x_forwarded_for, forwarded) = (values("x-forwarded-for"), values("forwarded"));
    let header = ProxyHeader::Either;
    client_ip(peer, header, x_forwarded_for, forwarded, trusted_proxies).ip
}
