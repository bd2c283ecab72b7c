//! How long and how hard faults are.

use std::time::Duration;

use crate::load::Traffic;

/// How long and how hard.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    pub traffic: Traffic,
    pub n_links: usize,
    /// How long an outage lasts.
    pub outage: Duration,
    /// How long anything else lasts.
    pub fault: Duration,
    /// Before and after it.
    pub settle_time: Duration,
    /// What the 99th percentile of redirects may be where they keep answering, if
    /// that is looked at.
    pub max_p99_ms: Option<f64>,
    /// How late other accounts' clicks may be stored while one account or worker is in
    /// trouble, if that is looked at.
    pub max_lag_ms: Option<u64>,
    /// How long redirectors may take to obey a change, if that is looked at.
    pub max_change: Option<Duration>,
}

impl Profile {
    pub const FULL: Self = Self {
        traffic: Traffic::clicks_and_more(1000),
        n_links: 5000,
        outage: Duration::from_secs(60),
        fault: Duration::from_secs(15),
        settle_time: Duration::from_secs(3),
        max_p99_ms: Some(250.0),
        max_lag_ms: Some(5_000),
        // Heartbeats that do not come are noticed after two seconds.
        max_change: Some(Duration::from_secs(3)),
    };
    /// For tests: no wall-clock time is judged.
    pub const SHORT: Self = Self {
        traffic: Traffic::clicks_and_more(150),
        n_links: 500,
        outage: Duration::from_secs(3),
        fault: Duration::from_secs(2),
        settle_time: Duration::from_millis(500),
        max_p99_ms: None,
        max_lag_ms: None,
        max_change: None,
    };
}
