//! What an account decides about storing its events.

use std::collections::{BTreeMap, BTreeSet};

use domain::ip_storage::IpStorage;
use jiff::Timestamp;
use postgres::pool::{GenericClient as _, Transaction};

#[derive(Debug, Clone, Copy)]
pub(super) struct AccountPolicy {
    pub ip_storage: IpStorage,
    /// The start of the first day that the account keeps. Retention has deleted older events, or
    /// will do so. They are not stored, since nobody can know any more whether they were stored
    /// and counted before.
    pub raw_since: Option<Timestamp>,
}

/// The policy of accounts that do not exist: everything is kept.
const DEFAULT: AccountPolicy = AccountPolicy {
    ip_storage: IpStorage::Full,
    raw_since: None,
};

/// Loads the policy of each account.
pub(super) async fn account_load_policies(
    transaction: &Transaction<'_>,
    account_ids: &BTreeSet<i64>,
) -> Result<BTreeMap<i64, AccountPolicy>, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached("SELECT id, ip_storage, raw_since FROM accounts WHERE id = ANY ($1)")
        .await?;
    let ids: Vec<_> = account_ids.iter().copied().collect();
    let rows = transaction.query(&statement, &[&ids]).await?;
    let mut policies: BTreeMap<_, _> = ids.into_iter().map(|id| (id, DEFAULT)).collect();
    for row in &rows {
        let policy = AccountPolicy {
            ip_storage: IpStorage::from_name(row.get("ip_storage")),
            raw_since: row.get("raw_since"),
        };
        policies.insert(row.get("id"), policy);
    }
    Ok(policies)
}
