//! Settings of domains: how an account proves that it owns a host.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

#[derive(Debug, Clone, Args)]
pub struct DomainSettings {
    /// Whether an account must prove that it owns a host before links can be created on it:
    /// `proved`, or `assumed` if nobody but you has keys for the API.
    #[arg(long, env = "DOMAIN_OWNERSHIP", value_enum, default_value = "proved")]
    pub domain_ownership: DomainOwnership,
    /// Seconds between two checks of a domain's proof. Too low: checks load name servers for
    /// nothing. Too high: it is noticed late that a host has changed hands.
    #[arg(long, env = "DOMAIN_CHECK_INTERVAL_S", default_value = "86400",
          value_parser = clap::value_parser!(u32).range(1..=2_592_000))]
    pub domain_check_interval_s: u32,
    /// Name servers that are asked for proofs, such as 192.0.2.53:53, separated by commas. The
    /// default is the name servers of the system.
    #[arg(long, env = "DOMAIN_DNS_SERVERS", value_delimiter = ',')]
    pub domain_dns_servers: Vec<SocketAddr>,
    /// Port of the hosts that are asked for the file with their proof. Other ports than 80 are
    /// for tests.
    #[arg(long, env = "DOMAIN_HTTP_PORT", default_value = "80",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub domain_http_port: u16,
    /// Milliseconds that a name server or a host may take to answer. Too low: slow ones cannot
    /// prove anything. Too high: a check of silent hosts delays other checks.
    #[arg(long, env = "DOMAIN_CHECK_TIMEOUT_MS", default_value = "5000",
          value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub domain_check_timeout_ms: u64,
    /// Whether hosts at private and loopback addresses are asked too, which is for tests: it
    /// lets anybody with a key make this process send requests into its own network.
    #[arg(long, env = "DOMAIN_ALLOW_PRIVATE_ADDRESSES", default_value = "false",
          action = clap::ArgAction::Set)]
    pub domain_allow_private_addresses: bool,
}

/// How it is known that an account owns a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DomainOwnership {
    /// The account proves it, or an operator approves it.
    Proved,
    /// Every account is trusted.
    Assumed,
}
