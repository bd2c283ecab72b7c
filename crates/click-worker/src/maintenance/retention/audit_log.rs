//! Deleting rows of the audit trail.

use jiff::Timestamp;
use postgres::{
    audit::first_id_of,
    pool::{GenericClient as _, Object},
};

use crate::ingest::StoreError;

/// How many rows one statement deletes.
const BATCH: i64 = 5_000;

/// Deletes the rows from before a time, of all accounts and of none. Their ids are in the order
/// of time.
pub(super) async fn delete_old(client: &Object, end: Timestamp) -> Result<(), StoreError> {
    let statement = client
        .prepare_cached(
            "DELETE FROM audit_log
             WHERE audit_id IN (
                 SELECT audit_id
                 FROM audit_log
                 WHERE audit_id < $1
                 ORDER BY audit_id
                 LIMIT $2
             )",
        )
        .await?;
    let end = first_id_of(end);
    loop {
        let n_deleted = client.execute(&statement, &[&end, &BATCH]).await?;
        if n_deleted < BATCH.unsigned_abs() {
            return Ok(());
        }
    }
}
