//! Deleting rows in chunks.

use std::time::Instant;

use jiff::Timestamp;
use ledger::{account_lock, retention::ExpiredRows};
use postgres::pool::{GenericClient, Object};

use crate::{ingest::StoreError, maintenance::chunk_size::ChunkSize};

/// How many rows one query finds.
const MAX_FOUND: i64 = 5_000;

/// Deletes expired rows in chunks. They are found without a lock, however long that takes. They
/// are deleted under the lock of the account, if the condition still holds: another
/// transaction may need a row by then.
pub(super) async fn delete_rows(
    client: &mut Object,
    ExpiredRows { table, condition }: &ExpiredRows,
    account_id: i64,
    horizon: Timestamp,
) -> Result<(), StoreError> {
    let find =
        format!("SELECT m.ctid::text AS row_position FROM {table} m WHERE {condition} LIMIT $3");
    let delete =
        format!("DELETE FROM {table} m WHERE m.ctid = ANY ($3::text[]::tid[]) AND {condition}");
    let mut chunk_size = ChunkSize::default();
    loop {
        let transaction = client.transaction().await?;
        transaction
            .batch_execute("SET LOCAL statement_timeout = 0")
            .await?;
        let found = transaction
            .query(&find, &[&account_id, &horizon, &MAX_FOUND])
            .await?;
        transaction.commit().await?;
        if found.is_empty() {
            return Ok(());
        }
        let positions: Vec<String> = found.iter().map(|row| row.get("row_position")).collect();
        let mut positions = positions.as_slice();
        while !positions.is_empty() {
            let (chunk, rest) = positions.split_at(chunk_size.n_rows().min(positions.len()));
            let started = Instant::now();
            let transaction = client.transaction().await?;
            account_lock(&transaction, account_id).await?;
            transaction
                .execute(&delete, &[&account_id, &horizon, &chunk])
                .await?;
            transaction.commit().await?;
            chunk_size.adapt(started.elapsed());
            positions = rest;
        }
    }
}

/// Lists the accounts that have clicks in a partition. It jumps from one account to the next in
/// the index instead of reading all clicks, since each run looks again at every day that some
/// account keeps for ever.
pub(super) async fn account_list(
    client: &impl GenericClient,
    partition: &str,
) -> Result<Vec<i64>, StoreError> {
    let sql = format!(
        "WITH RECURSIVE accounts_found AS (
             SELECT min(account_id) AS account_id FROM {partition}
             UNION ALL
             SELECT (SELECT min(c.account_id) FROM {partition} c WHERE c.account_id > accounts_found.account_id)
             FROM accounts_found
             WHERE accounts_found.account_id IS NOT NULL
         )
         SELECT account_id FROM accounts_found WHERE account_id IS NOT NULL"
    );
    let rows = client.query(&sql, &[]).await?;
    Ok(rows.iter().map(|row| row.get("account_id")).collect())
}
