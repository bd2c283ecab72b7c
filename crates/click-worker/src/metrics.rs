//! What an operator sees of the worker.

use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::{part::Part, store::Stored};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone)]
pub struct Metrics {
    stored: Counter,
    duplicates: Counter,
    stored_conversions: Counter,
    duplicate_conversions: Counter,
    /// Clicks that were found to be of a burst.
    pub burst_clicks: Counter,
    pub chore_failures: Counter,
    dead_lettered: Family<ReasonLabels, Counter>,
    pub store_failures: Counter,
    pub session_failures: Counter,
    /// Events in a transaction.
    batch_events: Histogram,
    /// Seconds from the click to its commit.
    lag: Histogram,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            stored: Counter::default(),
            duplicates: Counter::default(),
            stored_conversions: Counter::default(),
            duplicate_conversions: Counter::default(),
            burst_clicks: Counter::default(),
            chore_failures: Counter::default(),
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
            "waypost_worker_conversions_stored",
            "Conversions stored",
            m.stored_conversions,
        );
        registry.register(
            "waypost_worker_conversion_duplicates",
            "Conversions that were stored already, or another of the same transaction, click or visitor",
            m.duplicate_conversions,
        );
        registry.register(
            "waypost_worker_burst_clicks",
            "Clicks that were found to be of a burst",
            m.burst_clicks,
        );
        registry.register(
            "waypost_worker_chore_failures",
            "Times that looking for bursts or removing old rows failed and is tried again",
            m.chore_failures,
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

    /// A part was committed at `now`.
    pub fn stored(&self, part: Part<'_>, stored: Stored, now: Timestamp) {
        let (new, duplicates) = match part {
            Part::Clicks(_) => (&self.stored, &self.duplicates),
            Part::Conversions(_) => (&self.stored_conversions, &self.duplicate_conversions),
        };
        new.inc_by(stored.n_new);
        duplicates.inc_by(stored.n_duplicates);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a histogram has no use for more"
        )]
        if let Part::Clicks(clicks) = part {
            for click in clicks {
                let lag_ms = (now.as_millisecond() - click.click_id.unix_ms()).max(0);
                self.lag.observe(lag_ms as f64 / 1000.0);
            }
            self.batch_events.observe(clicks.len() as f64);
        }
    }

    pub fn dead_lettered(&self, reason: &'static str) {
        self.dead_lettered
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }
}
