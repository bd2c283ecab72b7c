//! Processing the credit backlog: crediting the conversions of links and messages again whose
//! message clicks have changed, where these were too many for the transaction of the change.

use std::time::Instant;

use ledger::{
    account_lock,
    conversions::{CreditBacklogEntry, credit_backlog_load, credit_backlog_process_chunk},
    totals::TotalsDelta,
};
use postgres::pool::{Object, Pool};

use super::chunk_size::ChunkSize;
use crate::ingest::StoreError;

/// How many links and messages are processed in turn.
const MAX_ENTRIES: i64 = 100;

/// Processes the backlog until it is empty: one chunk of each link or message in turn, so that a
/// large one does not make small ones wait for its end.
pub async fn process_all(pool: &Pool) -> Result<(), StoreError> {
    let mut client = pool.get().await?;
    let mut chunk_size = ChunkSize::default();
    loop {
        let entries = credit_backlog_load(&client, None, MAX_ENTRIES).await?;
        if entries.is_empty() {
            return Ok(());
        }
        for entry in entries {
            process_chunk(&mut client, &entry, &mut chunk_size).await?;
        }
    }
}

async fn process_chunk(
    client: &mut Object,
    entry: &CreditBacklogEntry,
    chunk_size: &mut ChunkSize,
) -> Result<(), StoreError> {
    let transaction = client.transaction().await?;
    account_lock(&transaction, entry.account_id).await?;
    let start = Instant::now();
    let limit = i64::try_from(chunk_size.n_rows()).unwrap_or(i64::MAX);
    let mut delta = TotalsDelta::default();
    credit_backlog_process_chunk(&transaction, entry, limit, &mut delta).await?;
    delta.apply(&transaction).await?;
    transaction.commit().await?;
    chunk_size.adapt(start.elapsed());
    Ok(())
}
