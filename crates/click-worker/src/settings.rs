//! The command line and environment of click-worker.

use std::{net::SocketAddr, time::Duration};

use ::store::pool::PoolSettings;
use clap::Parser;
use domain::attribution::VisitorKey;
use platform::{amqp::AmqpSettings, telemetry::TelemetrySettings};

/// Waypost's worker: clicks from RabbitMQ into Postgres.
#[derive(Debug, Parser)]
#[command(name = "click-worker", version)]
pub struct Settings {
    /// Address of /live, /ready and /metrics.
    #[arg(long, env = "ADMIN_BIND", default_value = "127.0.0.1:9190")]
    pub admin_bind: SocketAddr,
    #[command(flatten)]
    pub pool: PoolSettings,
    #[command(flatten)]
    pub amqp: AmqpSettings,
    /// The secret behind visitor hashes, at least 16 characters, the same for
    /// all workers. Changing it makes every visitor a new one.
    #[arg(long, env = "VISITOR_KEY", hide_env_values = true, value_parser = visitor_key)]
    pub visitor_key: VisitorKey,
    /// Batches that are stored at once, each by a consumer of its own. Too low:
    /// Postgres waits for the worker and the worker for Postgres. Too high:
    /// connections, and transactions that wait for each other.
    #[arg(long, env = "CONSUMERS", default_value = "2",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub consumers: u16,
    /// Messages that a consumer takes from the queue before the first of them is
    /// acknowledged. Too low: small batches. Too high: one worker holds what
    /// another could store.
    #[arg(long, env = "PREFETCH", default_value = "64",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub prefetch: u16,
    /// Events stored in one transaction, at most, give or take a message.
    #[arg(long, env = "BATCH_MAX_EVENTS", default_value = "8192",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch_max_events: u32,
    /// How long a batch waits for more events, in milliseconds. Too low: many
    /// small transactions. Too high: clicks are stored later.
    #[arg(long, env = "BATCH_LINGER_MS", default_value = "5",
          value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub batch_linger_ms: u64,
    /// How long a batch under way may take after the signal to stop, in
    /// seconds.
    #[arg(long, env = "DRAIN_TIMEOUT_S", default_value = "20")]
    pub drain_timeout_s: u64,
    #[command(flatten)]
    pub telemetry: TelemetrySettings,
}

impl Settings {
    pub fn linger(&self) -> Duration {
        Duration::from_millis(self.batch_linger_ms)
    }
}

fn visitor_key(text: &str) -> Result<VisitorKey, String> {
    VisitorKey::new(text.as_bytes()).ok_or_else(|| "it must have at least 16 characters".to_owned())
}
