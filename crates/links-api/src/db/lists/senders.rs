//! Lists by their ids and senders, as recorded messages name them.

use domain::id::AccountId;
use postgres::pool::GenericClient;
use tokio_postgres::Row;

use super::ListStatus;
use crate::error::ApiError;

/// A list of any status: messages may have been sent before it was paused or deleted.
#[derive(Debug)]
pub struct ListSender {
    pub id: i64,
    /// `None` for a deleted list, which has given up its sender.
    pub sender: Option<String>,
}

pub async fn find_by_ids_or_senders(
    client: &impl GenericClient,
    account_id: AccountId,
    ids: &[i64],
    senders: &[&str],
) -> Result<Vec<ListSender>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT id, phone_number, status
             FROM lists
             WHERE account_id = $1 AND (id = ANY ($2) OR phone_number = ANY ($3))",
        )
        .await?;
    let rows = client
        .query(&statement, &[&account_id.0, &ids, &senders])
        .await?;
    let list = |row: &Row| {
        let status: ListStatus = row.get("status");
        let sender = Some(row.get("phone_number"));
        ListSender {
            id: row.get("id"),
            sender: sender.filter(|_| status != ListStatus::Deleted),
        }
    };
    Ok(rows.iter().map(list).collect())
}
