//! Whether a host shows its account's token: in a TXT record, or in a file that is
//! answered over HTTP.
//!
//! The host is whatever a client says it is. So its addresses are looked up here, and a
//! request goes to those of them that are on the public Internet, or nowhere: not to what
//! listens on this machine or in this network. Redirects are not followed.

#![warn(clippy::indexing_slicing)]

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::Context as _;
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::RData,
};
use ipnet::IpNet;
use reqwest::{StatusCode, redirect};

use super::settings::DomainSettings;

/// Looks for tokens.
pub struct Prober {
    resolver: TokioResolver,
    http_port: u16,
    timeout: Duration,
    allows_private_addresses: bool,
}

/// How a host can show a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Dns,
    Http,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Http => "http",
        }
    }
}

/// What a check has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Proved(Method),
    /// The host was asked and does not show the token.
    NotProved(String),
    /// No name server gave an answer: it says nothing about the host.
    Unknown(String),
}

/// The name of the TXT record.
pub fn record_name(host: &str) -> String {
    format!("_waypost.{host}")
}

/// The file's URL, on port 80 unless a setting says otherwise.
pub fn file_url(host: &str, token: &str) -> String {
    format!("http://{host}{}", file_path(token))
}

fn file_path(token: &str) -> String {
    format!("/.well-known/waypost/{token}")
}

/// Why one of the methods has not found the token.
struct NotShown {
    reason: String,
    /// Whether the host was asked, and not only its name servers in vain.
    is_answer: bool,
}

impl NotShown {
    fn answered(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            is_answer: true,
        }
    }
}

impl From<NetError> for NotShown {
    fn from(error: NetError) -> Self {
        match error.is_no_records_found() {
            true => Self::answered("there is no such record"),
            false => Self {
                reason: "the name servers give no answer".to_owned(),
                is_answer: false,
            },
        }
    }
}

/// Bytes of the file that are read: a token with white space around.
const MAX_FILE_BYTES: usize = 256;

impl Prober {
    pub fn new(settings: &DomainSettings) -> anyhow::Result<Self> {
        let timeout = Duration::from_millis(settings.domain_check_timeout_ms);
        let mut builder = if settings.domain_dns_servers.is_empty() {
            TokioResolver::builder_tokio().context("the system's name servers cannot be read")?
        } else {
            let servers = settings.domain_dns_servers.iter().map(name_server);
            let config = ResolverConfig::from_name_servers(servers.collect());
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        let options = builder.options_mut();
        options.timeout = timeout;
        options.attempts = 1;
        // What a tenant has just changed is looked up anew.
        options.cache_size = 0;
        // Names of this machine are no hosts of tenants.
        options.use_hosts_file = ResolveHosts::Never;
        Ok(Self {
            resolver: builder.build().context("there is no resolver")?,
            http_port: settings.domain_http_port,
            timeout,
            allows_private_addresses: settings.domain_allow_private_addresses,
        })
    }

    /// Looks for the token of a host, first in its TXT record.
    pub async fn check(&self, host: &str, token: &str) -> Outcome {
        let by_dns = match self.record_shows(host, token).await {
            Ok(()) => return Outcome::Proved(Method::Dns),
            Err(not_shown) => not_shown,
        };
        let by_http = match self.file_shows(host, token).await {
            Ok(()) => return Outcome::Proved(Method::Http),
            Err(not_shown) => not_shown,
        };
        let reason = format!(
            "TXT record {}: {}; {}: {}",
            record_name(host),
            by_dns.reason,
            file_url(host, token),
            by_http.reason
        );
        match by_dns.is_answer {
            true => Outcome::NotProved(reason),
            false => Outcome::Unknown(reason),
        }
    }

    async fn record_shows(&self, host: &str, token: &str) -> Result<(), NotShown> {
        // With the dot at its end the name is looked up as it is.
        let found = self.resolver.txt_lookup(format!("{}.", record_name(host)));
        let found = found.await?;
        let is_token = |data: &RData| match data {
            RData::TXT(text) => text.txt_data.concat().trim_ascii() == token.as_bytes(),
            _ => false,
        };
        match found.answers().iter().any(|record| is_token(&record.data)) {
            true => Ok(()),
            false => Err(NotShown::answered("it has another value")),
        }
    }

    async fn file_shows(&self, host: &str, token: &str) -> Result<(), NotShown> {
        let found = self.resolver.lookup_ip(format!("{host}.")).await;
        let found = found.map_err(|_| NotShown::answered("the host has no address"))?;
        let addresses: Vec<SocketAddr> = found
            .iter()
            .filter(|ip| self.allows_private_addresses || is_public(*ip))
            .map(|ip| SocketAddr::new(ip, self.http_port))
            .collect();
        if addresses.is_empty() {
            let reason = "the host has no address on the public Internet";
            return Err(NotShown::answered(reason));
        }
        let client = reqwest::Client::builder()
            .resolve_to_addrs(host, &addresses)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent("waypost-domain-check")
            .timeout(self.timeout)
            .build();
        let client = client.map_err(|error| NotShown::answered(error.to_string()))?;
        let url = format!("http://{host}:{}{}", self.http_port, file_path(token));
        let sent = client.get(url).send().await;
        let mut response = sent.map_err(|error| NotShown::answered(request_problem(&error)))?;
        if response.status() != StatusCode::OK {
            let reason = format!("it is answered with status {}", response.status().as_u16());
            return Err(NotShown::answered(reason));
        }
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await;
            match chunk.map_err(|error| NotShown::answered(request_problem(&error)))? {
                Some(chunk) if body.len() + chunk.len() <= MAX_FILE_BYTES => {
                    body.extend_from_slice(&chunk);
                }
                Some(_) => return Err(NotShown::answered("it is more than the token")),
                None => break,
            }
        }
        match body.trim_ascii() == token.as_bytes() {
            true => Ok(()),
            false => Err(NotShown::answered("it is not the token")),
        }
    }
}

/// In few words: what a client is told says nothing about our network.
fn request_problem(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "it is not answered in time"
    } else if error.is_connect() {
        "the host cannot be connected to"
    } else {
        "the answer cannot be read"
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        set_port(connection, address.port());
    }
    server
}

fn set_port(connection: &mut ConnectionConfig, port: u16) {
    connection.port = port;
}

/// Networks that are not on the public Internet, or lead to others that are not (IANA's
/// registries of special-purpose addresses). Of IPv6 only 2000::/3 is public at all.
const NOT_PUBLIC: [&str; 21] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
];
const PUBLIC_IPV6: &str = "2000::/3";

fn is_public(address: IpAddr) -> bool {
    let is_in = |network: &str| {
        let network: IpNet = network.parse().expect("tested: it is a network");
        network.contains(&address)
    };
    (address.is_ipv4() || is_in(PUBLIC_IPV6)) && !NOT_PUBLIC.into_iter().any(is_in)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("8.8.8.8", true)]
    #[case("1.1.1.1", true)]
    #[case("172.15.255.255", true)]
    #[case("172.32.0.1", true)]
    #[case("100.63.255.255", true)]
    #[case("2606:4700::1111", true)]
    #[case("2a00:1450:4001::1", true)]
    #[case("0.0.0.0", false)]
    #[case("10.0.0.1", false)]
    #[case("100.64.0.1", false)]
    #[case("127.0.0.1", false)]
    #[case("127.255.255.255", false)]
    // Where clouds answer for the machine's own credentials.
    #[case("169.254.169.254", false)]
    #[case("172.16.0.1", false)]
    #[case("172.31.255.255", false)]
    #[case("192.168.1.1", false)]
    #[case("198.18.0.1", false)]
    #[case("224.0.0.1", false)]
    #[case("255.255.255.255", false)]
    #[case("::", false)]
    #[case("::1", false)]
    #[case("::ffff:127.0.0.1", false)]
    #[case("::ffff:8.8.8.8", false)]
    #[case("::127.0.0.1", false)]
    #[case("64:ff9b::7f00:1", false)]
    #[case("fd00::1", false)]
    #[case("fe80::1", false)]
    #[case("fec0::1", false)]
    #[case("ff02::1", false)]
    #[case("2001:db8::1", false)]
    #[case("2001::1", false)]
    // 10.0.0.1 behind 6to4.
    #[case("2002:a00:1::1", false)]
    #[case("3fff::1", false)]
    fn addresses_are_public_or_not(#[case] address: &str, #[case] expected: bool) {
        assert_eq!(is_public(address.parse().unwrap()), expected);
    }
}
