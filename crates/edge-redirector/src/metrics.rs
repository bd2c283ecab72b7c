//! What an operator sees of the redirector. Every counter of the redirect
//! path is made at the start: counting is one atomic addition.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::spool::NotRecorded;

/// How a request to a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Outcome {
    /// To the click tracker.
    Hop,
    /// Recorded, and to the destination.
    Click,
    /// To the destination, and not recorded: somebody must act.
    Unrecorded,
    Fallback,
    NotFound,
    /// Neither Redis nor the origin could say.
    Unavailable,
    /// Too much at once: refused before anything was done.
    Shed,
    /// From an address that had guessed too often: refused.
    Guessing,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// How a request to record a conversion ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ConversionOutcome {
    /// conv, offer or pixel.
    pub source: &'static str,
    /// `accepted`, or the code of what was wrong.
    pub code: &'static str,
}

/// Where a record was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Source {
    Redis,
    Origin,
    Nowhere,
    Failed,
    /// Too many at once: the origin was not asked.
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: Source,
}

#[derive(Debug, Clone)]
pub struct Metrics {
    outcomes: [Counter; 8],
    conversions: Family<ConversionOutcome, Counter>,
    not_recorded: Family<ReasonLabels, Counter>,
    misses: Family<SourceLabels, Counter>,
    /// Seconds from request to answer, of clicks.
    pub click_duration: Histogram,
    pub spool_bytes: Gauge,
    pub spool_damaged: Counter,
    pub spool_unreadable: Counter,
    pub receipts_failures: Counter,
    pub published_events: Counter,
    pub published_messages: Counter,
    pub resent_events: Counter,
    publisher_failures: Family<ReasonLabels, Counter>,
    pub broker_blocked: Gauge,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        use Outcome::{Click, Fallback, Guessing, Hop, NotFound, Shed, Unavailable, Unrecorded};
        let requests = Family::<OutcomeLabels, Counter>::default();
        let outcomes = [
            Hop,
            Click,
            Unrecorded,
            Fallback,
            NotFound,
            Unavailable,
            Shed,
            Guessing,
        ]
        .map(|outcome| requests.get_or_create(&OutcomeLabels { outcome }).clone());
        let metrics = Self {
            outcomes,
            conversions: Family::default(),
            not_recorded: Family::default(),
            misses: Family::default(),
            click_duration: Histogram::new(exponential_buckets(0.000_05, 2.0, 18)),
            spool_bytes: Gauge::default(),
            spool_damaged: Counter::default(),
            spool_unreadable: Counter::default(),
            receipts_failures: Counter::default(),
            published_events: Counter::default(),
            published_messages: Counter::default(),
            resent_events: Counter::default(),
            publisher_failures: Family::default(),
            broker_blocked: Gauge::default(),
        };
        // They are there before they first count: an alert on their increase would miss
        // the first.
        for reason in NOT_RECORDED.map(reason_name) {
            drop(metrics.not_recorded.get_or_create(&ReasonLabels { reason }));
        }
        let m = metrics.clone();
        registry.register(
            "waypost_edge_requests",
            "Requests to links by outcome",
            requests,
        );
        registry.register(
            "waypost_edge_conversions",
            "Postbacks and pixels, by source and by what was wrong with them",
            m.conversions,
        );
        registry.register(
            "waypost_edge_not_recorded",
            "Clicks redirected, and conversions refused, without a record, by reason",
            m.not_recorded,
        );
        registry.register(
            "waypost_edge_cache_misses",
            "Look-ups outside of the process, by source",
            m.misses,
        );
        registry.register(
            "waypost_edge_click_duration_seconds",
            "Time from click to answer",
            m.click_duration,
        );
        registry.register(
            "waypost_edge_spool_bytes",
            "Bytes of the spool on disk",
            m.spool_bytes,
        );
        registry.register(
            "waypost_edge_spool_damaged",
            "Damaged stretches of the spool that were skipped",
            m.spool_damaged,
        );
        registry.register(
            "waypost_edge_spool_unreadable",
            "Segments of the spool, or parts of them, that could not be read and were skipped",
            m.spool_unreadable,
        );
        registry.register(
            "waypost_edge_receipts_failures",
            "Queues of receipts that could not be declared or were lost",
            m.receipts_failures,
        );
        registry.register(
            "waypost_edge_published_events",
            "Events the broker has confirmed",
            m.published_events,
        );
        registry.register(
            "waypost_edge_published_messages",
            "Messages the broker has confirmed",
            m.published_messages,
        );
        registry.register(
            "waypost_edge_resent_events",
            "Events sent again because the broker had confirmed them and no worker stored them",
            m.resent_events,
        );
        registry.register(
            "waypost_edge_publisher_failures",
            "Times the publisher began anew, by reason",
            m.publisher_failures,
        );
        registry.register(
            "waypost_edge_broker_blocked",
            "1 while the broker takes no messages",
            m.broker_blocked,
        );
        metrics
    }

    pub fn request(&self, outcome: Outcome) {
        self.outcomes[outcome as usize].inc();
    }

    pub fn conversion(&self, outcome: ConversionOutcome) {
        self.conversions.get_or_create(&outcome).inc();
    }

    pub fn not_recorded(&self, reason: NotRecorded) {
        let reason = reason_name(reason);
        self.not_recorded
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }

    pub fn miss(&self, source: Source) {
        self.misses.get_or_create(&SourceLabels { source }).inc();
    }

    pub fn publisher_failure(&self, reason: &'static str) {
        self.publisher_failures
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }
}

const NOT_RECORDED: [NotRecorded; 5] = [
    NotRecorded::Full,
    NotRecorded::Failed,
    NotRecorded::TimedOut,
    NotRecorded::TooLarge,
    NotRecorded::Stopped,
];

fn reason_name(reason: NotRecorded) -> &'static str {
    match reason {
        NotRecorded::Full => "spool_full",
        NotRecorded::Failed => "disk_failed",
        NotRecorded::TimedOut => "disk_slow",
        NotRecorded::TooLarge => "too_large",
        NotRecorded::Stopped => "stopped",
    }
}
