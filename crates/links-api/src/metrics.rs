//! The metrics of links-api. Labels take the pattern of a route, never its path, a query or
//! an id, so that their number is bounded and nothing about people gets into them.

use std::{sync::atomic::AtomicU64, time::Duration};

use actix_web::http::{Method, StatusCode};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

#[derive(Debug, Clone, Default)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    request_duration: DurationHistogram,
    pub cache_write_failures: Counter,
    pub relay: RelayMetrics,
    pub rate_limit_skipped: Counter,
    pub sign_in_throttle_skipped: Counter,
    pub panics: Counter,
    postback_log_entries: Family<LogEntryLabels, Counter>,
}

/// What became of an entry of the log of postbacks that a redirector posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEntryResult {
    Stored,
    /// The entry is malformed and is left out.
    Invalid,
}

impl LogEntryResult {
    const ALL: [Self; 2] = [Self::Stored, Self::Invalid];

    fn labels(self) -> LogEntryLabels {
        let result = match self {
            Self::Stored => "stored",
            Self::Invalid => "invalid",
        };
        LogEntryLabels { result }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LogEntryLabels {
    result: &'static str,
}

/// What the relay of record changes reports.
#[derive(Debug, Clone, Default)]
pub struct RelayMetrics {
    pub record_changes_relayed: Counter,
    pub failures: Counter,
    /// Seconds; 0 if all changes are relayed.
    pub oldest_unrelayed_age: Gauge<f64, AtomicU64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

/// Seconds in buckets from 0.5 ms to 8 s.
#[derive(Debug, Clone)]
struct DurationHistogram(Histogram);

impl Default for DurationHistogram {
    fn default() -> Self {
        Self(Histogram::new(exponential_buckets(0.000_5, 2.0, 15)))
    }
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "waypost_api_requests",
            "Requests by route, method and status",
            metrics.requests.clone(),
        );
        registry.register(
            "waypost_api_request_duration_seconds",
            "Time from a request to its response",
            metrics.request_duration.0.clone(),
        );
        registry.register(
            "waypost_api_cache_write_failures",
            "Writes of records to Redis that failed; the origin serves these records",
            metrics.cache_write_failures.clone(),
        );
        registry.register(
            "waypost_api_record_changes_relayed",
            "Record changes that were relayed to Redis and the redirectors",
            metrics.relay.record_changes_relayed.clone(),
        );
        registry.register(
            "waypost_api_relay_failures",
            "Attempts to relay record changes that failed",
            metrics.relay.failures.clone(),
        );
        registry.register(
            "waypost_api_oldest_unrelayed_change_seconds",
            "Age of the oldest record change that is not relayed; 0 if all are",
            metrics.relay.oldest_unrelayed_age.clone(),
        );
        registry.register(
            "waypost_api_rate_limit_skipped",
            "Requests of keys with a rate limit that were not counted because Redis was unavailable",
            metrics.rate_limit_skipped.clone(),
        );
        registry.register(
            "waypost_api_sign_in_throttle_skipped",
            "Attempts to sign in that only one process counted because Redis was unavailable",
            metrics.sign_in_throttle_skipped.clone(),
        );
        registry.register(
            "waypost_api_panics",
            "Requests whose handler panicked, each by a fault of links-api",
            metrics.panics.clone(),
        );
        for result in LogEntryResult::ALL {
            metrics.count_log_entries(result, 0);
        }
        registry.register(
            "waypost_api_postback_log_entries",
            "Entries of the log of postbacks that redirectors posted, by result",
            metrics.postback_log_entries.clone(),
        );
        metrics
    }

    pub fn count_log_entries(&self, result: LogEntryResult, n_entries: u64) {
        let entries = self.postback_log_entries.get_or_create(&result.labels());
        entries.inc_by(n_entries);
    }

    /// Counts a request that has its response. `route` is the pattern.
    pub fn record_request(
        &self,
        route: &str,
        method: &'static str,
        status: StatusCode,
        duration: Duration,
    ) {
        self.request_duration.0.observe(duration.as_secs_f64());
        let labels = RequestLabels {
            route: route.to_owned(),
            method,
            status: status.as_u16(),
        };
        self.requests.get_or_create(&labels).inc();
    }
}

/// The label of a method. A client may send any word as its method, so unknown ones share a
/// label.
pub fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
