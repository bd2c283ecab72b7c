//! The metrics of the redirector. Every counter of the redirect path is created at the
//! start, so that counting is one atomic addition. Serving `/metrics` is left to
//! `platform::admin`.

mod labels;

use std::sync::{Arc, Mutex, PoisonError};

use domain::{cost::ClickCostError, postback::PostbackError};
use prometheus_client::{
    encoding::EncodeMetric,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::spool::RecordError;
use labels::{
    CONVERSION_SOURCES, GeoDatabaseLabels, GeoLookupLabels, OutcomeLabels, PUBLISHER_FAILURES,
    RECORD_ERRORS, ReasonLabels, ResultLabels, record_error_label,
};
pub use labels::{
    ClickLookupResult, ConversionLabels, GeoDatabase, GeoLookup, LogEntryResult, LookupResult,
    RequestOutcome,
};

#[derive(Debug, Clone)]
pub struct Metrics {
    /// By [`RequestOutcome`].
    requests: [Counter; 8],
    conversions: Family<ConversionLabels, Counter>,
    unrecorded_events: Family<ReasonLabels, Counter>,
    cache_misses: Family<ResultLabels, Counter>,
    click_lookups: Family<ResultLabels, Counter>,
    postback_log_entries: Family<ResultLabels, Counter>,
    /// By [`ClickCostError`].
    click_cost_errors: [Counter; 5],
    /// Seconds from the arrival of a click to its response.
    pub click_duration: Histogram,
    /// Requests whose forwarding headers had an entry that is no address.
    pub unreadable_addresses: Counter,
    pub spool_bytes: Gauge,
    pub spool_damaged_ranges: Counter,
    pub spool_unreadable_ranges: Counter,
    pub receipt_consumer_failures: Counter,
    /// By [`GeoDatabase`] and [`GeoLookup`].
    geo_lookups: [[Counter; 3]; 2],
    geo_build_timestamp: Family<GeoDatabaseLabels, Gauge>,
    /// The labels of `geo_build_timestamp` that are exported now, by [`GeoDatabase`].
    geo_current_labels: Arc<Mutex<[Option<GeoDatabaseLabels>; 2]>>,
    pub published_events: Counter,
    pub published_messages: Counter,
    pub resent_events: Counter,
    publisher_failures: Family<ReasonLabels, Counter>,
    pub broker_blocked: Gauge,
}

impl Metrics {
    /// Creates the metrics and adds them to `registry`.
    pub fn register(registry: &mut Registry) -> Self {
        let requests = Family::<OutcomeLabels, Counter>::default();
        let geo_lookups = Family::<GeoLookupLabels, Counter>::default();
        let click_cost_errors = Family::<ReasonLabels, Counter>::default();
        let metrics = Self {
            requests: RequestOutcome::ALL.map(|outcome| {
                let outcome = outcome.label();
                requests.get_or_create(&OutcomeLabels { outcome }).clone()
            }),
            conversions: Family::default(),
            unrecorded_events: Family::default(),
            cache_misses: Family::default(),
            click_lookups: Family::default(),
            postback_log_entries: Family::default(),
            click_cost_errors: ClickCostError::ALL.map(|error| {
                let reason = error.as_str();
                click_cost_errors
                    .get_or_create(&ReasonLabels { reason })
                    .clone()
            }),
            click_duration: Histogram::new(exponential_buckets(0.000_05, 2.0, 18)),
            unreadable_addresses: Counter::default(),
            spool_bytes: Gauge::default(),
            spool_damaged_ranges: Counter::default(),
            spool_unreadable_ranges: Counter::default(),
            receipt_consumer_failures: Counter::default(),
            geo_lookups: GeoDatabase::ALL.map(|database| {
                GeoLookup::ALL.map(|lookup| {
                    let labels = GeoLookupLabels {
                        database: database.label(),
                        result: lookup.label(),
                    };
                    geo_lookups.get_or_create(&labels).clone()
                })
            }),
            geo_build_timestamp: Family::default(),
            geo_current_labels: Arc::default(),
            published_events: Counter::default(),
            published_messages: Counter::default(),
            resent_events: Counter::default(),
            publisher_failures: Family::default(),
            broker_blocked: Gauge::default(),
        };
        metrics.create_all_labels();
        metrics.add_to(registry, requests, geo_lookups, click_cost_errors);
        metrics
    }

    /// Creates every counter at 0: an alert on the increase of a counter misses the first
    /// increase of one that did not exist before.
    fn create_all_labels(&self) {
        for reason in RECORD_ERRORS.map(record_error_label) {
            drop(
                self.unrecorded_events
                    .get_or_create(&ReasonLabels { reason }),
            );
        }
        for reason in PUBLISHER_FAILURES {
            let labels = ReasonLabels { reason };
            drop(self.publisher_failures.get_or_create(&labels));
        }
        for result in LookupResult::ALL.map(LookupResult::label) {
            drop(self.cache_misses.get_or_create(&ResultLabels { result }));
        }
        for result in ClickLookupResult::ALL.map(ClickLookupResult::label) {
            drop(self.click_lookups.get_or_create(&ResultLabels { result }));
        }
        for result in LogEntryResult::ALL.map(LogEntryResult::label) {
            let labels = ResultLabels { result };
            drop(self.postback_log_entries.get_or_create(&labels));
        }
        for source in CONVERSION_SOURCES {
            let error_codes = PostbackError::all().map(|error| error.status_and_code().1);
            for code in ["accepted", "ignored"].into_iter().chain(error_codes) {
                let labels = ConversionLabels { source, code };
                drop(self.conversions.get_or_create(&labels));
            }
        }
    }

    fn add_to(
        &self,
        registry: &mut Registry,
        requests: Family<OutcomeLabels, Counter>,
        geo_lookups: Family<GeoLookupLabels, Counter>,
        click_cost_errors: Family<ReasonLabels, Counter>,
    ) {
        register(
            registry,
            "requests",
            "Requests to links, by outcome",
            &requests,
        );
        register(
            registry,
            "conversions",
            "Postbacks and pixels, by source and by the error code of the response",
            &self.conversions,
        );
        register(
            registry,
            "unrecorded_events",
            "Clicks redirected and conversions refused that could not be recorded, by reason",
            &self.unrecorded_events,
        );
        register(
            registry,
            "cache_misses",
            "Records looked up outside of the process, by result",
            &self.cache_misses,
        );
        register(
            registry,
            "click_lookups",
            "Clicks that conversions name, looked up at the origin, by result",
            &self.click_lookups,
        );
        register(
            registry,
            "postback_log_entries",
            "Entries of the log of postbacks, by what became of them",
            &self.postback_log_entries,
        );
        register(
            registry,
            "click_cost_errors",
            "Clicks whose URL has the parameter of their cost and no cost in it, by reason",
            &click_cost_errors,
        );
        register(
            registry,
            "click_duration_seconds",
            "Time from the arrival of a click to its response",
            &self.click_duration,
        );
        register(
            registry,
            "unreadable_addresses",
            "Requests whose forwarding headers had an entry that is no address",
            &self.unreadable_addresses,
        );
        register(
            registry,
            "spool_bytes",
            "Bytes of the spool on disk",
            &self.spool_bytes,
        );
        register(
            registry,
            "spool_damaged_ranges",
            "Damaged ranges of the spool that were skipped",
            &self.spool_damaged_ranges,
        );
        register(
            registry,
            "spool_unreadable_ranges",
            "Spool segments, or parts of them, that could not be read and were skipped",
            &self.spool_unreadable_ranges,
        );
        register(
            registry,
            "receipt_consumer_failures",
            "Receipt queues that could not be declared or were lost",
            &self.receipt_consumer_failures,
        );
        register(
            registry,
            "geoip_lookups",
            "Lookups of an address in a GeoIP database, by database and result",
            &geo_lookups,
        );
        register(
            registry,
            "geoip_build_timestamp_seconds",
            "When the GeoIP database in use was built, by database and type",
            &self.geo_build_timestamp,
        );
        register(
            registry,
            "published_events",
            "Events published and confirmed by the broker",
            &self.published_events,
        );
        register(
            registry,
            "published_messages",
            "Messages published and confirmed by the broker",
            &self.published_messages,
        );
        register(
            registry,
            "resent_events",
            "Events resent because the broker had confirmed them and no worker stored them",
            &self.resent_events,
        );
        register(
            registry,
            "publisher_failures",
            "Publisher sessions that failed, by reason",
            &self.publisher_failures,
        );
        register(
            registry,
            "broker_blocked",
            "1 while the broker blocks publishers, else 0",
            &self.broker_blocked,
        );
    }

    pub fn count_request(&self, outcome: RequestOutcome) {
        self.requests[outcome as usize].inc();
    }

    pub fn count_conversion(&self, labels: ConversionLabels) {
        self.conversions.get_or_create(&labels).inc();
    }

    pub fn count_unrecorded_event(&self, error: RecordError) {
        let reason = record_error_label(error);
        self.unrecorded_events
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }

    pub fn count_cache_miss(&self, result: LookupResult) {
        let result = result.label();
        self.cache_misses
            .get_or_create(&ResultLabels { result })
            .inc();
    }

    pub fn count_click_lookup(&self, result: ClickLookupResult) {
        let result = result.label();
        self.click_lookups
            .get_or_create(&ResultLabels { result })
            .inc();
    }

    pub fn count_log_entries(&self, result: LogEntryResult, n_entries: u64) {
        let result = result.label();
        self.postback_log_entries
            .get_or_create(&ResultLabels { result })
            .inc_by(n_entries);
    }

    pub fn count_click_cost_error(&self, error: ClickCostError) {
        self.click_cost_errors[error as usize].inc();
    }

    pub fn count_geo_lookup(&self, database: GeoDatabase, lookup: GeoLookup) {
        self.geo_lookups[database as usize][lookup as usize].inc();
    }

    /// Exports the build time (Unix seconds) of a database that replaces the one before.
    pub fn set_geo_database(&self, database: GeoDatabase, database_type: &str, build_s: i64) {
        let labels = GeoDatabaseLabels {
            database: database.label(),
            r#type: database_type.to_owned(),
        };
        self.geo_build_timestamp.get_or_create(&labels).set(build_s);
        let current_labels = self.geo_current_labels.lock();
        let mut current_labels = current_labels.unwrap_or_else(PoisonError::into_inner);
        if let Some(old_labels) = current_labels[database as usize].replace(labels.clone())
            && old_labels != labels
        {
            self.geo_build_timestamp.remove(&old_labels);
        }
    }

    pub fn count_publisher_failure(&self, reason: &'static str) {
        self.publisher_failures
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }
}

/// Registers a metric under `waypost_edge_<name>`; the encoder appends `_total` to the
/// names of counters.
fn register<M>(registry: &mut Registry, name: &str, help: &str, metric: &M)
where
    M: prometheus_client::registry::Metric + EncodeMetric + Clone,
{
    registry.register(format!("waypost_edge_{name}"), help, metric.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(registry: &Registry) -> Vec<String> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_counter_exists_before_its_first_increase() {
        let mut registry = Registry::default();
        let _metrics = Metrics::register(&mut registry);
        let lines = encode(&registry);
        let expected_lines = [
            "waypost_edge_requests_total{outcome=\"to_tracker\"} 0",
            "waypost_edge_requests_total{outcome=\"rate_limited\"} 0",
            "waypost_edge_unrecorded_events_total{reason=\"spool_full\"} 0",
            "waypost_edge_unrecorded_events_total{reason=\"disk_timeout\"} 0",
            "waypost_edge_publisher_failures_total{reason=\"connection_lost\"} 0",
            "waypost_edge_publisher_failures_total{reason=\"confirm_timeout\"} 0",
            "waypost_edge_cache_misses_total{result=\"failed\"} 0",
            "waypost_edge_cache_misses_total{result=\"lookup_limit\"} 0",
            "waypost_edge_conversions_total{source=\"conv\",code=\"accepted\"} 0",
            "waypost_edge_conversions_total{source=\"pixel\",code=\"unavailable\"} 0",
            "waypost_edge_click_lookups_total{result=\"skipped\"} 0",
            "waypost_edge_postback_log_entries_total{result=\"rate_limited\"} 0",
            "waypost_edge_click_cost_errors_total{reason=\"no_value\"} 0",
            "waypost_edge_click_cost_errors_total{reason=\"above_max\"} 0",
            "waypost_edge_geoip_lookups_total{database=\"asn\",result=\"failed\"} 0",
            "waypost_edge_receipt_consumer_failures_total 0",
            "waypost_edge_spool_unreadable_ranges_total 0",
        ];
        for expected in expected_lines {
            assert!(
                lines.iter().any(|line| line == expected),
                "{expected}: {lines:#?}"
            );
        }
        let n_lines = |name: &str| lines.iter().filter(|line| line.starts_with(name)).count();
        assert_eq!(n_lines("waypost_edge_requests_total{"), 8);
        // `accepted` and `ignored` are no errors.
        let n_codes = 2 + PostbackError::all().count();
        let n_sources = CONVERSION_SOURCES.len();
        let n_labels = n_lines("waypost_edge_conversions_total{");
        assert_eq!(n_labels, n_sources * n_codes);
    }

    #[test]
    fn counting_creates_no_further_labels() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let n_lines_before = encode(&registry).len();
        for outcome in RequestOutcome::ALL {
            metrics.count_request(outcome);
        }
        for error in RECORD_ERRORS {
            metrics.count_unrecorded_event(error);
        }
        for result in LookupResult::ALL {
            metrics.count_cache_miss(result);
        }
        for result in ClickLookupResult::ALL {
            metrics.count_click_lookup(result);
        }
        for result in LogEntryResult::ALL {
            metrics.count_log_entries(result, 2);
        }
        for error in ClickCostError::ALL {
            metrics.count_click_cost_error(error);
        }
        for reason in PUBLISHER_FAILURES {
            metrics.count_publisher_failure(reason);
        }
        for lookup in GeoLookup::ALL {
            metrics.count_geo_lookup(GeoDatabase::Country, lookup);
            metrics.count_geo_lookup(GeoDatabase::Asn, lookup);
        }
        assert_eq!(encode(&registry).len(), n_lines_before);
    }

    /// The counters are found by index, so each variant must be at its own.
    #[test]
    fn variants_are_indexes_into_their_lists() {
        assert_eq!(
            RequestOutcome::ALL.map(|outcome| outcome as usize),
            [0, 1, 2, 3, 4, 5, 6, 7]
        );
        assert_eq!(GeoLookup::ALL.map(|lookup| lookup as usize), [0, 1, 2]);
        assert_eq!(GeoDatabase::ALL.map(|database| database as usize), [0, 1]);
    }
}
