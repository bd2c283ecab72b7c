//! The jobs and their intervals.

use std::time::Duration;

use domain::burst::BurstRule;
use jiff::SignedDuration;
use ledger::conversions::UnknownClickLimits;

use super::retention::RetentionProgress;
use crate::{ingest::BatchWriter, settings::Settings};

const RETENTION_INTERVAL: Duration = Duration::from_secs(600);
const VALUE_TOTALS_INTERVAL: Duration = Duration::from_secs(60);
const PARTITIONS_INTERVAL: Duration = Duration::from_secs(600);
/// How often jobs look for rows that are due: the credit backlog, unmatched conversions, entries
/// of the log of postbacks, and parked events.
const DUE_ROWS_INTERVAL: Duration = Duration::from_secs(1);

/// A job that is run periodically.
pub struct MaintenanceJob {
    pub name: &'static str,
    pub(super) interval: Duration,
    pub(super) work: Work,
}

/// What a job does, with what it remembers from one run to the next.
pub(super) enum Work {
    ScanForBursts {
        /// `None` if bursts are never looked for.
        rule: Option<BurstRule>,
        settle_time: SignedDuration,
    },
    MatchConversions(UnknownClickLimits),
    ProcessCreditBacklog,
    AssignPostbacks,
    RetryParkedEvents(Box<BatchWriter>),
    ComputeValueTotals,
    CreatePartitions,
    DeleteExpired {
        progress: RetentionProgress,
        audit_retention: SignedDuration,
    },
}

/// All jobs of a worker. `writer` is for the parked events.
pub fn jobs(settings: &Settings, writer: BatchWriter) -> [MaintenanceJob; 8] {
    let interval = Duration::from_millis(settings.maintenance_interval_ms);
    let rule = BurstRule {
        min_clicks: settings.burst_clicks as usize,
        window: SignedDuration::from_millis(settings.burst_window_ms.into()),
    };
    let scan_for_bursts = Work::ScanForBursts {
        rule: (rule.min_clicks > 0).then_some(rule),
        settle_time: SignedDuration::from_millis(settings.burst_settle_ms.into()),
    };
    let unknown_clicks = UnknownClickLimits {
        grace: SignedDuration::from_millis(settings.unknown_click_grace_ms.into()),
        max_per_minute: settings.max_unknown_clicks_per_minute.into(),
    };
    let audit_retention = SignedDuration::from_hours(24 * i64::from(settings.audit_retention_days));
    let job = |name, interval, work| MaintenanceJob {
        name,
        interval,
        work,
    };
    [
        job("burst_scan", interval, scan_for_bursts),
        job(
            "unmatched_conversions",
            interval.min(DUE_ROWS_INTERVAL),
            Work::MatchConversions(unknown_clicks),
        ),
        job(
            "credit_backlog",
            DUE_ROWS_INTERVAL,
            Work::ProcessCreditBacklog,
        ),
        job("postback_log", DUE_ROWS_INTERVAL, Work::AssignPostbacks),
        job(
            "parked_events",
            DUE_ROWS_INTERVAL,
            Work::RetryParkedEvents(Box::new(writer)),
        ),
        job(
            "value_totals",
            interval.min(VALUE_TOTALS_INTERVAL),
            Work::ComputeValueTotals,
        ),
        job("partitions", PARTITIONS_INTERVAL, Work::CreatePartitions),
        job(
            "retention",
            RETENTION_INTERVAL,
            Work::DeleteExpired {
                progress: RetentionProgress::default(),
                audit_retention,
            },
        ),
    ]
}
