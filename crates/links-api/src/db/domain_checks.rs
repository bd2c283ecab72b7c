//! The columns of the table `domains` about the proof of ownership. `check_at` is when the next
//! check is due; a links-api that performs it moves that time ahead, as a lease.

use std::time::Duration;

use postgres::pool::{GenericClient, Object};

use crate::{error::ApiError, outbox::host_changed};

/// Shortest time between two checks of a pending domain.
const MIN_PENDING_INTERVAL_S: f64 = 60.0;
/// Failed checks in a row after which a domain is pending again. Checks are daily, so an account
/// has as many days to restore its record.
const MAX_FAILED_CHECKS: i32 = 7;

/// A domain whose check is due.
pub struct DueCheck {
    pub domain_id: i64,
    pub host: String,
    pub token: String,
}

/// Leases domains whose check is due, those due first coming first.
pub async fn lease_due(
    client: &impl GenericClient,
    lease: Duration,
    limit: i64,
) -> Result<Vec<DueCheck>, ApiError> {
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
    let rows = client
        .query(&statement, &[&lease.as_secs_f64(), &limit])
        .await?;
    let due = rows.iter().map(|row| DueCheck {
        domain_id: row.get("id"),
        host: row.get("host"),
        token: row.get("proof_token"),
    });
    Ok(due.collect())
}

/// Stores that the host shows its token. From now on the account holds the host, and a pending
/// domain is active. Fails with [`ApiError::HostTaken`] if another account holds the host. Does
/// nothing if an operator has decided on the ownership in the meantime.
pub async fn store_proof(
    client: &mut Object,
    domain: &DueCheck,
    method: &str,
    interval: Duration,
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
    let Some(row) = txn.query_opt(&statement, &[&domain.domain_id]).await? else {
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
                 -- A client that has asked for a check meanwhile has set this to an earlier time.
                 check_at = CASE
                     WHEN check_at > now() THEN now() + make_interval(secs => $3)
                     ELSE check_at
                 END
             WHERE id = $1",
        )
        .await?;
    txn.execute(
        &statement,
        &[&domain.domain_id, &method, &interval.as_secs_f64()],
    )
    .await?;
    if was_pending {
        host_changed(&txn, &domain.host).await?;
    }
    txn.commit().await?;
    Ok(())
}

/// A check that did not find the token.
#[derive(Debug, Clone, Copy)]
pub struct CheckFailure<'f> {
    pub reason: &'f str,
    /// Whether it counts for [`MAX_FAILED_CHECKS`]: not if the host could not be checked.
    pub counts: bool,
}

/// Stores a failed check. After [`MAX_FAILED_CHECKS`] of them in a row the domain is pending:
/// the next account that proves the host holds it, and until then existing links keep working.
pub async fn store_failure(
    client: &impl GenericClient,
    domain: &DueCheck,
    failure: CheckFailure<'_>,
    interval: Duration,
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
                     -- A tenth of the time that the domain has been waiting for its proof.
                     ELSE now() + make_interval(secs => least($5::float8, greatest(
                         $6::float8, extract(epoch FROM now() - created_at)::float8 / 10)))
                 END
             WHERE id = $1 AND ownership = 'checked'",
        )
        .await?;
    client
        .execute(
            &statement,
            &[
                &domain.domain_id,
                &failure.reason,
                &i32::from(failure.counts),
                &MAX_FAILED_CHECKS,
                &interval.as_secs_f64(),
                &MIN_PENDING_INTERVAL_S,
            ],
        )
        .await?;
    Ok(())
}
