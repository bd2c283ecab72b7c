//! Samples of requests, and their summary.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// A request: when it was due, how long its response took from then, and whether it failed.
#[derive(Debug, Clone)]
pub struct Sample {
    pub due: Instant,
    pub took: Duration,
    pub failure: Option<Failure>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// The connection was refused.
    ConnectionRefused,
    /// The connection ended, or the response did not arrive in time.
    Broken(String),
    Status(u16),
}

/// The failures and latencies of some requests.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    pub n: usize,
    pub failures: BTreeMap<Failure, usize>,
    /// The median latency of the requests that did not fail, in milliseconds.
    pub p50_ms: f64,
    pub p99_ms: f64,
}

impl Summary {
    pub fn from_samples<'s>(samples: impl IntoIterator<Item = &'s Sample>) -> Self {
        let mut summary = Self::default();
        let mut times = Vec::new();
        for sample in samples {
            summary.n += 1;
            match &sample.failure {
                Some(failure) => *summary.failures.entry(failure.clone()).or_default() += 1,
                None => times.push(sample.took),
            }
        }
        times.sort_unstable();
        let at = |per_cent: usize| {
            let rank = (times.len() * per_cent).div_ceil(100).max(1) - 1;
            times.get(rank).map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        (summary.p50_ms, summary.p99_ms) = (at(50), at(99));
        summary
    }

    pub fn n_failed(&self) -> usize {
        self.failures.values().sum()
    }
}
