//! What the worker does beside storing, each task by one worker at a time: matching
//! conversions with clicks that came later, trying parked events again, looking for
//! bursts, making partitions ahead, and removing what an account does not want to keep.
//!
//! None of them holds anybody up: each finds what to do without a lock, and then works in
//! pieces of at most [`MAX_PIECE`] rows under the lock of one account, each piece a
//! transaction that is complete in itself.

mod bursts;
mod retention;
mod waiting;

use std::time::Duration;

use domain::burst::BurstRule;
use jiff::SignedDuration;
use ledger::conversions::UnknownClickLimits;
use platform::backoff::Backoff;
use postgres::pool::Pool;
use tokio_util::sync::CancellationToken;

use crate::{
    leases::{Leases, RENEWAL_INTERVAL},
    metrics::Metrics,
    parked,
    settings::Settings,
    store::{Store, StoreError, partitions},
};

/// Rows that a transaction changes under an account's lock, at most.
const MAX_PIECE: usize = 1_000;
/// How long such a transaction should take, at most: events of the account wait for it.
const MAX_PIECE_TIME: Duration = Duration::from_millis(50);

/// Between looks for what is too old.
const RETENTION_INTERVAL: Duration = Duration::from_secs(600);
/// Between looks whether the partitions of the next days are there.
const PARTITIONS_INTERVAL: Duration = Duration::from_secs(600);
/// Between looks for clicks that conversions wait for, and for parked events.
const WAITING_INTERVAL: Duration = Duration::from_secs(1);

/// How many rows the next piece has: fewer after one that took too long, more after one
/// that was quick.
#[derive(Debug, Clone, Copy)]
struct PieceSize(usize);

impl Default for PieceSize {
    fn default() -> Self {
        Self(MAX_PIECE / 4)
    }
}

impl PieceSize {
    fn rows(self) -> usize {
        self.0
    }

    fn took(&mut self, time: Duration) {
        self.0 = match time {
            time if time > MAX_PIECE_TIME => self.0 / 2,
            time if time < MAX_PIECE_TIME / 2 => self.0 * 2,
            _ => self.0,
        };
        self.0 = self.0.clamp(1, MAX_PIECE);
    }
}

/// How long a task that failed waits at least, if it is not done more often than that.
const MIN_RETRY_WAIT: Duration = Duration::from_secs(1);

/// A task that is done again and again.
pub struct Chore {
    pub name: &'static str,
    interval: Duration,
    work: Work,
}

/// What a task does, with what it remembers from one time to the next.
enum Work {
    JudgeBursts {
        /// `None` is never.
        burst: Option<BurstRule>,
        quiet: SignedDuration,
    },
    MatchConversions(UnknownClickLimits),
    RetryParked(Box<Store>),
    MakePartitions,
    RemoveOld(retention::Done),
}

/// Whose turn a task was.
enum Turn {
    Done,
    AnotherWorkers,
}

/// What tasks share.
#[derive(Clone)]
pub struct Chores {
    pub pool: Pool,
    pub leases: Leases,
    pub metrics: Metrics,
    pub stopping: CancellationToken,
}

/// The periodic tasks that a worker does beside storing, with their intervals.
pub fn all(settings: &Settings, store: Store) -> [Chore; 5] {
    let interval = Duration::from_millis(settings.chores_interval_ms);
    let burst = BurstRule {
        min_clicks: settings.burst_clicks as usize,
        window: SignedDuration::from_millis(settings.burst_window_ms.into()),
    };
    let judge_bursts = Work::JudgeBursts {
        burst: (burst.min_clicks > 0).then_some(burst),
        quiet: SignedDuration::from_millis(settings.burst_quiet_ms.into()),
    };
    let unknown_clicks = UnknownClickLimits {
        grace: SignedDuration::from_millis(settings.unknown_click_grace_ms.into()),
        max_per_minute: settings.max_unknown_clicks_per_minute.into(),
    };
    let chore = |name, interval, work| Chore {
        name,
        interval,
        work,
    };
    [
        chore("bursts", interval, judge_bursts),
        chore(
            "waiting conversions",
            interval.min(WAITING_INTERVAL),
            Work::MatchConversions(unknown_clicks),
        ),
        chore(
            "parked events",
            WAITING_INTERVAL,
            Work::RetryParked(Box::new(store)),
        ),
        chore("partitions", PARTITIONS_INTERVAL, Work::MakePartitions),
        chore(
            "retention",
            RETENTION_INTERVAL,
            Work::RemoveOld(retention::Done::default()),
        ),
    ]
}

impl Chores {
    /// Does a task each time its interval is over, if this worker has the lease of it,
    /// until stopping. One that failed is tried again after a wait that grows.
    pub async fn repeat(self, mut chore: Chore) -> anyhow::Result<()> {
        let mut backoff = Backoff::default();
        loop {
            let done = tokio::select! {
                done = self.work(&mut chore) => done,
                () = self.stopping.cancelled() => return Ok(()),
            };
            let pause = match done {
                Ok(Turn::Done) => {
                    backoff.reset();
                    chore.interval
                }
                Ok(Turn::AnotherWorkers) => chore.interval.min(RENEWAL_INTERVAL),
                Err(error) => {
                    self.metrics.chore_failures.inc();
                    let wait = backoff.next_wait().max(chore.interval.min(MIN_RETRY_WAIT));
                    let wait_ms = wait.as_millis();
                    let task = chore.name;
                    tracing::warn!(task, error = %error, wait_ms, "a periodic task failed and is tried again");
                    wait
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stopping.cancelled() => return Ok(()),
            }
        }
    }

    async fn work(&self, chore: &mut Chore) -> Result<Turn, StoreError> {
        if !self.leases.hold(&format!("task:{}", chore.name)).await? {
            return Ok(Turn::AnotherWorkers);
        }
        match &mut chore.work {
            Work::JudgeBursts { burst, quiet } => {
                let n_clicks = bursts::judge_bursts(&self.pool, *burst, *quiet).await?;
                self.metrics.burst_clicks.inc_by(n_clicks);
            }
            Work::MatchConversions(unknown_clicks) => {
                let removed = waiting::match_due(&self.pool, *unknown_clicks).await?;
                let n_unknown = removed.n_of_unknown_clicks;
                self.metrics
                    .waiting_removed(removed.n_without_secret, n_unknown);
                if n_unknown > 0 {
                    tracing::info!(
                        conversions = n_unknown,
                        "removed conversions of unknown clicks: too many came from one address"
                    );
                }
            }
            Work::RetryParked(store) => {
                parked::retry_due(&self.pool, store).await?;
                let n_parked = parked::count(&self.pool).await?;
                self.metrics.parked_events.set(n_parked);
            }
            Work::MakePartitions => partitions::make_ahead(&self.pool).await?,
            Work::RemoveOld(done) => retention::remove_old(&self.pool, done).await?,
        }
        Ok(Turn::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_smaller_and_larger_within_their_limits() {
        let mut size = PieceSize::default();
        for _ in 0..20 {
            size.took(Duration::from_millis(1));
        }
        assert_eq!(size.rows(), MAX_PIECE);
        size.took(MAX_PIECE_TIME * 2);
        assert_eq!(size.rows(), MAX_PIECE / 2);
        size.took(MAX_PIECE_TIME);
        assert_eq!(size.rows(), MAX_PIECE / 2);
        for _ in 0..20 {
            size.took(MAX_PIECE_TIME * 2);
        }
        assert_eq!(size.rows(), 1);
    }
}
