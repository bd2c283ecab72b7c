//! What an operator sees of the worker.

use jiff::Timestamp;
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

use crate::{
    event::Event,
    store::{Outcome, PARKING_REASONS},
};
use std::sync::atomic::AtomicU64;

/// What decode and consumer give as reasons of dead letters.
const DEAD_LETTER_REASONS: [&str; 6] = [
    "content_type",
    "schema_version",
    "not_an_event",
    "nul",
    "time_out_of_range",
    "refused_by_postgres",
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// Why a conversion that names nothing but a click is not stored.
const WITHOUT_SECRET: &str = "without_secret";
const OF_UNKNOWN_CLICK: &str = "too_many_unknown_clicks";

#[derive(Debug, Clone)]
pub struct Metrics {
    stored: Counter,
    duplicates: Counter,
    stored_conversions: Counter,
    duplicate_conversions: Counter,
    too_old: Counter,
    /// Conversions that are not stored, by reason.
    refused_conversions: Family<ReasonLabels, Counter>,
    /// Accounts that were left out of a batch, since somebody else had their lock.
    pub held_accounts: Counter,
    /// Events that this worker has parked, by reason.
    parked: Family<ReasonLabels, Counter>,
    /// Events that are parked now, of all workers.
    pub parked_events: Gauge,
    /// Seconds since the oldest event happened that is in hand and not stored.
    pub oldest_unstored: Gauge<f64, AtomicU64>,
    /// Seconds since this worker committed events.
    pub since_commit: Gauge<f64, AtomicU64>,
    /// Queues that this worker consumes from.
    pub queues: Gauge,
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
            too_old: Counter::default(),
            refused_conversions: Family::default(),
            held_accounts: Counter::default(),
            parked: Family::default(),
            parked_events: Gauge::default(),
            oldest_unstored: Gauge::default(),
            since_commit: Gauge::default(),
            queues: Gauge::default(),
            burst_clicks: Counter::default(),
            chore_failures: Counter::default(),
            dead_lettered: Family::default(),
            store_failures: Counter::default(),
            session_failures: Counter::default(),
            batch_events: Histogram::new(exponential_buckets(1.0, 4.0, 10)),
            lag: Histogram::new(exponential_buckets(0.001, 2.0, 20)),
        };
        // They are there before they first count: an alert on their increase would miss
        // the first.
        for reason in DEAD_LETTER_REASONS {
            drop(
                metrics
                    .dead_lettered
                    .get_or_create(&ReasonLabels { reason }),
            );
        }
        for reason in PARKING_REASONS {
            drop(metrics.parked.get_or_create(&ReasonLabels { reason }));
        }
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
            "waypost_worker_too_old",
            "Events from before what their account keeps, which are not stored",
            m.too_old,
        );
        for reason in [WITHOUT_SECRET, OF_UNKNOWN_CLICK] {
            // It is there before the first, so that an increase from none is seen.
            drop(
                m.refused_conversions
                    .get_or_create(&ReasonLabels { reason }),
            );
        }
        registry.register(
            "waypost_worker_conversions_refused",
            "Conversions that name nothing but a click and are not stored: its account wants a secret, or too many of unknown clicks came from the address",
            m.refused_conversions,
        );
        registry.register(
            "waypost_worker_held_accounts",
            "Times that an account was left out of a batch, since its lock was not free",
            m.held_accounts,
        );
        registry.register(
            "waypost_worker_parked",
            "Events that fail by themselves and were parked, by reason",
            m.parked,
        );
        registry.register(
            "waypost_worker_parked_events",
            "Events that are parked now, of all workers",
            m.parked_events,
        );
        registry.register(
            "waypost_worker_oldest_unstored_seconds",
            "Age of the oldest event that this worker has and has not stored; 0 without one",
            m.oldest_unstored,
        );
        registry.register(
            "waypost_worker_since_commit_seconds",
            "Time since this worker last committed events, or started",
            m.since_commit,
        );
        registry.register(
            "waypost_worker_queues",
            "Queues that this worker consumes from",
            m.queues,
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

    /// Conversions that waited for their clicks were removed: their click was found, and its
    /// account wants a secret; or it was not, and there are too many of them.
    pub fn waiting_removed(&self, n_without_secret: u64, n_of_unknown_clicks: u64) {
        self.conversions_refused(WITHOUT_SECRET, n_without_secret);
        self.conversions_refused(OF_UNKNOWN_CLICK, n_of_unknown_clicks);
    }

    fn conversions_refused(&self, reason: &'static str, n: u64) {
        if n > 0 {
            let labels = ReasonLabels { reason };
            self.refused_conversions.get_or_create(&labels).inc_by(n);
        }
    }

    /// A batch was committed at `now`: these of its events were stored.
    pub fn stored<'e>(
        &self,
        events: impl Iterator<Item = &'e Event>,
        outcome: &Outcome,
        now: Timestamp,
    ) {
        self.stored.inc_by(outcome.clicks.n_new);
        self.duplicates.inc_by(outcome.clicks.n_duplicates);
        self.stored_conversions.inc_by(outcome.conversions.n_new);
        self.duplicate_conversions
            .inc_by(outcome.conversions.n_duplicates);
        self.too_old.inc_by(outcome.n_too_old);
        self.conversions_refused(WITHOUT_SECRET, outcome.n_without_secret);
        self.held_accounts
            .inc_by(outcome.held_accounts.len() as u64);
        let mut n_events = 0_u32;
        for event in events {
            n_events += 1;
            if let Event::Click(click) = event {
                let lag_ms = (now.as_millisecond() - click.click_id.unix_ms()).max(0);
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a histogram has no use for more"
                )]
                self.lag.observe(lag_ms as f64 / 1000.0);
            }
        }
        self.batch_events.observe(n_events.into());
    }

    pub fn parked(&self, reason: &'static str) {
        self.parked.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub fn dead_lettered(&self, reason: &'static str) {
        self.dead_lettered
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }
}
