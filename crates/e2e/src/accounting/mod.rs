//! The accounting client: it clicks, buys and mints, notes every answer that made a
//! promise, and afterwards compares with Postgres.
//!
//! Each request has a number of its own, which a click carries to the destination
//! and into its row as `sub1`, and a conversion as its `txn_id`. So it is known of
//! each row which request it is of, and of each request how many rows it has.

mod audit;
mod load;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

pub use audit::{Audit, Destroyed};
pub use load::{Load, Target, Traffic};

/// A link that is clicked.
#[derive(Debug, Clone)]
pub struct Link {
    pub id: String,
    /// `/<id>`
    pub path: String,
    pub message_id: Option<String>,
}

/// What was promised.
#[derive(Debug, Default)]
pub struct Book {
    /// By click id: each 302's.
    pub clicks: BTreeMap<String, Clicked>,
    /// The transactions of accepted conversions.
    pub conversions: BTreeMap<String, Bought>,
    /// The ids of links whose creation was answered.
    pub links: BTreeSet<String>,
    /// The ids of links that were deactivated.
    pub deactivated: BTreeSet<String>,
    /// Answers that are wrong by themselves.
    pub wrong: Vec<String>,
    pub redirects: Vec<Sample>,
    pub conversion_requests: Vec<Sample>,
    pub api_requests: Vec<Sample>,
}

#[derive(Debug, Clone)]
pub struct Clicked {
    /// What its `sub1` is.
    pub number: String,
    pub link_id: String,
    pub message_id: Option<String>,
    pub answered: Instant,
}

#[derive(Debug, Clone)]
pub struct Bought {
    pub conversion_id: String,
    pub revenue: String,
}

/// A request: when it was due, how long its answer took from then, and what was
/// wrong with that.
#[derive(Debug, Clone)]
pub struct Sample {
    pub due: Instant,
    pub took: Duration,
    pub failure: Option<Failure>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// Nobody listened.
    Refused,
    /// The connection ended, or the answer did not come in time.
    Broken(String),
    Status(u16),
}

/// What a stretch of requests was like.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    pub n: usize,
    pub failures: BTreeMap<Failure, usize>,
    /// Of those that did not fail, in milliseconds.
    pub p50_ms: f64,
    pub p99_ms: f64,
}

impl Summary {
    pub fn of<'s>(samples: impl IntoIterator<Item = &'s Sample>) -> Self {
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
