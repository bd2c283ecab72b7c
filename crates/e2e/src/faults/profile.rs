//! How long and how hard faults are.

use std::time::Duration;

use crate::load::Traffic;

/// Durations, load and limits of a run of faults.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    pub traffic: Traffic,
    pub n_links: usize,
    /// Duration of an outage.
    pub outage: Duration,
    /// Duration of any other fault.
    pub fault: Duration,
    /// Time with load before and after the fault.
    pub settle_time: Duration,
    /// Limit of the 99th percentile of redirects, if they must all be answered.
    pub max_p99_ms: Option<f64>,
    /// Limit of the lag of other accounts' clicks, in faults of one account or worker.
    pub max_lag_ms: Option<u64>,
    /// Limit of the time until a change takes effect on all redirectors.
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
        // Redirectors detect missing heartbeats after two seconds.
        max_change: Some(Duration::from_secs(3)),
    };
    /// A short run for tests, without limits of latency.
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
