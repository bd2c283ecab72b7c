//! The command line and environment of edge-redirector.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use domain::client_ip::ProxyHeader;
use ipnet::IpNet;
use platform::{
    amqp::AmqpSettings,
    redis_cache::RedisSettings,
    settings::{Secret, parse_http_base_url, parse_long_secret},
    telemetry::TelemetrySettings,
};

use crate::spool::{SpoolSettings, SyncPolicy};

/// Which header of trusted proxies is believed.
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

/// Whether connections begin with a header of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProxyProtocolSetting {
    Off,
    V2,
}

/// Waypost's redirector.
#[derive(Debug, Parser)]
#[command(name = "edge-redirector", version)]
pub struct Settings {
    /// Address that people's browsers reach, by the balancer in front.
    #[arg(long, env = "EDGE_BIND", default_value = "127.0.0.1:8090")]
    pub edge_bind: SocketAddr,
    /// Address of /live, /ready and /metrics.
    #[arg(long, env = "ADMIN_BIND", default_value = "127.0.0.1:9090")]
    pub admin_bind: SocketAddr,
    /// Threads that answer requests. More than there are cores gains nothing.
    #[arg(long, env = "EDGE_WORKERS", default_value = "2",
          value_parser = clap::value_parser!(u16).range(1..=512))]
    pub edge_workers: u16,
    /// Networks of the proxies in front, separated by commas, as in
    /// 10.0.0.0/8. What they say of a visitor's address is believed, nobody else.
    #[arg(long, env = "TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,
    /// The header that they write the address into. `either` is X-Forwarded-For, or
    /// Forwarded (RFC 7239) where that is absent. Whoever writes only one of them should
    /// say which: a visitor may send the other.
    #[arg(long, env = "PROXY_HEADER", value_enum, default_value = "either")]
    pub proxy_header: ProxyHeaderSetting,
    /// v2: they begin every connection with a header of the PROXY protocol, version 2.
    /// Connections without it, or from anybody else, are closed.
    #[arg(long, env = "PROXY_PROTOCOL", value_enum, default_value = "off")]
    pub proxy_protocol: ProxyProtocolSetting,
    /// The secret that the button of the preview page is signed with, at least
    /// 16 characters, the same for all redirectors.
    #[arg(long, env = "CONTINUE_SECRET", hide_env_values = true, value_parser = parse_long_secret)]
    pub continue_secret: Secret,
    /// A file of rules that tell bots, beside those that are built in; their
    /// form is in crates/domain/src/bot/rules.toml.
    #[arg(long, env = "BOT_RULES_FILE")]
    pub bot_rules_file: Option<PathBuf>,
    /// A database of countries in MaxMind's format. Without it, countries are
    /// unknown.
    #[arg(long, env = "GEOIP_COUNTRY_DB")]
    pub geoip_country_db: Option<PathBuf>,
    /// A database of autonomous systems in MaxMind's format. Without it,
    /// datacenters are known by their networks only.
    #[arg(long, env = "GEOIP_ASN_DB")]
    pub geoip_asn_db: Option<PathBuf>,
    /// How often these three files are looked at, in milliseconds: one that
    /// has changed is used without a restart.
    #[arg(long, env = "FILES_INTERVAL_MS", default_value = "5000",
          value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    pub files_interval_ms: u64,

    /// Connections at once; more wait to be accepted. Too low: people wait.
    /// Too high: memory and open files.
    #[arg(long, env = "EDGE_MAX_CONNECTIONS", default_value = "20000",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub edge_max_connections: u32,
    /// How long a request's head may take to arrive, in milliseconds, and an
    /// answer to be taken. Too low: poor connections fail. Too high: slow
    /// clients hold connections.
    #[arg(long, env = "EDGE_CLIENT_TIMEOUT_MS", default_value = "5000",
          value_parser = clap::value_parser!(u64).range(10..=600_000))]
    pub edge_client_timeout_ms: u64,
    /// Requests at once over which pages are refused and only redirects are
    /// answered.
    #[arg(long, env = "EDGE_MAX_REQUESTS_FOR_PAGES", default_value = "4000",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub edge_max_requests_for_pages: u32,
    /// Requests at once over which all are refused. Too low: refusals that
    /// were not needed. Too high: everybody waits.
    #[arg(long, env = "EDGE_MAX_REQUESTS", default_value = "16000",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub edge_max_requests: u32,
    /// How many different links that never existed an address (of IPv6 a /64) may ask
    /// for, and wrong postback secrets show, in a minute; and one more for each different
    /// link that it found. Then it is refused for the rest of that minute. 0: never. Too
    /// low: people behind one gateway are refused. Too high: ids and secrets can be
    /// guessed faster.
    #[arg(long, env = "EDGE_MAX_MISSES_PER_MINUTE", default_value = "60")]
    pub edge_max_misses_per_minute: u32,

    /// The origin: links-api's ORIGIN_BIND, as in http://127.0.0.1:8081. TLS (https://) is
    /// not supported.
    #[arg(long, env = "ORIGIN_URL", value_parser = parse_http_base_url)]
    pub origin_url: String,
    /// The secret shared with links-api, at least 16 characters.
    #[arg(long, env = "ORIGIN_TOKEN", hide_env_values = true, value_parser = parse_long_secret)]
    pub origin_token: Secret,
    /// How long the origin may take, in milliseconds. Too low: a busy origin
    /// looks like an outage. Too high: people wait before they see an error.
    #[arg(long, env = "ORIGIN_TIMEOUT_MS", default_value = "2000",
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub origin_timeout_ms: u64,
    /// Questions to the origin at once; more are refused. Too low: links that
    /// are not in Redis fail. Too high: guessed ids keep Postgres busy.
    #[arg(long, env = "ORIGIN_MAX_LOOKUPS", default_value = "256",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub origin_max_lookups: u32,
    #[command(flatten)]
    pub cache: RedisSettings,
    /// How long links-api's heartbeat, which comes through Redis every second, may be
    /// missing until the origin is asked for changes, in milliseconds. Too low: the origin
    /// is asked for nothing. Too high: a deactivated link leads on for so long when Redis
    /// refuses writes.
    #[arg(long, env = "CHANGES_TIMEOUT_MS", default_value = "2000",
          value_parser = clap::value_parser!(u64).range(1_100..=60_000))]
    pub changes_timeout_ms: u64,
    /// Bytes of records kept in the process, about; a link takes one to two thousand.
    /// Too low: more reads from Redis, and fewer links that are left when neither Redis
    /// nor the origin answers. Too high: memory for links that nobody clicks any more.
    #[arg(long, env = "LOCAL_CACHE_BYTES", default_value = "268435456",
          value_parser = clap::value_parser!(u64).range(1_000_000..))]
    pub local_cache_bytes: u64,
    /// How long they are used without being read again, in milliseconds. Too low: more
    /// reads from Redis. Too high: changes do not wait for it, but what is changed past
    /// the API does, up to twice as long.
    #[arg(long, env = "LOCAL_CACHE_TTL_MS", default_value = "60000")]
    pub local_cache_ttl_ms: u64,
    /// How long "no such link" is remembered, in milliseconds. Too low:
    /// guessed ids reach Postgres. Too high: a link that is clicked before it
    /// is made stays unknown that long.
    #[arg(long, env = "LOCAL_CACHE_NEGATIVE_TTL_MS", default_value = "1000")]
    pub local_cache_negative_ttl_ms: u64,

    #[command(flatten)]
    pub amqp: AmqpSettings,
    /// Folder of the spool, on a disk of this machine. One per process.
    #[arg(long, env = "SPOOL_DIR")]
    pub spool_dir: PathBuf,
    /// Bytes the spool may take. When it is full, redirects go on and their
    /// clicks are not recorded: 1 GiB holds some 2.5 million.
    #[arg(long, env = "SPOOL_MAX_BYTES", default_value = "1073741824")]
    pub spool_max_bytes: u64,
    /// Bytes of the spool up to which clicks stay in it until a worker has stored
    /// them; over that, until the broker has confirmed them. 0: never longer than
    /// that; half of SPOOL_MAX_BYTES if it is not set. Too low: what a broker
    /// confirmed and lost may be gone. Too high: less room for an outage of the
    /// broker after one of the workers.
    #[arg(long, env = "SPOOL_KEEP_BYTES")]
    pub spool_keep_bytes: Option<u64>,
    /// Bytes after which a segment is closed. Too low: many files. Too high:
    /// more is sent again after a crash.
    #[arg(long, env = "SPOOL_SEGMENT_BYTES", default_value = "16777216")]
    pub spool_segment_bytes: u64,
    /// When a click counts as recorded: `always` when it is on disk, or a
    /// number of milliseconds between syncs, which is what a power cut loses.
    #[arg(long, env = "SPOOL_SYNC", default_value = "always", value_parser = sync_policy)]
    pub spool_sync: SyncPolicy,
    /// How long the disk may take to record a click, in milliseconds: then the redirect
    /// goes on, and the click counts as not recorded. Too low: a busy disk costs
    /// clicks. Too high: people wait for a disk that hangs.
    #[arg(long, env = "SPOOL_TIMEOUT_MS", default_value = "2000",
          value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub spool_timeout_ms: u64,
    /// How long the broker may take to confirm a message, in milliseconds,
    /// unless it says that it is blocked. Then everything is sent again.
    #[arg(long, env = "CONFIRM_TIMEOUT_MS", default_value = "30000",
          value_parser = clap::value_parser!(u64).range(100..))]
    pub confirm_timeout_ms: u64,
    /// How long clicks may be unstored when later ones are stored, in
    /// milliseconds: then the broker has lost them, and they are sent again. Too
    /// low: work done twice. Too high: they are missing for longer.
    #[arg(long, env = "RESEND_AFTER_MS", default_value = "30000",
          value_parser = clap::value_parser!(u64).range(100..=86_400_000))]
    pub resend_after_ms: u64,

    /// How long requests in flight, and then the publisher, may take after
    /// the signal to stop, in seconds. What is not published by then is
    /// published after the next start.
    #[arg(long, env = "DRAIN_TIMEOUT_S", default_value = "20")]
    pub drain_timeout_s: u64,
    /// How long to go on serving after the signal to stop, in milliseconds, while
    /// /ready says no already: as long as the balancer in front takes to notice. Too
    /// low: it sends requests to a closed port. Too high: stops take longer.
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
