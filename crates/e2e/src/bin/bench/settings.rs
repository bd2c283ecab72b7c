//! How long and how much is measured: environment variables, so that a short try and a
//! long run are the same command.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// What the usage says about the settings.
pub const HELP: &str = "\
These environment variables change how much is measured:

  ROUNDS (5), SECONDS_PER_ROUND (6)         redirect, mint, render
  CONNECTIONS (256)                         redirect
  CLICKS (1000000)                          drain
  EVENTS (400000)                           drain-mixed, workers, neighbour
  HISTORY (1000000)                         hot-link
  NEIGHBOUR_CLICKS (1000000)                neighbour
  LAG_SECONDS (60)                          lag
  REPORT_CLICKS (100000 1000000 10000000)   report";

#[derive(Debug, Clone)]
pub struct Settings {
    pub n_rounds: usize,
    pub round: Duration,
    /// Of wrk to the click tracker.
    pub n_connections: usize,
    /// In the queue of the row `drain`.
    pub n_clicks: usize,
    /// In the queues of the rows that compare two drains.
    pub n_events: usize,
    /// Clicks, and as many conversions, that the hot link has already.
    pub history: usize,
    /// Clicks of the busy account that are reclassified.
    pub neighbour_clicks: usize,
    pub lag: Duration,
    /// Clicks of the account that reports are asked of, one size after the other.
    pub report_clicks: Vec<usize>,
}

impl Settings {
    pub fn from_env() -> Result<Self> {
        let report_clicks = std::env::var("REPORT_CLICKS");
        let report_clicks = report_clicks.unwrap_or_else(|_| "100000 1000000 10000000".to_owned());
        Ok(Self {
            n_rounds: number("ROUNDS", 5)?,
            round: seconds("SECONDS_PER_ROUND", 6)?,
            n_connections: number("CONNECTIONS", 256)?,
            n_clicks: number("CLICKS", 1_000_000)?,
            n_events: number("EVENTS", 400_000)?,
            history: number("HISTORY", 1_000_000)?,
            neighbour_clicks: number("NEIGHBOUR_CLICKS", 1_000_000)?,
            lag: seconds("LAG_SECONDS", 60)?,
            report_clicks: report_clicks
                .split_whitespace()
                .map(|size| parse("REPORT_CLICKS", size))
                .collect::<Result<_>>()?,
        })
    }
}

fn number(name: &str, default: usize) -> Result<usize> {
    match std::env::var(name) {
        Ok(value) => parse(name, &value),
        Err(_) => Ok(default),
    }
}

fn seconds(name: &str, default: usize) -> Result<Duration> {
    Ok(Duration::from_secs(u64::try_from(number(name, default)?)?))
}

fn parse(name: &str, value: &str) -> Result<usize> {
    let number: usize = value
        .parse()
        .with_context(|| format!("{name} is {value:?}, not a whole number"))?;
    anyhow::ensure!(number > 0, "{name} must be 1 or more");
    Ok(number)
}
