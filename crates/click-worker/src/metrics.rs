//! What an operator sees of the worker.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone)]
pub struct Metrics {
    pub stored: Counter,
    pub duplicates: Counter,
    dead_lettered: Family<ReasonLabels, Counter>,
    pub store_failures: Counter,
    pub session_failures: Counter,
    /// Events in a transaction.
    pub batch_events: Histogram,
    /// Seconds from the click to its commit.
    pub lag: Histogram,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            stored: Counter::default(),
            duplicates: Counter::default(),
            dead_lettered: Family::default(),
            store_failures: Counter::default(),
            session_failures: Counter::default(),
            batch_events: Histogram::new(exponential_buckets(1.0, 4.0, 10)),
            lag: Histogram::new(exponential_buckets(0.001, 2.0, 20)),
        };
        let m = metrics.clone();
        registry.register("waypost_worker_stored", "Clicks stored", m.stored);
        registry.register(
            "waypost_worker_duplicates",
            "Clicks that were stored already",
            m.duplicates,
        );
        registry.register(
            "waypost_worker_dead_lettered",
            "Lines that cannot be stored, by reason",
            m.dead_lettered,
        );
        registry.register(
            "waypost_worker_store_failures",
            "Transactions that failed and are tried again",
            m.store_failures,
        );
        registry.register(
            "waypost_worker_session_failures",
            "Times consuming began anew",
            m.session_failures,
        );
        registry.register(
            "waypost_worker_batch_events",
            "Events in a transaction",
            m.batch_events,
        );
        registry.register(
            "waypost_worker_lag_seconds",
            "Time from click to commit",
            m.lag,
        );
        metrics
    }

    pub fn dead_lettered(&self, reason: &'static str) {
        self.dead_lettered
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }
}
