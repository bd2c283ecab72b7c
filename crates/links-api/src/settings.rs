//! The command line and environment of links-api.

use std::net::SocketAddr;

use clap::{Args, Parser, Subcommand};
use platform::{
    build_info::BuildInfo, redis_cache::RedisSettings, settings::Secret,
    telemetry::TelemetrySettings,
};
use postgres::pool::PoolSettings;

use crate::{admin::AdminSettings, domains::settings::DomainSettings};

/// The version and commit of this service.
pub const BUILD: BuildInfo = platform::build_info!();

/// Waypost's HTTP API over Postgres.
#[derive(Debug, Parser)]
#[command(name = "links-api")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API, the internal origin and the admin port.
    Serve(Box<ServeSettings>),
    /// Bring the database's schema up to date, while it is used; prints what was
    /// applied. On a newer schema it does nothing, and says so.
    Migrate(MigrateSettings),
    /// Create the first accounts and keys; prints JSON. All else, and these
    /// too, is done over HTTP.
    Admin(AdminSettings),
    /// Print the OpenAPI document.
    Openapi,
}

#[derive(Debug, Args)]
pub struct MigrateSettings {
    /// How long to wait for the database to be there, in seconds.
    #[arg(long, env = "MIGRATE_WAIT_S", default_value = "60")]
    pub migrate_wait_s: u64,
    #[command(flatten)]
    pub pool: PoolSettings,
}

#[derive(Debug, Args)]
pub struct ServeSettings {
    /// Address of the API.
    #[arg(long, env = "API_BIND", default_value = "127.0.0.1:8080")]
    pub api_bind: SocketAddr,
    /// Address of the origin for redirectors. Must not be reachable from
    /// outside.
    #[arg(long, env = "ORIGIN_BIND", default_value = "127.0.0.1:8081")]
    pub origin_bind: SocketAddr,
    /// Address of /live, /ready and /metrics.
    #[arg(long, env = "ADMIN_BIND", default_value = "127.0.0.1:9080")]
    pub admin_bind: SocketAddr,
    /// The secret shared with the redirectors, at least 16 characters.
    #[arg(long, env = "ORIGIN_TOKEN", hide_env_values = true, value_parser = platform::settings::parse_long_secret)]
    pub origin_token: Secret,
    /// Host of the click tracker for lists that have no click domain.
    #[arg(long, env = "PLATFORM_CLICK_HOST", value_parser = host)]
    pub platform_click_host: String,
    #[command(flatten)]
    pub cache: RedisSettings,
    /// How long a record stays in Redis, in seconds. Too low: more misses go
    /// to Postgres. Too high: links that nobody clicks fill the memory.
    #[arg(long, env = "REDIS_TTL_S", default_value = "604800",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub redis_ttl_s: u64,
    #[command(flatten)]
    pub pool: PoolSettings,
    /// Connections for the origin, beside DATABASE_POOL_SIZE, which is for requests. Too
    /// low: redirects of links that are in no cache wait. Too high: Postgres runs out of
    /// connections.
    #[arg(long, env = "DATABASE_ORIGIN_POOL_SIZE", default_value = "4",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub database_origin_pool_size: u16,
    /// Connections for reports. Too low: reports wait and get 503. Too high: many reports
    /// at once slow everything that Postgres does.
    #[arg(long, env = "DATABASE_REPORT_POOL_SIZE", default_value = "4",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub database_report_pool_size: u16,
    /// Connections for exports, and for judging clicks again. As for reports.
    #[arg(long, env = "DATABASE_EXPORT_POOL_SIZE", default_value = "2",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub database_export_pool_size: u16,
    /// Requests per minute of an API key that has no limit of its own; 0 for
    /// no limit.
    #[arg(long, env = "RATE_LIMIT_PER_MINUTE", default_value = "0",
          value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub rate_limit_per_minute: u32,
    /// Threads that serve requests.
    #[arg(long, env = "API_WORKERS", default_value = "2",
          value_parser = clap::value_parser!(u16).range(1..=512))]
    pub api_workers: u16,
    /// How long requests in flight may take after the signal to stop, in
    /// seconds.
    #[arg(long, env = "DRAIN_TIMEOUT_S", default_value = "20")]
    pub drain_timeout_s: u64,
    /// How long to go on serving after the signal to stop, in milliseconds, while
    /// /ready says no already: as long as the balancer in front takes to notice. Too
    /// low: it sends requests to a closed port. Too high: stops take longer.
    #[arg(long, env = "SHUTDOWN_DELAY_MS", default_value = "0",
          value_parser = clap::value_parser!(u64).range(0..=600_000))]
    pub shutdown_delay_ms: u64,
    #[command(flatten)]
    pub domains: DomainSettings,
    #[command(flatten)]
    pub telemetry: TelemetrySettings,
}

pub fn host(text: &str) -> Result<String, String> {
    domain::host::normalise(text).ok_or_else(|| "it is not a host name".to_owned())
}
