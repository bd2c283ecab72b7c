//! How the ownership of domains is found out.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

#[derive(Debug, Clone, Args)]
pub struct DomainSettings {
    /// Whether an account must prove that a host is its own before the host makes links:
    /// proved, or assumed where nobody but you has keys for the API.
    #[arg(long, env = "DOMAIN_OWNERSHIP", value_enum, default_value = "proved")]
    pub domain_ownership: Ownership,
    /// How often the proof of a domain is looked for again, in seconds. Too low: name
    /// servers are asked for nothing. Too high: a host that has changed hands is noticed late.
    #[arg(long, env = "DOMAIN_CHECK_INTERVAL_S", default_value = "86400",
          value_parser = clap::value_parser!(u32).range(1..=2_592_000))]
    pub domain_check_interval_s: u32,
    /// Name servers that look for proofs, as 192.0.2.53:53, separated by commas. Without it
    /// those of the system.
    #[arg(long, env = "DOMAIN_DNS_SERVERS", value_delimiter = ',')]
    pub domain_dns_servers: Vec<SocketAddr>,
    /// The port on which hosts are asked for the file with their proof.
    #[arg(long, env = "DOMAIN_HTTP_PORT", default_value = "80",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub domain_http_port: u16,
    /// How long a name server or a host may take to answer, in milliseconds.
    #[arg(long, env = "DOMAIN_CHECK_TIMEOUT_MS", default_value = "5000",
          value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub domain_check_timeout_ms: u64,
    /// Asks hosts at private and loopback addresses too: for tests. Otherwise anybody with a
    /// key could have this process send requests into its own network.
    #[arg(long, env = "DOMAIN_ALLOW_PRIVATE_ADDRESSES", default_value = "false",
          action = clap::ArgAction::Set)]
    pub domain_allow_private_addresses: bool,
}

/// Whose word counts for who owns a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ownership {
    Proved,
    Assumed,
}
