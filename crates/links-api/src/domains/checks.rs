//! Looking for the proofs of domains: of those that wait for it every minute at first and
//! ever more seldom, of the others daily. Every links-api looks; a domain is taken by one
//! of them at a time.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use postgres::pool::{GenericClient as _, Object, Pool};
use tokio_util::sync::CancellationToken;

use super::{
    links_changed,
    proof::{Outcome, Prober},
};
use crate::error::ApiError;

/// Looks for what is due.
pub struct DomainChecks {
    pub pool: Pool,
    pub prober: Prober,
    /// Between two checks of a domain.
    pub interval: Duration,
}

/// How often it is asked whether a check is due.
const POLL: Duration = Duration::from_secs(1);
/// Domains that are taken at once, and those that are checked at the same time.
const BATCH: i64 = 64;
const CONCURRENT: usize = 8;
/// How long a domain is left to whoever has taken it: longer than a batch can take.
const LEASE_S: f64 = 600.0;
/// Between two checks of a domain that waits for its proof, at least.
const MIN_PENDING_S: f64 = 60.0;
/// Checks in a row that must fail until an account loses a host: as many days.
const MAX_FAILURES: i32 = 7;

/// A domain whose check is due.
struct Due {
    id: i64,
    host: String,
    token: String,
}

impl DomainChecks {
    pub async fn run(self, stopping: CancellationToken) -> anyhow::Result<()> {
        let mut is_failing = false;
        loop {
            let checked = tokio::select! {
                checked = self.check_due() => checked,
                () = stopping.cancelled() => return Ok(()),
            };
            match checked {
                Ok(n_checked) => {
                    is_failing = false;
                    // There may be more.
                    if n_checked > 0 {
                        continue;
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(error = %error, "domains are not checked: trying on");
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = stopping.cancelled() => return Ok(()),
            }
        }
    }

    /// Checks the domains that are due; gives their number.
    async fn check_due(&self) -> Result<usize, ApiError> {
        let due = self.take_due().await?;
        let n_due = due.len();
        let checks = due.into_iter().map(async |domain| {
            let outcome = self.prober.check(&domain.host, &domain.token).await;
            (domain, outcome)
        });
        let mut checks = stream::iter(checks).buffer_unordered(CONCURRENT);
        while let Some((domain, outcome)) = checks.next().await {
            self.write(&domain, &outcome).await?;
        }
        Ok(n_due)
    }

    async fn take_due(&self) -> Result<Vec<Due>, ApiError> {
        let client = self.pool.get().await?;
        let statement = client
            .prepare_cached(
                "UPDATE domains
                 SET check_at = now() + make_interval(secs => $1)
                 WHERE id IN (
                     SELECT id
                     FROM domains
                     WHERE check_at <= now()
                     ORDER BY check_at
                     LIMIT $2
                     FOR UPDATE SKIP LOCKED
                 )
                 RETURNING id, host, proof_token",
            )
            .await?;
        let rows = client.query(&statement, &[&LEASE_S, &BATCH]).await?;
        let due = rows.iter().map(|row| Due {
            id: row.get("id"),
            host: row.get("host"),
            token: row.get("proof_token"),
        });
        Ok(due.collect())
    }

    async fn write(&self, domain: &Due, outcome: &Outcome) -> Result<(), ApiError> {
        let mut client = self.pool.get().await?;
        match outcome {
            Outcome::Proved(method) => {
                let written = self.write_proved(&mut client, domain, method.as_str());
                match written.await {
                    Err(ApiError::HostTaken) => {
                        let reason = "it is proved, but another account holds this host";
                        self.write_failed(&client, domain, reason, false).await
                    }
                    written => written,
                }
            }
            Outcome::NotProved(reason) => self.write_failed(&client, domain, reason, true).await,
            Outcome::Unknown(reason) => self.write_failed(&client, domain, reason, false).await,
        }
    }

    /// The account holds the host, if it has not held it before from now on.
    async fn write_proved(
        &self,
        client: &mut Object,
        domain: &Due,
        method: &'static str,
    ) -> Result<(), ApiError> {
        let txn = client.transaction().await?;
        let statement = txn
            .prepare_cached(
                "SELECT status
                 FROM domains
                 WHERE id = $1 AND ownership = 'checked'
                 FOR UPDATE",
            )
            .await?;
        let Some(row) = txn.query_opt(&statement, &[&domain.id]).await? else {
            return Ok(());
        };
        let was_pending = row.get::<_, &str>("status") == "pending";
        let statement = txn
            .prepare_cached(
                "UPDATE domains
                 SET status = CASE status WHEN 'pending' THEN 'active' ELSE status END,
                     proved_at = now(),
                     proved_by = $2,
                     checked_at = now(),
                     check_error = NULL,
                     n_failed_checks = 0,
                     -- Somebody may have asked for another check meanwhile.
                     check_at = CASE
                         WHEN check_at > now() THEN now() + make_interval(secs => $3)
                         ELSE check_at
                     END
                 WHERE id = $1",
            )
            .await?;
        let interval_s = self.interval.as_secs_f64();
        txn.execute(&statement, &[&domain.id, &method, &interval_s])
            .await?;
        if was_pending {
            links_changed(&txn, &domain.host).await?;
        }
        txn.commit().await?;
        Ok(())
    }

    /// A domain whose proof is not found for days is not its account's any more: whoever
    /// proves it next holds the host. Until then the links that were sent go on working.
    async fn write_failed(
        &self,
        client: &Object,
        domain: &Due,
        reason: &str,
        counts: bool,
    ) -> Result<(), ApiError> {
        let statement = client
            .prepare_cached(
                "UPDATE domains
                 SET status = CASE WHEN n_failed_checks + $3 >= $4 THEN 'pending' ELSE status END,
                     n_failed_checks = n_failed_checks + $3,
                     checked_at = now(),
                     check_error = $2,
                     check_at = CASE
                         WHEN check_at <= now() THEN check_at
                         WHEN status <> 'pending' THEN now() + make_interval(secs => $5::float8)
                         ELSE now() + make_interval(secs => least($5::float8, greatest(
                             $6::float8, extract(epoch FROM now() - created_at)::float8 / 10)))
                     END
                 WHERE id = $1 AND ownership = 'checked'",
            )
            .await?;
        let failures = i32::from(counts);
        let interval_s = self.interval.as_secs_f64();
        client
            .execute(
                &statement,
                &[
                    &domain.id,
                    &reason,
                    &failures,
                    &MAX_FAILURES,
                    &interval_s,
                    &MIN_PENDING_S,
                ],
            )
            .await?;
        Ok(())
    }
}
