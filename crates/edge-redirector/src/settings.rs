//! The command line and environment of edge-redirector.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use domain::client_ip::ProxyHeader;
use ipnet::IpNet;
use platform::{
    amqp::AmqpSettings,
    build_info::BuildInfo,
    redis_cache::RedisSettings,
    settings::{Secret, parse_http_base_url, parse_long_secret},
    telemetry::TelemetrySettings,
};

use crate::spool::{SpoolSettings, SyncPolicy};

/// The header of trusted proxies that has the visitor's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProxyHeaderSetting {
    Either,
    XForwardedFor,
    Forwarded,
}

impl From<ProxyHeaderSetting> for ProxyHeader {
    fn from(setting: ProxyHeaderSetting) -> Self {
        match setting {
            ProxyHeaderSetting::Either => Self::Either,
            ProxyHeaderSetting::XForwardedFor => Self::XForwardedFor,
            ProxyHeaderSetting::Forwarded => Self::Forwarded,
        }
    }
}

/// Whether connections begin with a PROXY protocol header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProxyProtocolSetting {
    Off,
    V2,
}

/// The version and commit of this service.
pub const BUILD: BuildInfo = platform::build_info!();

/// Waypost's redirector.
#[derive(Debug, Parser)]
#[command(name = "edge-redirector")]
pub struct Settings {
    /// Address of the port for visitors, which the balancer in front connects to.
    #[arg(long, env = "EDGE_BIND", default_value = "127.0.0.1:8090")]
    pub edge_bind: SocketAddr,
    /// Address of /live, /ready and /metrics.
    #[arg(long, env = "ADMIN_BIND", default_value = "127.0.0.1:9090")]
    pub admin_bind: SocketAddr,
    /// Threads that answer requests. Too low: cores are idle. More than the machine has
    /// cores: no gain.
    #[arg(long, env = "EDGE_WORKERS", default_value = "2",
          value_parser = clap::value_parser!(u16).range(1..=512))]
    pub edge_workers: u16,
    /// Networks of the proxies in front, separated by commas, as in
    /// 10.0.0.0/8. A visitor's address is taken from the headers of these proxies only.
    #[arg(long, env = "TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,
    /// The header with the visitor's address that the trusted proxies write. `either` is
    /// X-Forwarded-For, or Forwarded (RFC 7239) if that is absent. If the proxies write only
    /// one of the two, name it: a visitor may send the other.
    #[arg(long, env = "PROXY_HEADER", value_enum, default_value = "either")]
    pub proxy_header: ProxyHeaderSetting,
    /// v2: the trusted proxies begin every connection with a PROXY protocol header,
    /// version 2. Connections without it, or from other addresses, are closed.
    #[arg(long, env = "PROXY_PROTOCOL", value_enum, default_value = "off")]
    pub proxy_protocol: ProxyProtocolSetting,
    /// The secret that signs the confirmation tokens of preview pages, at least
    /// 16 characters, the same for all redirectors.
    #[arg(long, env = "CONFIRMATION_TOKEN_SECRET", hide_env_values = true, value_parser = parse_long_secret)]
    pub confirmation_token_secret: Secret,
    /// A file of bot rules in addition to the built-in ones, in the format of
    /// crates/domain/src/bot/rules.toml.
    #[arg(long, env = "BOT_RULES_FILE")]
    pub bot_rules_file: Option<PathBuf>,
    /// A GeoIP database of countries in MaxMind's format. Without it, countries are
    /// unknown.
    #[arg(long, env = "GEOIP_COUNTRY_DB")]
    pub geoip_country_db: Option<PathBuf>,
    /// A GeoIP database of autonomous systems in MaxMind's format. Without it,
    /// datacenters are recognised by their networks only.
    #[arg(long, env = "GEOIP_ASN_DB")]
    pub geoip_asn_db: Option<PathBuf>,
    /// How often these three files are checked for changes, in milliseconds: a changed file
    /// is reloaded without a restart.
    #[arg(long, env = "FILE_RELOAD_INTERVAL_MS", default_value = "5000",
          value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    pub file_reload_interval_ms: u64,

    /// Largest number of open connections; further ones wait to be accepted. Too low:
    /// people wait. Too high: memory and open files run out.
    #[arg(long, env = "EDGE_MAX_CONNECTIONS", default_value = "20000",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub edge_max_connections: u32,
    /// How long a client may take to send the head of a request, to send the body of a
    /// postback, and to receive the end of a response, in milliseconds. Too low: clients with poor connections fail. Too high:
    /// slow clients hold connections.
    #[arg(long, env = "EDGE_CLIENT_TIMEOUT_MS", default_value = "5000",
          value_parser = clap::value_parser!(u64).range(10..=600_000))]
    pub edge_client_timeout_ms: u64,
    /// With more concurrent requests than this, pages are refused and only redirects are
    /// answered. Too low: pages are refused without need. Too high: redirects wait for pages.
    #[arg(long, env = "EDGE_MAX_CONCURRENT_REQUESTS_FOR_PAGES", default_value = "4000",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub edge_max_concurrent_requests_for_pages: u32,
    /// Largest number of concurrent requests; further ones are refused. Too low: requests
    /// are refused without need. Too high: everybody waits.
    #[arg(long, env = "EDGE_MAX_CONCURRENT_REQUESTS", default_value = "16000",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub edge_max_concurrent_requests: u32,
    /// How many failed attempts an address (with IPv6, a /64) has in a minute: requests for
    /// links that never existed, or with wrong postback secrets, each different one once. An
    /// address has one more for each different link that it requested with success. An
    /// address with more failures is refused for the rest of the minute. 0: no limit. Too
    /// low: people behind one gateway are refused. Too high: ids and secrets can be guessed
    /// faster.
    #[arg(
        long,
        env = "EDGE_MAX_FAILED_ATTEMPTS_PER_MINUTE",
        default_value = "60"
    )]
    pub edge_max_failed_attempts_per_minute: u32,

    /// URL of the origin, which is ORIGIN_BIND of links-api, as in http://127.0.0.1:8081.
    /// TLS (https://) is not supported.
    #[arg(long, env = "ORIGIN_URL", value_parser = parse_http_base_url)]
    pub origin_url: String,
    /// The secret shared with links-api, at least 16 characters.
    #[arg(long, env = "ORIGIN_TOKEN", hide_env_values = true, value_parser = parse_long_secret)]
    pub origin_token: Secret,
    /// How long the origin may take to answer, in milliseconds. Too low: a busy origin
    /// looks like an outage. Too high: people wait before they see an error.
    #[arg(long, env = "ORIGIN_TIMEOUT_MS", default_value = "2000",
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub origin_timeout_ms: u64,
    /// Concurrent requests to the origin; further lookups fail. Too low: links that
    /// are not in Redis cannot be looked up. Too high: guessed ids keep Postgres busy.
    #[arg(long, env = "ORIGIN_MAX_LOOKUPS", default_value = "256",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub origin_max_lookups: u32,
    #[command(flatten)]
    pub cache: RedisSettings,
    /// How long the heartbeat of the record changes, which links-api sends through Redis
    /// every second, may be missing before the origin is polled, in milliseconds. Too low:
    /// the origin is polled without need. Too high: while Redis refuses writes, a
    /// deactivated link stays available that long.
    #[arg(long, env = "RECORD_CHANGE_HEARTBEAT_TIMEOUT_MS", default_value = "2000",
          value_parser = clap::value_parser!(u64).range(1_100..=60_000))]
    pub record_change_heartbeat_timeout_ms: u64,
    /// Approximate bytes of the records in the in-process cache; a link takes one to two
    /// thousand. Too low: more reads from Redis, and fewer links that are available while
    /// neither Redis nor the origin answers. Too high: memory for links that nobody clicks
    /// any more.
    #[arg(long, env = "LOCAL_CACHE_BYTES", default_value = "268435456",
          value_parser = clap::value_parser!(u64).range(1_000_000..))]
    pub local_cache_bytes: u64,
    /// How long cached records are used without being read again, in milliseconds. Too low:
    /// more reads from Redis. Too high: a change past the API (not one by the API, which is
    /// applied at once) takes up to twice this time.
    #[arg(long, env = "LOCAL_CACHE_TTL_MS", default_value = "60000")]
    pub local_cache_ttl_ms: u64,
    /// How long "no such link" is cached, in milliseconds. Too low: guessed ids reach
    /// Postgres. Too high: a link that is clicked before it is created stays unknown that
    /// long.
    #[arg(long, env = "LOCAL_CACHE_NEGATIVE_TTL_MS", default_value = "1000")]
    pub local_cache_negative_ttl_ms: u64,

    #[command(flatten)]
    pub amqp: AmqpSettings,
    /// Folder of the spool, on a disk of this machine. One per process.
    #[arg(long, env = "SPOOL_DIR")]
    pub spool_dir: PathBuf,
    /// Largest size of the spool, in bytes. When it is full, clicks are redirected but not
    /// recorded. 1 GiB holds some 2.5 million clicks.
    #[arg(long, env = "SPOOL_MAX_BYTES", default_value = "1073741824")]
    pub spool_max_bytes: u64,
    /// While the spool has at most this many bytes, clicks that the broker has confirmed stay
    /// in it until a worker has stored them; above, they are deleted once they are confirmed.
    /// 0: always delete them once they are confirmed. Default: half of SPOOL_MAX_BYTES. Too
    /// low: clicks that a broker confirmed and lost may be gone. Too high: after an outage of
    /// the workers there is less room for one of the broker.
    #[arg(long, env = "SPOOL_KEEP_CONFIRMED_BYTES")]
    pub spool_keep_confirmed_bytes: Option<u64>,
    /// Bytes after which a segment of the spool is closed. Too low: many files. Too high:
    /// more clicks are resent after a crash.
    #[arg(long, env = "SPOOL_SEGMENT_BYTES", default_value = "16777216")]
    pub spool_segment_bytes: u64,
    /// When the spool is synced to the disk: `always` before a click is answered, or a
    /// number of milliseconds between syncs: a power cut loses the clicks of that time.
    #[arg(long, env = "SPOOL_SYNC", default_value = "always", value_parser = sync_policy)]
    pub spool_sync: SyncPolicy,
    /// How long the disk may take to record a click, in milliseconds; after that the click
    /// is redirected and counted as unrecorded. Too low: clicks are lost while the disk is
    /// busy. Too high: people wait for a disk that hangs.
    #[arg(long, env = "SPOOL_TIMEOUT_MS", default_value = "2000",
          value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub spool_timeout_ms: u64,
    /// How long the broker may take to confirm a message, in milliseconds, unless it says
    /// that it blocks publishers; after that the publisher reconnects and resends all
    /// unconfirmed messages. Too low: a busy broker gets messages twice. Too high: a broken
    /// connection is noticed late.
    #[arg(long, env = "CONFIRM_TIMEOUT_MS", default_value = "30000",
          value_parser = clap::value_parser!(u64).range(100..))]
    pub confirm_timeout_ms: u64,
    /// How long clicks may have no store receipt while later ones have, in milliseconds;
    /// after that the broker has probably lost them, and they are resent. Too low: workers
    /// get clicks twice. Too high: lost clicks are missing for longer.
    #[arg(long, env = "RESEND_AFTER_MS", default_value = "30000",
          value_parser = clap::value_parser!(u64).range(100..=86_400_000))]
    pub resend_after_ms: u64,

    /// How long requests in flight, and then the publisher, may take after
    /// the signal to stop, in seconds. Clicks that are not published by then are
    /// published after the next start.
    #[arg(long, env = "DRAIN_TIMEOUT_S", default_value = "20")]
    pub drain_timeout_s: u64,
    /// How long to accept requests after the signal to stop, in milliseconds, while
    /// /ready answers 503: as long as the balancer in front takes to notice. Too low: it
    /// sends requests to a closed port. Too high: a stop takes longer.
    #[arg(long, env = "SHUTDOWN_DELAY_MS", default_value = "0",
          value_parser = clap::value_parser!(u64).range(0..=600_000))]
    pub shutdown_delay_ms: u64,
    #[command(flatten)]
    pub telemetry: TelemetrySettings,
}

impl Settings {
    pub fn spool(&self) -> SpoolSettings {
        SpoolSettings {
            folder: self.spool_dir.clone(),
            max_bytes: self.spool_max_bytes,
            segment_bytes: self.spool_segment_bytes,
            sync: self.spool_sync,
            timeout: Duration::from_millis(self.spool_timeout_ms),
        }
    }

    pub fn drain_timeout(&self) -> Duration {
        Duration::from_secs(self.drain_timeout_s)
    }
}

fn sync_policy(text: &str) -> Result<SyncPolicy, String> {
    if text == "always" {
        return Ok(SyncPolicy::Always);
    }
    match text.parse() {
        Ok(ms @ 1..=60_000) => Ok(SyncPolicy::Every(Duration::from_millis(ms))),
        _ => Err("it must be `always` or milliseconds from 1 to 60000".to_owned()),
    }
}
