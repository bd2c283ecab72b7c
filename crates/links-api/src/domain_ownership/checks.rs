//! The task that checks whether hosts show their tokens: for pending domains every minute at
//! first and less often the longer they wait, for the others once a day. Every links-api runs
//! it; a lease gives each domain to one of them at a time.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use postgres::pool::Pool;
use tokio_util::sync::CancellationToken;

use super::prober::{CheckOutcome, Prober};
use crate::{
    db::domain_checks::{CheckFailure, DueCheck, lease_due, store_failure, store_proof},
    error::ApiError,
};

/// How often the task looks for checks that are due.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Domains that are leased at once.
const BATCH: i64 = 64;
const MAX_CONCURRENT_CHECKS: usize = 8;
/// How long a lease lasts: longer than the checks of a batch can take.
const LEASE: Duration = Duration::from_secs(600);

pub struct DomainChecks {
    pub pool: Pool,
    pub prober: Prober,
    /// Time between two checks of a domain that is not pending.
    pub interval: Duration,
}

impl DomainChecks {
    pub async fn run(self, stopping: CancellationToken) -> anyhow::Result<()> {
        let mut is_failing = false;
        loop {
            let checked = tokio::select! {
                checked = self.check_due_domains() => checked,
                () = stopping.cancelled() => return Ok(()),
            };
            match checked {
                Ok(n_checked) => {
                    is_failing = false;
                    // More checks may be due than fit into a batch.
                    if n_checked > 0 {
                        continue;
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(
                            error.message = %error,
                            "checking the ownership of domains failed, retrying"
                        );
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                () = stopping.cancelled() => return Ok(()),
            }
        }
    }

    /// Checks a batch of domains. Returns their number.
    async fn check_due_domains(&self) -> Result<usize, ApiError> {
        let client = self.pool.get().await?;
        let due = lease_due(&client, LEASE, BATCH).await?;
        // The connection is free for others during the checks.
        drop(client);
        let n_due = due.len();
        let checks = due.into_iter().map(async |domain| {
            let outcome = self.prober.check(&domain.host, &domain.token).await;
            (domain, outcome)
        });
        let mut checks = stream::iter(checks).buffer_unordered(MAX_CONCURRENT_CHECKS);
        while let Some((domain, outcome)) = checks.next().await {
            self.store(&domain, &outcome).await?;
        }
        Ok(n_due)
    }

    async fn store(&self, domain: &DueCheck, outcome: &CheckOutcome) -> Result<(), ApiError> {
        let mut client = self.pool.get().await?;
        let (reason, counts) = match outcome {
            CheckOutcome::Proved(method) => {
                let stored = store_proof(&mut client, domain, method.as_str(), self.interval);
                match stored.await {
                    Err(ApiError::HostTaken) => (
                        "the proof is there, but another account holds this host",
                        false,
                    ),
                    stored => return stored,
                }
            }
            CheckOutcome::NotProved(reason) => (reason.as_str(), true),
            CheckOutcome::Inconclusive(reason) => (reason.as_str(), false),
        };
        let failure = CheckFailure { reason, counts };
        store_failure(&client, domain, failure, self.interval).await
    }
}
