//! Links by the ids that clients have for them.

use domain::id::{AccountId, LinkCode};
use postgres::pool::GenericClient;

use crate::error::ApiError;

/// The keys of the account's links with this short id, on whichever domain, or of the campaign
/// link `lnk_...`.
pub async fn find_keys(
    client: &impl GenericClient,
    account_id: AccountId,
    link_id: &str,
) -> Result<Vec<i64>, ApiError> {
    find_keys_on_host(client, account_id, link_id, None).await
}

/// As [`find_keys`]; if a host is given, those with a short id on this host only.
pub async fn find_keys_on_host(
    client: &impl GenericClient,
    account_id: AccountId,
    link_id: &str,
    host: Option<&str>,
) -> Result<Vec<i64>, ApiError> {
    let rows = if let Ok(code) = LinkCode::parse_link_id(link_id) {
        let sql = "SELECT id FROM links WHERE account_id = $1 AND code = $2";
        let statement = client.prepare_cached(sql).await?;
        client
            .query(&statement, &[&account_id.0, &code.as_str()])
            .await?
    } else {
        let statement = client
            .prepare_cached(
                "SELECT l.id
                 FROM domains d
                 JOIN links l ON l.domain_id = d.id AND l.short_id = $2
                 WHERE d.account_id = $1 AND ($3::text IS NULL OR d.host = $3)",
            )
            .await?;
        client
            .query(&statement, &[&account_id.0, &link_id, &host])
            .await?
    };
    Ok(rows.iter().map(|row| row.get("id")).collect())
}
