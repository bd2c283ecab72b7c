//! The loop that relays record changes from the outbox to Redis and the redirectors. What a
//! round does is in [`super::delivery`].

use std::time::Duration;

use platform::health::DependencyHealth;
use rand::RngExt as _;
use tokio_util::sync::CancellationToken;

use super::delivery::{DeliveryOutcome, RelayTarget};
use crate::{metrics::RelayMetrics, outbox::RelayWake};

/// Longest time between two rounds. A links-api that stops between its commit and waking its
/// relay leaves a change that other relays find only by polling.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Longest wait after another relay has delivered first. The wait is random, so that relays
/// do not meet again in the next round.
const MAX_CONTENTION_WAIT_MS: u64 = 30;

pub struct Relay {
    pub target: RelayTarget,
    pub wake: RelayWake,
    pub metrics: RelayMetrics,
    pub health: DependencyHealth,
}

impl Relay {
    /// Relays changes until the service stops, and then once more, so that none of its own
    /// changes waits for another links-api.
    pub async fn run(mut self, stopping: CancellationToken) -> anyhow::Result<()> {
        let mut is_failing = false;
        loop {
            let is_last_round = stopping.is_cancelled();
            let mut wait = POLL_INTERVAL;
            match self.target.deliver_batch().await {
                Ok(DeliveryOutcome::Delivered { n_changes }) => {
                    let n = u64::try_from(n_changes).unwrap_or(u64::MAX);
                    self.metrics.record_changes_relayed.inc_by(n);
                    self.health.mark_up();
                    if std::mem::replace(&mut is_failing, false) {
                        tracing::info!("record changes are relayed again");
                    }
                    if n_changes > 0 {
                        continue;
                    }
                }
                Ok(DeliveryOutcome::Overtaken) => {
                    let ms = rand::rng().random_range(1..=MAX_CONTENTION_WAIT_MS);
                    wait = Duration::from_millis(ms);
                }
                Err(error) => {
                    self.metrics.failures.inc();
                    self.health
                        .mark_down(format!("record changes are not relayed: {error}"));
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(
                            error.message = %error,
                            "relaying record changes failed, retrying"
                        );
                    }
                }
            }
            if is_last_round {
                return Ok(());
            }
            tokio::select! {
                () = self.wake.woken() => {}
                () = tokio::time::sleep(wait) => {}
                () = stopping.cancelled() => {}
            }
        }
    }
}
