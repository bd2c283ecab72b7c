//! The metrics of the worker. Their help texts say what each counts.

use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Metric, Registry},
};

use crate::{
    event::Event,
    ingest::{PARKING_REASONS, WriteOutcome},
};

/// The reasons for dead letters.
const DEAD_LETTER_REASONS: [&str; 6] = [
    "content_type",
    "schema_version",
    "not_an_event",
    "nul",
    "time_out_of_range",
    "refused_by_postgres",
];

/// The reasons for not storing a conversion that names nothing but a click.
const WITHOUT_SECRET: &str = "without_secret";
const TOO_MANY_UNKNOWN_CLICKS: &str = "too_many_unknown_clicks";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone)]
pub struct Metrics {
    clicks_stored: Counter,
    clicks_duplicate: Counter,
    conversions_stored: Counter,
    conversions_duplicate: Counter,
    events_too_old: Counter,
    conversions_rejected: Family<ReasonLabels, Counter>,
    contended_accounts: Counter,
    events_parked: Family<ReasonLabels, Counter>,
    pub parked_events: Gauge,
    pub oldest_unstored: Gauge<f64, AtomicU64>,
    pub since_commit: Gauge<f64, AtomicU64>,
    pub queues: Gauge,
    pub burst_clicks: Counter,
    pub maintenance_failures: Counter,
    events_dead_lettered: Family<ReasonLabels, Counter>,
    pub store_failures: Counter,
    pub session_failures: Counter,
    batch_events: Histogram,
    click_store_delay: Histogram,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let r = registry;
        Self {
            clicks_stored: register(r, "clicks_stored", "Clicks stored"),
            clicks_duplicate: register(
                r,
                "clicks_duplicate",
                "Clicks received that were stored already",
            ),
            conversions_stored: register(r, "conversions_stored", "Conversions stored"),
            conversions_duplicate: register(
                r,
                "conversions_duplicate",
                "Conversions received that were stored already, or of whose transaction, click or visitor another one was",
            ),
            events_too_old: register(
                r,
                "events_too_old",
                "Events not stored because they are older than what their account keeps",
            ),
            conversions_rejected: register_by_reason(
                r,
                "conversions_rejected",
                "Conversions not stored that name nothing but a click: its account wants a secret, or too many of unknown clicks came from one address",
                &[WITHOUT_SECRET, TOO_MANY_UNKNOWN_CLICKS],
            ),
            contended_accounts: register(
                r,
                "contended_accounts",
                "Times that an account was left out of a batch because another transaction had its lock",
            ),
            events_parked: register_by_reason(
                r,
                "events_parked",
                "Events parked because storing them alone failed, by reason",
                &PARKING_REASONS,
            ),
            parked_events: register(
                r,
                "parked_events",
                "Events that are parked now, by any worker",
            ),
            oldest_unstored: register(
                r,
                "oldest_unstored_seconds",
                "Age of the oldest event that this worker has received and not stored; 0 without one",
            ),
            since_commit: register(
                r,
                "since_commit_seconds",
                "Time since this worker last committed events, or started",
            ),
            queues: register(r, "queues", "Queues that this worker consumes from"),
            burst_clicks: register(
                r,
                "burst_clicks",
                "Clicks reclassified as a bot's because they belong to a burst",
            ),
            maintenance_failures: register(
                r,
                "maintenance_failures",
                "Failed runs of maintenance jobs, which are retried",
            ),
            events_dead_lettered: register_by_reason(
                r,
                "events_dead_lettered",
                "Lines or messages dead-lettered because they can never be stored, by reason",
                &DEAD_LETTER_REASONS,
            ),
            store_failures: register(
                r,
                "store_failures",
                "Failed transactions of batches, which are retried",
            ),
            session_failures: register(
                r,
                "session_failures",
                "Failed sessions with RabbitMQ, after which the worker reconnects",
            ),
            batch_events: register_metric(
                r,
                "batch_events",
                "Events stored in one transaction",
                Histogram::new(exponential_buckets(1.0, 4.0, 10)),
            ),
            click_store_delay: register_metric(
                r,
                "click_store_delay_seconds",
                "Time from a click to the commit that stores it",
                Histogram::new(exponential_buckets(0.001, 2.0, 20)),
            ),
        }
    }

    /// Records unmatched conversions that were deleted: those whose click was found and whose
    /// account wants a secret, and those of unknown clicks that were too many.
    pub fn unmatched_conversions_rejected(&self, n_without_secret: u64, n_of_unknown_clicks: u64) {
        self.add_conversions_rejected(WITHOUT_SECRET, n_without_secret);
        self.add_conversions_rejected(TOO_MANY_UNKNOWN_CLICKS, n_of_unknown_clicks);
    }

    fn add_conversions_rejected(&self, reason: &'static str, n: u64) {
        if n > 0 {
            let labels = ReasonLabels { reason };
            self.conversions_rejected.get_or_create(&labels).inc_by(n);
        }
    }

    /// Records a batch that was committed at `now`. `events` are those that are stored.
    pub fn record_batch<'e>(
        &self,
        events: impl Iterator<Item = &'e Event>,
        outcome: &WriteOutcome,
        now: Timestamp,
    ) {
        self.clicks_stored.inc_by(outcome.clicks.n_new);
        self.clicks_duplicate.inc_by(outcome.clicks.n_duplicates);
        self.conversions_stored.inc_by(outcome.conversions.n_new);
        self.conversions_duplicate
            .inc_by(outcome.conversions.n_duplicates);
        self.events_too_old.inc_by(outcome.n_too_old);
        self.add_conversions_rejected(WITHOUT_SECRET, outcome.n_without_secret);
        self.contended_accounts
            .inc_by(outcome.contended_accounts.len() as u64);
        let mut n_events = 0_u32;
        for event in events {
            n_events += 1;
            if let Event::Click(click) = event {
                let delay_ms = (now.as_millisecond() - click.click_id.unix_ms()).max(0);
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a histogram needs no higher precision"
                )]
                self.click_store_delay.observe(delay_ms as f64 / 1000.0);
            }
        }
        self.batch_events.observe(n_events.into());
    }

    pub fn parked(&self, reason: &'static str) {
        let labels = ReasonLabels { reason };
        self.events_parked.get_or_create(&labels).inc();
    }

    pub fn dead_lettered(&self, reason: &'static str) {
        let labels = ReasonLabels { reason };
        self.events_dead_lettered.get_or_create(&labels).inc();
    }
}

fn register<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    register_metric(registry, name, help, M::default())
}

/// Registers counters by reason. They exist from the start: an alert on their increase would
/// not notice the first one otherwise.
fn register_by_reason(
    registry: &mut Registry,
    name: &str,
    help: &str,
    reasons: &[&'static str],
) -> Family<ReasonLabels, Counter> {
    let family = Family::<ReasonLabels, Counter>::default();
    for reason in reasons {
        drop(family.get_or_create(&ReasonLabels { reason }));
    }
    register_metric(registry, name, help, family)
}

fn register_metric<M: Metric + Clone>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    metric: M,
) -> M {
    registry.register(format!("waypost_worker_{name}"), help, metric.clone());
    metric
}
