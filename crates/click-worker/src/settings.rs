//! The command line and environment of click-worker.

use std::{net::SocketAddr, time::Duration};

use clap::{Args, Parser, Subcommand};
use domain::visitor::VisitorHashKey;
use platform::{amqp::AmqpSettings, telemetry::TelemetrySettings};
use postgres::pool::PoolSettings;

use crate::{parked::ParkedSettings, recount::RecountSettings};

/// Waypost's worker: clicks and conversions from RabbitMQ into Postgres.
#[derive(Debug, Parser)]
#[command(name = "click-worker", version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Store clicks and conversions, look for bursts, remove what is too old.
    Serve(Box<Settings>),
    /// Compare message clicks, credits and totals with the raw rows; prints JSON,
    /// and fails if they differ.
    Recount(Box<RecountSettings>),
    /// Show events that fail by themselves and are tried again apart, have them tried
    /// now, or remove them.
    Parked(Box<ParkedSettings>),
}

#[derive(Debug, Args)]
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
    pub visitor_key: VisitorHashKey,
    /// Batches that are stored at once, each of another queue. Too low: Postgres waits
    /// for the worker and the worker for Postgres. Too high: connections, and a Postgres
    /// with more to do at once than it has processors.
    #[arg(long, env = "CONSUMERS", default_value = "2",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub consumers: u16,
    /// Messages that are taken from each queue before the first of them is
    /// acknowledged. Too low: small batches. Too high: one worker holds what
    /// another could store.
    #[arg(long, env = "PREFETCH", default_value = "400",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub prefetch: u16,
    /// Events stored in one transaction, at most, give or take a message.
    #[arg(long, env = "BATCH_MAX_EVENTS", default_value = "32768",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch_max_events: u32,
    /// How long a batch waits for more events, in milliseconds. Too low: many
    /// small transactions. Too high: clicks are stored later.
    #[arg(long, env = "BATCH_LINGER_MS", default_value = "5",
          value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub batch_linger_ms: u64,
    /// Conversions of one address (a /64 of IPv6) and minute that are kept, for a day, which
    /// name nothing but a click that has not come within UNKNOWN_CLICK_GRACE_MS. Too low:
    /// conversions of very late clicks are lost. Too high: anybody can fill the table.
    #[arg(long, env = "MAX_UNKNOWN_CLICKS_PER_MINUTE", default_value = "60",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_unknown_clicks_per_minute: u32,
    /// How long a click may come later than a conversion that names it, in milliseconds,
    /// before its id is taken for invented. Too low: conversions of late clicks are lost,
    /// as after an outage. Too high: anybody can fill the table for as long.
    #[arg(long, env = "UNKNOWN_CLICK_GRACE_MS", default_value = "600000",
          value_parser = clap::value_parser!(u32).range(..=86_400_000))]
    pub unknown_click_grace_ms: u32,
    /// Clicks of one visitor (address and user agent) on links of one contact within
    /// BURST_WINDOW_MS that are a burst, and a bot's; 0 for never. Links without a
    /// contact are told apart by visitor and account alone. Too low: people behind
    /// one address are bots. Too high: scanners are people.
    #[arg(long, env = "BURST_CLICKS", default_value = "50", value_parser = burst_clicks)]
    pub burst_clicks: u32,
    /// The time in which a burst is made, in milliseconds.
    #[arg(long, env = "BURST_WINDOW_MS", default_value = "10000",
          value_parser = clap::value_parser!(u32).range(1..=600_000))]
    pub burst_window_ms: u32,
    /// How long no click must have come into a minute before it is looked at for
    /// bursts, in milliseconds; after a minute it is in any case. Too low: the
    /// same minute is looked at often. Too high: bursts are found later.
    #[arg(long, env = "BURST_QUIET_MS", default_value = "5000",
          value_parser = clap::value_parser!(u32).range(..=60_000))]
    pub burst_quiet_ms: u32,
    /// How often there is a look for bursts and for what is too old to keep, in
    /// milliseconds.
    #[arg(long, env = "CHORES_INTERVAL_MS", default_value = "1000",
          value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    pub chores_interval_ms: u64,
    /// Seconds of silence that RabbitMQ and a worker bear with, two or three times over,
    /// until they take each other for gone: then what the worker has in hand is delivered
    /// to another. Too low: a slow network ends connections that work. Too high: what a
    /// frozen worker has in hand is stored late.
    #[arg(long, env = "CONSUMER_HEARTBEAT_S", default_value = "1",
          value_parser = clap::value_parser!(u16).range(1..=60))]
    pub consumer_heartbeat_s: u16,
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

fn burst_clicks(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(n @ (0 | 2..=1_000_000)) => Ok(n),
        _ => Err("it must be 0, or 2 to 1000000".to_owned()),
    }
}

fn visitor_key(text: &str) -> Result<VisitorHashKey, String> {
    VisitorHashKey::new(text.as_bytes())
        .ok_or_else(|| "it must have at least 16 characters".to_owned())
}
