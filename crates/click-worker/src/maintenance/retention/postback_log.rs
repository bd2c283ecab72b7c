//! Deleting entries of the log of postbacks.

use domain::postback::log::LOG_RETENTION;
use jiff::Timestamp;
use ledger::retention::ExpiredRows;
use postgres::{
    audit::first_id_of,
    pool::{GenericClient as _, Object},
};

use crate::ingest::StoreError;

/// How many entries one statement deletes.
const BATCH: i64 = 5_000;

/// The entries of an account that keeps less than the log does.
pub(super) fn expired_entries() -> ExpiredRows {
    ExpiredRows {
        table: "postback_log".to_owned(),
        condition: "m.account_id = $1 AND m.received_at < $2".to_owned(),
    }
}

/// Deletes the entries that are older than the log is kept, of all accounts and of none. Their
/// ids are in the order of time.
pub(super) async fn delete_old(client: &Object, now: Timestamp) -> Result<(), StoreError> {
    let statement = client
        .prepare_cached(
            "DELETE FROM postback_log
             WHERE postback_id IN (
                 SELECT postback_id
                 FROM postback_log
                 WHERE postback_id < $1
                 ORDER BY postback_id
                 LIMIT $2
             )",
        )
        .await?;
    let end = first_id_of(now - LOG_RETENTION);
    loop {
        let n_deleted = client.execute(&statement, &[&end, &BATCH]).await?;
        if n_deleted < BATCH.unsigned_abs() {
            return Ok(());
        }
    }
}
