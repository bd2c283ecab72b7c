//! What the worker does beside storing: looking for bursts, and removing what an
//! account does not want to keep. Any number of workers: one does it at a time.

mod bursts;
mod retention;

use std::time::Duration;

use ::store::pool::{GenericClient, Object, Pool, Transaction};
use domain::burst::Burst;
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::{metrics::Metrics, settings::Settings, store::StoreError};

/// Between looks for what is too old.
const RETENTION_INTERVAL: Duration = Duration::from_secs(600);

pub struct Chores {
    pub pool: Pool,
    pub metrics: Metrics,
    /// `None` is never.
    burst: Option<Burst>,
    quiet: SignedDuration,
    interval: Duration,
    stopping: CancellationToken,
}

impl Chores {
    pub fn new(
        pool: Pool,
        metrics: Metrics,
        settings: &Settings,
        stopping: CancellationToken,
    ) -> Self {
        let burst = Burst {
            clicks: settings.burst_clicks as usize,
            window: SignedDuration::from_millis(settings.burst_window_ms.into()),
        };
        Self {
            pool,
            metrics,
            burst: (burst.clicks > 0).then_some(burst),
            quiet: SignedDuration::from_millis(settings.burst_quiet_ms.into()),
            interval: Duration::from_millis(settings.chores_interval_ms),
            stopping,
        }
    }

    /// Until stopping.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut retention_at = tokio::time::Instant::now();
        let mut done = retention::Done::default();
        loop {
            match bursts::judge_bursts(&self.pool, self.burst, self.quiet).await {
                Ok(n_clicks) => {
                    self.metrics.burst_clicks.inc_by(n_clicks);
                }
                Err(error) => self.failed("looking for bursts", &error),
            }
            if retention_at <= tokio::time::Instant::now() {
                match retention::remove_old(&self.pool, &mut done).await {
                    Ok(()) => retention_at = tokio::time::Instant::now() + RETENTION_INTERVAL,
                    Err(error) => self.failed("removing what is too old", &error),
                }
            }
            tokio::select! {
                () = tokio::time::sleep(self.interval) => {}
                () = self.stopping.cancelled() => return Ok(()),
            }
        }
    }

    fn failed(&self, chore: &str, error: &StoreError) {
        self.metrics.chore_failures.inc();
        tracing::warn!(chore, error = %error, "a chore failed and is tried again");
    }
}

/// A transaction in which one worker does a chore; `None` if another does it.
async fn alone(client: &mut Object, lock: i64) -> Result<Option<Transaction<'_>>, StoreError> {
    let transaction = client.transaction().await?;
    let statement = transaction
        .prepare_cached("SELECT pg_try_advisory_xact_lock($1) AS is_alone")
        .await?;
    let row = transaction.query_one(&statement, &[&lock]).await?;
    Ok(row.get::<_, bool>("is_alone").then_some(transaction))
}
