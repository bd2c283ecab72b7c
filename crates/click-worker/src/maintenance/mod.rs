//! Maintenance: what a worker does periodically beside storing events. Each job is done by one
//! worker at a time.
//!
//! | job | is for |
//! |---|---|
//! | `burst_scan` | finding bursts among stored clicks |
//! | `credit_backlog` | crediting conversions again that were too many for one transaction |
//! | `unmatched_conversions` | matching conversions with clicks that came later |
//! | `postback_log` | giving entries of the log of postbacks to the accounts of clicks that came later |
//! | `parked_events` | retrying parked events |
//! | `value_totals` | summing up days by sub id, source and the like |
//! | `partitions` | creating partitions ahead |
//! | `retention` | deleting what an account does not want to keep |
//!
//! No job blocks the storing of events for long. It finds its rows without a lock, and changes
//! them in chunks of at most [`chunk_size::MAX_CHUNK`] rows under the lock of one account.
//! Each chunk is a transaction that is complete in itself.

mod burst_scan;
mod chunk_size;
mod credit_backlog;
mod jobs;
mod postback_log;
mod retention;
mod unmatched_conversions;
mod value_totals;

use std::time::Duration;

use platform::backoff::Backoff;
use postgres::pool::Pool;
use tokio_util::sync::CancellationToken;

use crate::{
    ingest::{StoreError, partitions},
    leases::{Leases, RENEWAL_INTERVAL},
    metrics::Metrics,
    parked,
};
use jobs::Work;
pub use jobs::{MaintenanceJob, jobs};

/// How long a failed job waits at least, unless it runs more often than that.
const MIN_RETRY_WAIT: Duration = Duration::from_secs(1);

/// Runs jobs, with what all of them use.
#[derive(Clone)]
pub struct Maintenance {
    pub pool: Pool,
    pub leases: Leases,
    pub metrics: Metrics,
    pub stopping: CancellationToken,
}

/// Whether a job was run.
enum Turn {
    Done,
    AnotherWorkers,
}

impl Maintenance {
    /// Runs a job once per interval, if this worker has its lease, until `stopping` is
    /// cancelled. After a failure it is retried, with growing waits.
    pub async fn run_repeatedly(self, mut job: MaintenanceJob) -> anyhow::Result<()> {
        let mut backoff = Backoff::default();
        loop {
            let result = tokio::select! {
                result = self.run_if_leased(&mut job) => result,
                () = self.stopping.cancelled() => return Ok(()),
            };
            let wait = match result {
                Ok(Turn::Done) => {
                    backoff.reset();
                    job.interval
                }
                Ok(Turn::AnotherWorkers) => job.interval.min(RENEWAL_INTERVAL),
                Err(error) => {
                    self.metrics.maintenance_failures.inc();
                    let retry_in = backoff.next_wait().max(job.interval.min(MIN_RETRY_WAIT));
                    tracing::warn!(
                        job = job.name,
                        error.message = %error,
                        retry_in_ms = retry_in.as_millis(),
                        "maintenance job failed, retrying"
                    );
                    retry_in
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stopping.cancelled() => return Ok(()),
            }
        }
    }

    async fn run_if_leased(&self, job: &mut MaintenanceJob) -> Result<Turn, StoreError> {
        if !self.leases.hold(&format!("job:{}", job.name)).await? {
            return Ok(Turn::AnotherWorkers);
        }
        match &mut job.work {
            Work::ScanForBursts { rule, settle_time } => {
                let n_clicks = burst_scan::run(&self.pool, *rule, *settle_time).await?;
                self.metrics.burst_clicks.inc_by(n_clicks);
            }
            Work::MatchConversions(limits) => {
                let deleted = unmatched_conversions::match_due(&self.pool, *limits).await?;
                let n_unknown = deleted.n_of_unknown_clicks;
                self.metrics
                    .unmatched_conversions_rejected(deleted.n_without_secret, n_unknown);
                if n_unknown > 0 {
                    tracing::info!(
                        conversions = n_unknown,
                        "too many conversions of unknown clicks came from one address, deleted the surplus"
                    );
                }
            }
            Work::ProcessCreditBacklog => credit_backlog::process_all(&self.pool).await?,
            Work::AssignPostbacks => postback_log::assign_due(&self.pool).await?,
            Work::RetryParkedEvents(writer) => {
                parked::retry_due(&self.pool, writer).await?;
                let n_parked = parked::count(&self.pool).await?;
                self.metrics.parked_events.set(n_parked);
            }
            Work::ComputeValueTotals => value_totals::compute_due(&self.pool).await?,
            Work::CreatePartitions => partitions::create_ahead(&self.pool).await?,
            Work::DeleteExpired {
                progress,
                audit_retention,
            } => retention::delete_expired(&self.pool, progress, *audit_retention).await?,
        }
        Ok(Turn::Done)
    }
}
