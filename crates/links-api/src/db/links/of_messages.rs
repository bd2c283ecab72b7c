//! The links of rendered messages.

use domain::id::AccountId;
use postgres::pool::GenericClient;
use tokio_postgres::Row;

use super::SHORT_URL;
use crate::error::ApiError;

/// The link that stands for a placeholder in a message.
#[derive(Debug)]
pub struct PlaceholderUrl {
    pub message_id: String,
    pub placeholder: String,
    pub short_url: String,
}

pub async fn find_placeholder_urls(
    client: &impl GenericClient,
    account_id: AccountId,
    message_ids: &[&str],
) -> Result<Vec<PlaceholderUrl>, ApiError> {
    let sql = format!(
        "SELECT l.message_id, l.placeholder, {SHORT_URL} AS short_url
         FROM links l
         JOIN domains d ON d.id = l.domain_id
         WHERE l.account_id = $1
           AND l.message_id = ANY($2)
           AND l.placeholder IS NOT NULL"
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client
        .query(&statement, &[&account_id.0, &message_ids])
        .await?;
    let url = |row: &Row| PlaceholderUrl {
        message_id: row.get("message_id"),
        placeholder: row.get("placeholder"),
        short_url: row.get("short_url"),
    };
    Ok(rows.iter().map(url).collect())
}
