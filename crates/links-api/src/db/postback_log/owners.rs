//! What is needed to know of accounts before an entry is stored as theirs.

use std::collections::BTreeMap;

use domain::{id::AccountId, ip_storage::IpStorage};
use postgres::pool::GenericClient;

use crate::error::ApiError;

/// What an account decides about its entries, and the secrets that none of them may have.
#[derive(Debug)]
pub struct AccountSettings {
    pub ip_storage: IpStorage,
    pub secrets: Vec<String>,
}

/// The settings of those of some accounts that exist.
pub async fn load_account_settings(
    client: &impl GenericClient,
    account_ids: &[i64],
) -> Result<BTreeMap<AccountId, AccountSettings>, ApiError> {
    let statement = client
        .prepare_cached("SELECT id, ip_storage, postback_secrets FROM accounts WHERE id = ANY ($1)")
        .await?;
    let rows = client.query(&statement, &[&account_ids]).await?;
    let settings = |row: &tokio_postgres::Row| AccountSettings {
        ip_storage: IpStorage::from_name(row.get("ip_storage")),
        secrets: row.get("postback_secrets"),
    };
    Ok(rows
        .iter()
        .map(|row| (AccountId(row.get("id")), settings(row)))
        .collect())
}

/// The secrets of some offers, of whichever accounts, with the accounts.
pub async fn load_offer_secrets(
    client: &impl GenericClient,
    offer_ids: &[&str],
) -> Result<Vec<(AccountId, Vec<String>)>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT account_id, array_append(previous_postback_secrets, postback_secret) AS secrets
             FROM offers
             WHERE id = ANY ($1) AND postback_secret IS NOT NULL",
        )
        .await?;
    let rows = client.query(&statement, &[&offer_ids]).await?;
    Ok(rows
        .iter()
        .map(|row| (AccountId(row.get("account_id")), row.get("secrets")))
        .collect())
}

/// The accounts that hold some hosts.
pub async fn find_accounts_of_hosts(
    client: &impl GenericClient,
    hosts: &[&str],
) -> Result<BTreeMap<String, AccountId>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT host, account_id FROM domains WHERE host = ANY ($1) AND status <> 'pending'",
        )
        .await?;
    let rows = client.query(&statement, &[&hosts]).await?;
    Ok(rows
        .iter()
        .map(|row| (row.get("host"), AccountId(row.get("account_id"))))
        .collect())
}
