//! The command line and the settings of click-worker.

use std::{net::SocketAddr, time::Duration};

use clap::{Args, Parser, Subcommand};
use domain::visitor::VisitorHashKey;
use platform::{amqp::AmqpSettings, build_info::BuildInfo, telemetry::TelemetrySettings};
use postgres::pool::PoolSettings;

use crate::{parked::ParkedSettings, recount::RecountSettings};

/// The version and commit of this service.
pub const BUILD: BuildInfo = platform::build_info!();

/// Waypost's worker: stores clicks and conversions from RabbitMQ in Postgres.
#[derive(Debug, Parser)]
#[command(name = "click-worker")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Store clicks and conversions, scan for bursts, delete what is too old.
    Serve(Box<Settings>),
    /// Compare message clicks, credits and totals with the raw rows. Prints JSON, and fails if
    /// they differ.
    Recount(Box<RecountSettings>),
    /// Show parked events, which could not be stored with their batch, have them retried now,
    /// or delete them.
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
    /// The secret key of visitor hashes, of at least 16 characters. It must be the same for all
    /// workers. Changing it makes every visitor a new one.
    #[arg(long, env = "VISITOR_KEY", hide_env_values = true, value_parser = parse_visitor_key)]
    pub visitor_key: VisitorHashKey,
    /// How many batches are stored at the same time, each of another queue. Too low: Postgres
    /// waits for the worker and the worker for Postgres. Too high: the worker needs more
    /// connections, and Postgres gets more work at a time than it has processors.
    #[arg(long, env = "CONSUMERS", default_value = "2",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub consumers: u16,
    /// How many messages of each queue are received before the first of them is
    /// acknowledged. Too low: batches are small. Too high: one worker holds messages that
    /// another could store.
    #[arg(long, env = "PREFETCH", default_value = "400",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub prefetch: u16,
    /// How many events are stored in one transaction at most. The last message may exceed it.
    #[arg(long, env = "BATCH_MAX_EVENTS", default_value = "32768",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch_max_events: u32,
    /// How long a batch waits for more events, in milliseconds. Too low: there are many small
    /// transactions. Too high: clicks are stored later.
    #[arg(long, env = "BATCH_LINGER_MS", default_value = "5",
          value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub batch_linger_ms: u64,
    /// How many conversions of one address (a /64 of IPv6) and minute are kept for a day if they
    /// name nothing but a click that has not come within UNKNOWN_CLICK_GRACE_MS. Too low:
    /// conversions of very late clicks are lost. Too high: anybody can fill the table.
    #[arg(long, env = "MAX_UNKNOWN_CLICKS_PER_MINUTE", default_value = "60",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_unknown_clicks_per_minute: u32,
    /// How much later than a conversion that names it a click may come, in milliseconds, before
    /// its id counts as invented. Too low: conversions of late clicks are lost, for example
    /// after an outage. Too high: anybody can fill the table for as long.
    #[arg(long, env = "UNKNOWN_CLICK_GRACE_MS", default_value = "600000",
          value_parser = clap::value_parser!(u32).range(..=86_400_000))]
    pub unknown_click_grace_ms: u32,
    /// How many clicks of one visitor (address and user agent) on links of one contact within
    /// BURST_WINDOW_MS make a burst, whose clicks count as a bot's; 0 turns this off. For links
    /// without a contact, all clicks of the visitor in the account count. Too low: people behind
    /// one address count as bots. Too high: scanners count as people.
    #[arg(long, env = "BURST_CLICKS", default_value = "50", value_parser = parse_burst_clicks)]
    pub burst_clicks: u32,
    /// The time within which the clicks of a burst come, in milliseconds.
    #[arg(long, env = "BURST_WINDOW_MS", default_value = "10000",
          value_parser = clap::value_parser!(u32).range(1..=600_000))]
    pub burst_window_ms: u32,
    /// How long no click of a minute must have been stored before the minute is scanned for
    /// bursts, in milliseconds. After a minute it is scanned in any case. Too low: the same
    /// minute is scanned often. Too high: bursts are found later.
    #[arg(long, env = "BURST_SETTLE_MS", default_value = "5000",
          value_parser = clap::value_parser!(u32).range(..=60_000))]
    pub burst_settle_ms: u32,
    /// How often the maintenance jobs scan for bursts and for unmatched conversions, in
    /// milliseconds; for the latter at least once a second.
    #[arg(long, env = "MAINTENANCE_INTERVAL_MS", default_value = "1000",
          value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    pub maintenance_interval_ms: u64,
    /// How many days the audit trail is kept. Too low: nobody can tell any more who made a
    /// change. Too high: the table grows, by a row for each request that changes something.
    #[arg(long, env = "AUDIT_RETENTION_DAYS", default_value = "400",
          value_parser = clap::value_parser!(u16).range(1..=3_660))]
    pub audit_retention_days: u16,
    /// The heartbeat between RabbitMQ and a worker, in seconds. After two or three of them
    /// without an answer, each counts the other as gone, and RabbitMQ delivers the messages of
    /// the worker to another one. Too low: a slow network ends connections that work. Too high:
    /// the messages of a frozen worker are stored late.
    #[arg(long, env = "CONSUMER_HEARTBEAT_S", default_value = "1",
          value_parser = clap::value_parser!(u16).range(1..=60))]
    pub consumer_heartbeat_s: u16,
    /// How long the current batches may take after the signal to stop, in seconds.
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

fn parse_burst_clicks(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(n @ (0 | 2..=1_000_000)) => Ok(n),
        _ => Err("it must be 0, or 2 to 1000000".to_owned()),
    }
}

fn parse_visitor_key(text: &str) -> Result<VisitorHashKey, String> {
    VisitorHashKey::new(text.as_bytes())
        .ok_or_else(|| "it must have at least 16 characters".to_owned())
}
