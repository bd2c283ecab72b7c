//! The links of a contact, for its erasure.

use domain::id::AccountId;
use postgres::pool::GenericClient;

use crate::error::ApiError;

/// The keys of the account's links that have this number. They are locked, so that others
/// cannot change them until the transaction ends.
pub async fn find_and_lock_keys_of_contact(
    client: &impl GenericClient,
    account_id: AccountId,
    phone: &str,
) -> Result<Vec<i64>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT id
             FROM links
             WHERE account_id = $1 AND contact_phone = $2
             ORDER BY id
             FOR UPDATE",
        )
        .await?;
    let rows = client.query(&statement, &[&account_id.0, &phone]).await?;
    Ok(rows.iter().map(|row| row.get("id")).collect())
}

/// Removes number and metadata from links, which keep their destination; gives the number of
/// links.
pub async fn erase_contact(client: &impl GenericClient, keys: &[i64]) -> Result<u64, ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE links
             SET contact_phone = NULL,
                 metadata = NULL,
                 version = version + 1,
                 updated_at = now()
             WHERE id = ANY ($1)",
        )
        .await?;
    Ok(client.execute(&statement, &[&keys]).await?)
}
