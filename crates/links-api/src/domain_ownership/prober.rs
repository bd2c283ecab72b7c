//! Checks whether a host shows a token, in a TXT record or in a file over HTTP.
//!
//! Clients choose the host. So the prober looks up its addresses itself and sends requests only
//! to those on the public Internet, never to what listens on this machine or in its network.
//! It follows no redirects.

#![warn(clippy::indexing_slicing)]

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::RData,
};
use reqwest::{StatusCode, redirect};

use super::{
    public_addresses::is_public,
    token_location::{file_path, file_url, txt_record_name},
};
use crate::settings::DomainSettings;

/// Looks for tokens. It caches nothing.
pub struct Prober {
    resolver: TokioResolver,
    http_port: u16,
    timeout: Duration,
    allows_private_addresses: bool,
}

/// How a host shows its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofMethod {
    Dns,
    Http,
}

impl ProofMethod {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Http => "http",
        }
    }
}

/// The result of a check. The reasons are sentences for clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckOutcome {
    Proved(ProofMethod),
    /// The host does not show the token.
    NotProved(String),
    /// No name server answered, which says nothing about the host.
    Inconclusive(String),
}

/// Why the token was not found by one of the methods.
struct ProofError {
    reason: String,
    /// False if name servers did not answer.
    is_conclusive: bool,
}

impl ProofError {
    fn conclusive(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            is_conclusive: true,
        }
    }
}

impl From<NetError> for ProofError {
    fn from(error: NetError) -> Self {
        match error.is_no_records_found() {
            true => Self::conclusive("there is no such record"),
            false => Self {
                reason: "the name servers do not answer".to_owned(),
                is_conclusive: false,
            },
        }
    }
}

/// Longest file that is read, in bytes: a token with white space around it.
const MAX_FILE_BYTES: usize = 256;

impl Prober {
    pub fn new(settings: &DomainSettings) -> anyhow::Result<Self> {
        let timeout = Duration::from_millis(settings.domain_check_timeout_ms);
        let mut builder = if settings.domain_dns_servers.is_empty() {
            TokioResolver::builder_tokio()
                .context("reading the name servers of the system failed")?
        } else {
            let servers = settings.domain_dns_servers.iter().map(name_server);
            let config = ResolverConfig::from_name_servers(servers.collect());
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        let options = builder.options_mut();
        options.timeout = timeout;
        options.attempts = 1;
        // An account may have changed its record just now.
        options.cache_size = 0;
        // Names in the hosts file of this machine do not belong to accounts.
        options.use_hosts_file = ResolveHosts::Never;
        Ok(Self {
            resolver: builder.build().context("building the resolver failed")?,
            http_port: settings.domain_http_port,
            timeout,
            allows_private_addresses: settings.domain_allow_private_addresses,
        })
    }

    /// Looks for the token, first in the TXT record of the host and then in the file.
    pub async fn check(&self, host: &str, token: &str) -> CheckOutcome {
        let dns_error = match self.find_in_txt_record(host, token).await {
            Ok(()) => return CheckOutcome::Proved(ProofMethod::Dns),
            Err(error) => error,
        };
        let http_error = match self.find_in_file(host, token).await {
            Ok(()) => return CheckOutcome::Proved(ProofMethod::Http),
            Err(error) => error,
        };
        let reason = format!(
            "TXT record {}: {}; {}: {}",
            txt_record_name(host),
            dns_error.reason,
            file_url(host, token),
            http_error.reason
        );
        match dns_error.is_conclusive {
            true => CheckOutcome::NotProved(reason),
            false => CheckOutcome::Inconclusive(reason),
        }
    }

    async fn find_in_txt_record(&self, host: &str, token: &str) -> Result<(), ProofError> {
        // With the dot at its end the name is looked up as it is.
        let lookup = self
            .resolver
            .txt_lookup(format!("{}.", txt_record_name(host)));
        let records = lookup.await?;
        let is_token = |data: &RData| match data {
            RData::TXT(text) => text.txt_data.concat().trim_ascii() == token.as_bytes(),
            _ => false,
        };
        match records
            .answers()
            .iter()
            .any(|record| is_token(&record.data))
        {
            true => Ok(()),
            false => Err(ProofError::conclusive("the record has another value")),
        }
    }

    async fn find_in_file(&self, host: &str, token: &str) -> Result<(), ProofError> {
        let lookup = self.resolver.lookup_ip(format!("{host}.")).await;
        let lookup = lookup.map_err(|_| ProofError::conclusive("the host has no address"))?;
        let addresses: Vec<SocketAddr> = lookup
            .iter()
            .filter(|ip| self.allows_private_addresses || is_public(*ip))
            .map(|ip| SocketAddr::new(ip, self.http_port))
            .collect();
        if addresses.is_empty() {
            let reason = "the host has no address on the public Internet";
            return Err(ProofError::conclusive(reason));
        }
        let client = reqwest::Client::builder()
            .resolve_to_addrs(host, &addresses)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent("waypost-domain-check")
            .timeout(self.timeout)
            .build();
        let client = client.map_err(|error| ProofError::conclusive(error.to_string()))?;
        let url = format!("http://{host}:{}{}", self.http_port, file_path(token));
        let response = client.get(url).send().await;
        let mut response =
            response.map_err(|error| ProofError::conclusive(describe_request_error(&error)))?;
        if response.status() != StatusCode::OK {
            let reason = format!("the response has status {}", response.status().as_u16());
            return Err(ProofError::conclusive(reason));
        }
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await;
            match chunk.map_err(|error| ProofError::conclusive(describe_request_error(&error)))? {
                Some(chunk) if body.len() + chunk.len() <= MAX_FILE_BYTES => {
                    body.extend_from_slice(&chunk);
                }
                Some(_) => return Err(ProofError::conclusive("the file has more than the token")),
                None => break,
            }
        }
        match body.trim_ascii() == token.as_bytes() {
            true => Ok(()),
            false => Err(ProofError::conclusive("the file does not have the token")),
        }
    }
}

/// A short reason for clients, which says nothing about the network of this process.
fn describe_request_error(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "the host does not respond in time"
    } else if error.is_connect() {
        "connecting to the host failed"
    } else {
        "reading the response failed"
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    server
}
