//! The locks of accounts: whoever has the lock of an account is the only writer of its
//! facts and of what follows from them. The locks also set the planner's parameters, since
//! every transaction of the ledger begins with one.

use std::collections::BTreeSet;

use postgres::{
    advisory_lock::{ACCOUNT_CLASS, account_key},
    pool::{GenericClient as _, Transaction},
};

use crate::{planner::planner_expression, unnest::column};

/// Waits for the lock of an account, for as long as the session's `lock_timeout` allows,
/// and holds it until the transaction ends.
pub async fn account_lock(
    transaction: &Transaction<'_>,
    account_id: i64,
) -> Result<(), tokio_postgres::Error> {
    let sql = format!(
        "{} SELECT planner.*, pg_advisory_xact_lock($1, $2) FROM planner",
        planner_expression()
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let key = account_key(account_id);
    transaction
        .query_one(&statement, &[&ACCOUNT_CLASS, &key])
        .await?;
    Ok(())
}

/// Takes those locks of the accounts that are free, without waiting, and holds them until
/// the transaction ends. Returns the accounts whose lock the transaction holds.
pub async fn account_try_lock_all(
    transaction: &Transaction<'_>,
    account_ids: &BTreeSet<i64>,
) -> Result<BTreeSet<i64>, tokio_postgres::Error> {
    let sql = format!(
        "{}
         SELECT planner.*, account_id, pg_try_advisory_xact_lock($1, key) AS is_locked
         FROM planner
         CROSS JOIN unnest($2::bigint[], $3::integer[]) AS account (account_id, key)",
        planner_expression()
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let ids: Vec<_> = account_ids.iter().copied().collect();
    let keys = column(&ids, |id| account_key(*id));
    let rows = transaction
        .query(&statement, &[&ACCOUNT_CLASS, &ids, &keys])
        .await?;
    let locked = rows.iter().filter(|row| row.get("is_locked"));
    Ok(locked.map(|row| row.get("account_id")).collect())
}
