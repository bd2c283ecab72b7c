//! The ids of all advisory locks in Postgres, and what each protects.
//!
//! Postgres has two kinds of advisory locks: those with one 64-bit key, and those with
//! two 32-bit keys. A key of one kind never equals a key of the other. [`AdvisoryLock`]
//! lists every lock of the first kind; a test checks that no two have the same id. The
//! second kind is for accounts ([`ACCOUNT_CLASS`]) and for objects that a request changes
//! ([`lock_object`]).

use tokio_postgres::Client;

use crate::pool::Transaction;

/// A lock that one session or transaction of the whole database holds at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdvisoryLock {
    /// `links-api migrate` holds it while it changes the schema, and others wait.
    Migration,
    /// A click-worker holds it while it creates a partition of `clicks`. The others wait,
    /// and then find the partition.
    PartitionCreation,
    /// The one process that repairs totals holds it: a repair adds differences, and two
    /// at once would add them twice.
    RecountRepair,
}

impl AdvisoryLock {
    /// Every lock, for the test of the ids.
    pub const ALL: [Self; 3] = [
        Self::Migration,
        Self::PartitionCreation,
        Self::RecountRepair,
    ];

    /// The lock's key. The ids that end in 03, 04, 05 and 07 belonged to earlier versions,
    /// which may still run during an upgrade: no lock gets them again.
    pub const fn id(self) -> i64 {
        match self {
            Self::Migration => 0x7761_7970_6f73_7401,
            Self::PartitionCreation => 0x7761_7970_6f73_7402,
            Self::RecountRepair => 0x7761_7970_6f73_7406,
        }
    }

    /// Waits for the lock and holds it until the session ends.
    pub async fn acquire_for_session(self, client: &Client) -> Result<(), tokio_postgres::Error> {
        let sql = "SELECT pg_advisory_lock($1)";
        client.execute(sql, &[&self.id()]).await?;
        Ok(())
    }

    /// Takes the lock until the session ends if nobody holds it. Returns whether this
    /// session has the lock.
    pub async fn try_acquire_for_session(
        self,
        client: &Client,
    ) -> Result<bool, tokio_postgres::Error> {
        let sql = "SELECT pg_try_advisory_lock($1) AS is_acquired";
        let row = client.query_one(sql, &[&self.id()]).await?;
        Ok(row.get("is_acquired"))
    }

    /// Waits for the lock and holds it until the transaction ends.
    pub async fn acquire_in_txn(
        self,
        transaction: &Transaction<'_>,
    ) -> Result<(), tokio_postgres::Error> {
        let sql = "SELECT pg_advisory_xact_lock($1)";
        transaction.execute(sql, &[&self.id()]).await?;
        Ok(())
    }
}

/// The first of the two keys of every account's lock. The second is [`account_key`].
/// `pg_locks` shows them as `classid` and `objid`. The ledger takes these locks.
pub const ACCOUNT_CLASS: i32 = 0x7761_7970;

/// The second key of an account's lock. Accounts whose ids differ by a multiple of 2^32
/// share a lock, which costs time but is not wrong.
pub fn account_key(account_id: i64) -> i32 {
    let [a, b, c, d, ..] = account_id.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// The first of the two keys of the locks of objects.
const OBJECT_CLASS: i32 = 0x7761_7971;

/// Waits for the lock of an object and holds it until the transaction ends, so that the object
/// stays as it is read until this transaction changes it. `hash` is that of its name: objects
/// with the same hash share a lock, which costs time but is not wrong.
pub async fn lock_object(
    transaction: &Transaction<'_>,
    hash: i32,
) -> Result<(), tokio_postgres::Error> {
    let sql = "SELECT pg_advisory_xact_lock($1, $2)";
    let statement = transaction.prepare_cached(sql).await?;
    transaction
        .execute(&statement, &[&OBJECT_CLASS, &hash])
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_locks_share_an_id_and_no_lock_has_one_of_an_earlier_version() {
        let ids = BTreeSet::from(AdvisoryLock::ALL.map(AdvisoryLock::id));
        assert_eq!(ids.len(), AdvisoryLock::ALL.len());
        let retired = [
            0x7761_7970_6f73_7403,
            0x7761_7970_6f73_7404,
            0x7761_7970_6f73_7405,
            0x7761_7970_6f73_7407,
        ];
        assert!(retired.iter().all(|id| !ids.contains(id)));
    }

    #[test]
    fn accounts_below_2_to_the_32_have_keys_of_their_own() {
        let ids = [
            0,
            1,
            2,
            i64::from(i32::MAX),
            i64::from(i32::MAX) + 1,
            (1 << 32) - 1,
        ];
        let keys: BTreeSet<_> = ids.map(account_key).into();
        assert_eq!(keys.len(), ids.len());
        assert_eq!(account_key(5), account_key(5 + (1 << 32)));
    }
}
