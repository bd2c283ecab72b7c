//! The settings of `links-api serve`, from options and the environment.

mod domains;
mod users;

use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use platform::{
    build_info::BuildInfo, redis_cache::RedisSettings, settings::Secret,
    telemetry::TelemetrySettings,
};
use postgres::pool::PoolSettings;

pub use domains::{DomainOwnership, DomainSettings};
pub use users::{
    DEFAULT_DASHBOARD_URL, MailSettings, SingleSignOnSettings, UserSettings, parse_dashboard_url,
};

/// The version and commit of this service.
pub const BUILD: BuildInfo = platform::build_info!();

#[derive(Debug, Args)]
pub struct ServeSettings {
    /// Address of the API.
    #[arg(long, env = "API_BIND", default_value = "127.0.0.1:8080")]
    pub api_bind: SocketAddr,
    /// Origins whose pages may call the API from a browser, such as `https://app.example.com`,
    /// separated by commas. Without one no page of another origin can.
    #[arg(long, env = "CORS_ORIGINS", value_delimiter = ',', value_parser = parse_web_origin)]
    pub cors_origins: Vec<String>,
    /// Whether the dashboard is served at `/` of the API: `on`, or `off` if its files are on
    /// another host, or nobody needs it.
    #[arg(long, env = "DASHBOARD", value_enum, default_value = "on")]
    pub dashboard: DashboardSetting,
    /// Address of the origin for redirectors. It must not be reachable from outside.
    #[arg(long, env = "ORIGIN_BIND", default_value = "127.0.0.1:8081")]
    pub origin_bind: SocketAddr,
    /// Address of /live, /ready and /metrics.
    #[arg(long, env = "ADMIN_BIND", default_value = "127.0.0.1:9080")]
    pub admin_bind: SocketAddr,
    /// The secret shared with the redirectors, at least 16 characters.
    #[arg(long, env = "ORIGIN_TOKEN", hide_env_values = true, value_parser = platform::settings::parse_long_secret)]
    pub origin_token: Secret,
    /// Host of the click tracker for links of lists and accounts without a click domain.
    #[arg(long, env = "PLATFORM_CLICK_HOST", value_parser = parse_host)]
    pub platform_click_host: String,
    #[command(flatten)]
    pub cache: RedisSettings,
    /// Seconds that a record stays in Redis. Too low: more records are read from Postgres. Too
    /// high: links that nobody clicks fill the memory of Redis.
    #[arg(long, env = "REDIS_TTL_S", default_value = "604800",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub redis_ttl_s: u64,
    #[command(flatten)]
    pub pool: PoolSettings,
    /// Connections for the origin; DATABASE_POOL_SIZE is for requests to the API. Too low:
    /// redirects of links that no cache has wait. Too high: Postgres runs out of connections.
    #[arg(long, env = "DATABASE_ORIGIN_POOL_SIZE", default_value = "4",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub database_origin_pool_size: u16,
    /// Connections for reports. Too low: reports wait and get 503. Too high: many reports
    /// at once slow everything that Postgres does.
    #[arg(long, env = "DATABASE_REPORT_POOL_SIZE", default_value = "4",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub database_report_pool_size: u16,
    /// Connections for exports, imports, and for reclassifying clicks. Too low: exports wait and
    /// get 503. Too high: many exports at once slow everything that Postgres does.
    #[arg(long, env = "DATABASE_EXPORT_POOL_SIZE", default_value = "2",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub database_export_pool_size: u16,
    /// Requests per minute of an API key that has no limit of its own; 0 is no limit.
    #[arg(long, env = "RATE_LIMIT_PER_MINUTE", default_value = "0",
          value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub rate_limit_per_minute: u32,
    /// Threads that serve requests to the API. Too low: cores are idle while requests wait. Too
    /// high: threads compete for cores.
    #[arg(long, env = "API_WORKERS", default_value = "2",
          value_parser = clap::value_parser!(u16).range(1..=512))]
    pub api_workers: u16,
    /// Seconds that requests in flight may take after the signal to stop. Too low: clients lose
    /// responses. Too high: one slow request delays the stop.
    #[arg(long, env = "DRAIN_TIMEOUT_S", default_value = "20")]
    pub drain_timeout_s: u64,
    /// Milliseconds to keep serving after the signal to stop, while /ready already fails: the
    /// time that the load balancer takes to notice. Too low: it sends requests to a closed
    /// port. Too high: stops take longer.
    #[arg(long, env = "SHUTDOWN_DELAY_MS", default_value = "0",
          value_parser = clap::value_parser!(u64).range(0..=600_000))]
    pub shutdown_delay_ms: u64,
    #[command(flatten)]
    pub domains: DomainSettings,
    #[command(flatten)]
    pub users: UserSettings,
    #[command(flatten)]
    pub telemetry: TelemetrySettings,
}

/// Whether the API's port serves the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DashboardSetting {
    On,
    Off,
}

fn parse_web_origin(text: &str) -> Result<String, String> {
    let problem = || format!("{text} is not an origin such as https://app.example.com");
    let url = url::Url::parse(text).map_err(|_| problem())?;
    let origin = url.origin().ascii_serialization();
    match origin == text.trim_end_matches('/') && ["http", "https"].contains(&url.scheme()) {
        true => Ok(origin),
        false => Err(problem()),
    }
}

fn parse_host(text: &str) -> Result<String, String> {
    domain::host::normalise(text).ok_or_else(|| "it is not a host name".to_owned())
}
