//! What an operator sees of the redirector. Every counter of the redirect
//! path is made at the start: counting is one atomic addition.

use std::sync::{Arc, Mutex, PoisonError};

use domain::postback::PostbackError;
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

/// A database of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GeoDatabase {
    Country,
    Asn,
}

/// How a look into it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GeoLookup {
    Found,
    /// It has nothing of this address.
    Unknown,
    /// It is damaged there.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GeoLabels {
    database: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GeoDatabaseLabels {
    database: &'static str,
    r#type: String,
}

impl GeoDatabase {
    fn label(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::Asn => "asn",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Metrics {
    outcomes: [Counter; 8],
    conversions: Family<ConversionOutcome, Counter>,
    not_recorded: Family<ReasonLabels, Counter>,
    misses: Family<SourceLabels, Counter>,
    /// Seconds from request to answer, of clicks.
    pub click_duration: Histogram,
    /// Entries of proxies' headers that are no address.
    pub unreadable_addresses: Counter,
    pub spool_bytes: Gauge,
    pub spool_damaged: Counter,
    pub spool_unreadable: Counter,
    pub receipts_failures: Counter,
    /// By database and by how the look ended.
    geo_lookups: [[Counter; 3]; 2],
    geo_built: Family<GeoDatabaseLabels, Gauge>,
    geo_used: Arc<Mutex<[Option<GeoDatabaseLabels>; 2]>>,
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
        let geo_lookups = Family::<GeoLabels, Counter>::default();
        let metrics = Self {
            outcomes,
            conversions: Family::default(),
            not_recorded: Family::default(),
            misses: Family::default(),
            click_duration: Histogram::new(exponential_buckets(0.000_05, 2.0, 18)),
            unreadable_addresses: Counter::default(),
            spool_bytes: Gauge::default(),
            spool_damaged: Counter::default(),
            spool_unreadable: Counter::default(),
            receipts_failures: Counter::default(),
            geo_lookups: [GeoDatabase::Country, GeoDatabase::Asn].map(|database| {
                ["found", "unknown", "failed"].map(|result| {
                    let database = database.label();
                    let labels = GeoLabels { database, result };
                    geo_lookups.get_or_create(&labels).clone()
                })
            }),
            geo_built: Family::default(),
            geo_used: Arc::default(),
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
        for reason in PUBLISHER_FAILURES {
            let labels = ReasonLabels { reason };
            drop(metrics.publisher_failures.get_or_create(&labels));
        }
        for source in SOURCES {
            drop(metrics.misses.get_or_create(&SourceLabels { source }));
        }
        for source in CONVERSION_SOURCES {
            let refused = PostbackError::all().map(|refused| refused.status_and_code().1);
            for code in std::iter::once("accepted").chain(refused) {
                let labels = ConversionOutcome { source, code };
                drop(metrics.conversions.get_or_create(&labels));
            }
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
            "waypost_edge_unreadable_addresses",
            "Requests whose proxies wrote something that is no address",
            m.unreadable_addresses,
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
            "waypost_edge_geoip_lookups",
            "Looks for the country or network of an address, by what came of them",
            geo_lookups,
        );
        registry.register(
            "waypost_edge_geoip_build_timestamp_seconds",
            "When the database of addresses in use was built, by its type",
            m.geo_built,
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

    pub fn geo_lookup(&self, database: GeoDatabase, lookup: GeoLookup) {
        self.geo_lookups[database as usize][lookup as usize].inc();
    }

    /// This database is used from now on, in place of another of its kind.
    pub fn geo_database(&self, database: GeoDatabase, database_type: &str, build_s: i64) {
        let labels = GeoDatabaseLabels {
            database: database.label(),
            r#type: database_type.to_owned(),
        };
        self.geo_built.get_or_create(&labels).set(build_s);
        let used = self.geo_used.lock();
        let mut used = used.unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = used[database as usize].replace(labels.clone())
            && before != labels
        {
            self.geo_built.remove(&before);
        }
    }

    pub fn publisher_failure(&self, reason: &'static str) {
        self.publisher_failures
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }
}

/// What the publisher gives as reasons.
const PUBLISHER_FAILURES: [&str; 7] = [
    "not_connected",
    "returned",
    "nacked",
    "not_in_confirm_mode",
    "connection_lost",
    "confirm_timeout",
    "spool_unreadable",
];

const SOURCES: [Source; 5] = [
    Source::Redis,
    Source::Origin,
    Source::Nowhere,
    Source::Failed,
    Source::Refused,
];

const CONVERSION_SOURCES: [&str; 3] = ["conv", "offer", "pixel"];

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

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<String> {
        let mut registry = Registry::default();
        let _metrics = Metrics::register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// An alert on the increase of a counter misses the first of a label that was not there
    /// before.
    #[test]
    fn every_label_is_there_before_it_first_counts() {
        let lines = lines();
        let wanted = [
            "waypost_edge_not_recorded_total{reason=\"spool_full\"} 0",
            "waypost_edge_not_recorded_total{reason=\"disk_slow\"} 0",
            "waypost_edge_publisher_failures_total{reason=\"connection_lost\"} 0",
            "waypost_edge_publisher_failures_total{reason=\"confirm_timeout\"} 0",
            "waypost_edge_cache_misses_total{source=\"Failed\"} 0",
            "waypost_edge_conversions_total{source=\"conv\",code=\"accepted\"} 0",
            "waypost_edge_conversions_total{source=\"pixel\",code=\"unavailable\"} 0",
            "waypost_edge_geoip_lookups_total{database=\"asn\",result=\"failed\"} 0",
            "waypost_edge_receipts_failures_total 0",
            "waypost_edge_spool_unreadable_total 0",
        ];
        for wanted in wanted {
            assert!(
                lines.iter().any(|line| line == wanted),
                "{wanted}: {lines:#?}"
            );
        }
        let n_of = |name: &str| lines.iter().filter(|line| line.starts_with(name)).count();
        assert_eq!(n_of("waypost_edge_requests_total{"), 8);
        let n_codes = 1 + PostbackError::all().count();
        assert_eq!(n_of("waypost_edge_conversions_total{"), 3 * n_codes);
    }

    #[test]
    fn counting_makes_no_new_labels() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let n_series = |registry: &Registry| {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
            text.lines().count()
        };
        let before = n_series(&registry);
        for reason in NOT_RECORDED {
            metrics.not_recorded(reason);
        }
        for source in SOURCES {
            metrics.miss(source);
        }
        for reason in PUBLISHER_FAILURES {
            metrics.publisher_failure(reason);
        }
        for lookup in [GeoLookup::Found, GeoLookup::Unknown, GeoLookup::Failed] {
            metrics.geo_lookup(GeoDatabase::Country, lookup);
            metrics.geo_lookup(GeoDatabase::Asn, lookup);
        }
        assert_eq!(n_series(&registry), before);
    }
}
