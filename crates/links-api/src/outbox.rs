//! The outbox: changed records are named by rows of `changes` in the transaction that changes
//! them, and the relay brings them to the redirectors after the commit.

use std::{cell::Cell, sync::Arc};

use domain::record::RecordKey;
use postgres::pool::{GenericClient, Transaction};
use tokio::sync::Notify;

use crate::error::ApiError;

/// The outbox of one transaction.
pub struct Outbox<'a> {
    txn: &'a Transaction<'a>,
    has_changes: Cell<bool>,
}

impl<'a> Outbox<'a> {
    pub fn new(txn: &'a Transaction<'a>) -> Self {
        Self {
            txn,
            has_changes: Cell::new(false),
        }
    }

    /// Announces changed records: redirectors have the change within a second of the commit.
    pub async fn record_changed(
        &self,
        keys: impl IntoIterator<Item = RecordKey>,
    ) -> Result<(), ApiError> {
        let keys: Vec<String> = keys.into_iter().map(|key| key.to_string()).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let statement = self
            .txn
            .prepare_cached(
                // The time of this statement, since `now()` is when the transaction began:
                // the origin lists the changes of the last minute, and would miss those of a
                // transaction that took longer.
                "INSERT INTO changes (record_key, created_at)
                 SELECT record_key, clock_timestamp()
                 FROM unnest($1::text[]) AS changed (record_key)",
            )
            .await?;
        self.txn.execute(&statement, &[&keys]).await?;
        self.has_changes.set(true);
        Ok(())
    }

    /// Whether the relay has something to deliver once the transaction is committed.
    pub fn has_changes(&self) -> bool {
        self.has_changes.get()
    }
}

/// Announces a host and all links on it as changed: another account holds the host now, or none
/// does.
pub async fn host_changed(client: &impl GenericClient, host: &str) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached(
            "INSERT INTO changes (record_key, created_at)
             SELECT DISTINCT 'link/' || d.host || '/' || l.short_id, clock_timestamp()
             FROM domains d
             JOIN links l ON l.domain_id = d.id
             WHERE d.host = $1
             UNION ALL
             SELECT 'host/' || $1, clock_timestamp()",
        )
        .await?;
    client.execute(&statement, &[&host]).await?;
    Ok(())
}

/// Wakes the relay of this process after a commit, so that it need not wait for its next
/// poll. Clones wake the same relay.
#[derive(Debug, Clone, Default)]
pub struct RelayWake(Arc<Notify>);

impl RelayWake {
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Returns once after each call of `wake`, also if that came before.
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}
