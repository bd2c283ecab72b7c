//! What a message id stands for.

use domain::{
    delivery::DeliveryReport,
    id::{AccountId, CreativeId, ListId},
};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::Row;

use super::delivery::report_from_row;
use crate::error::ApiError;

/// A message that was sent.
#[derive(Debug)]
pub struct StoredMessage {
    pub message_id: String,
    pub creative_id: Option<CreativeId>,
    pub list_id: ListId,
    pub contact_phone: String,
    pub sent_at: Timestamp,
    pub text: Option<String>,
    pub sender: Option<String>,
    /// The keys of its links in ascending order, if it was recorded. The links of a rendered
    /// message have a placeholder and its id.
    pub link_keys: Option<Vec<i64>>,
    pub report: DeliveryReport,
}

impl StoredMessage {
    /// Whether its platform has composed and sent it. Otherwise it was rendered.
    pub fn is_recorded(&self) -> bool {
        self.link_keys.is_some()
    }
}

impl From<&Row> for StoredMessage {
    fn from(row: &Row) -> Self {
        Self {
            message_id: row.get("message_id"),
            creative_id: row.get::<_, Option<i64>>("creative_id").map(CreativeId),
            list_id: ListId(row.get("list_id")),
            contact_phone: row.get("contact_phone"),
            sent_at: row.get("sent_at"),
            text: row.get("text"),
            sender: row.get("sender"),
            link_keys: row.get("link_keys"),
            report: report_from_row(row),
        }
    }
}

/// The messages with these ids. They are locked, so that others cannot change them or add
/// links to them until the transaction ends.
pub async fn find_and_lock(
    client: &impl GenericClient,
    account_id: AccountId,
    ids: &[&str],
) -> Result<Vec<StoredMessage>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT message_id, creative_id, list_id, contact_phone, sent_at, text, sender,
                    link_keys, status, status_at, status_reason
             FROM messages
             WHERE account_id = $1 AND message_id = ANY($2)
             ORDER BY message_id
             FOR UPDATE",
        )
        .await?;
    let rows = client.query(&statement, &[&account_id.0, &ids]).await?;
    Ok(rows.iter().map(StoredMessage::from).collect())
}
