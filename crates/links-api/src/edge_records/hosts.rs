//! The account that holds a host.

use postgres::pool::GenericClient;

use crate::error::ApiError;

/// The account that holds `host`, as a list of at most one id. A domain that is pending holds
/// nothing.
pub async fn list_accounts(client: &impl GenericClient, host: &str) -> Result<Vec<i64>, ApiError> {
    let statement = client
        .prepare_cached("SELECT account_id FROM domains WHERE host = $1 AND status <> 'pending'")
        .await?;
    let rows = client.query(&statement, &[&host]).await?;
    Ok(rows.iter().map(|row| row.get("account_id")).collect())
}
