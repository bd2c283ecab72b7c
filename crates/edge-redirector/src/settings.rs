//! The command line and environment of edge-redirector.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser;
use ipnet::IpNet;
use platform::{
    amqp::AmqpSettings,
    cache::CacheSettings,
    settings::{Secret, long_secret},
    telemetry::TelemetrySettings,
};

use crate::spool::{SpoolSettings, SyncPolicy};

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
    /// 10.0.0.0/8. Their X-Forwarded-For is believed, nobody else's.
    #[arg(long, env = "TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,

    /// The origin: links-api's ORIGIN_BIND, as in http://127.0.0.1:8081.
    #[arg(long, env = "ORIGIN_URL", value_parser = http_url)]
    pub origin_url: String,
    /// The secret shared with links-api, at least 16 characters.
    #[arg(long, env = "ORIGIN_TOKEN", hide_env_values = true, value_parser = long_secret)]
    pub origin_token: Secret,
    /// How long the origin may take, in milliseconds. Too low: a busy origin
    /// looks like an outage. Too high: people wait before they see an error.
    #[arg(long, env = "ORIGIN_TIMEOUT_MS", default_value = "2000",
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub origin_timeout_ms: u64,
    #[command(flatten)]
    pub cache: CacheSettings,
    /// Records of each kind kept in the process. Too low: more reads from
    /// Redis. Too high: memory for links that nobody clicks any more.
    #[arg(long, env = "LOCAL_CACHE_ENTRIES", default_value = "200000")]
    pub local_cache_entries: u64,
    /// How long they are kept, in milliseconds. Too low: more reads from
    /// Redis. Too high: memory for nothing; changes do not wait for it, but
    /// what is changed past the API does, up to twice as long.
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
    /// Bytes after which a segment is closed. Too low: many files. Too high:
    /// more is sent again after a crash.
    #[arg(long, env = "SPOOL_SEGMENT_BYTES", default_value = "16777216")]
    pub spool_segment_bytes: u64,
    /// When a click counts as recorded: `always` when it is on disk, or a
    /// number of milliseconds between syncs, which is what a power cut loses.
    #[arg(long, env = "SPOOL_SYNC", default_value = "always", value_parser = sync_policy)]
    pub spool_sync: SyncPolicy,
    /// How long the broker may take to confirm a message, in milliseconds,
    /// unless it says that it is blocked. Then everything is sent again.
    #[arg(long, env = "CONFIRM_TIMEOUT_MS", default_value = "30000",
          value_parser = clap::value_parser!(u64).range(100..))]
    pub confirm_timeout_ms: u64,

    /// How long requests in flight, and then the publisher, may take after
    /// the signal to stop, in seconds. What is not published by then is
    /// published after the next start.
    #[arg(long, env = "DRAIN_TIMEOUT_S", default_value = "20")]
    pub drain_timeout_s: u64,
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
        }
    }

    pub fn drain_timeout(&self) -> Duration {
        Duration::from_secs(self.drain_timeout_s)
    }
}

fn http_url(text: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(text).map_err(|error| error.to_string())?;
    if url.scheme() != "http" || !url.has_host() {
        return Err("it must start with http:// and name a host".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
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
