//! Reading messages, and erasing a contact from them.

use domain::id::AccountId;
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::{Row, types::ToSql};

use super::MessageStatus;
use crate::error::ApiError;

/// A message with the ids of its links.
#[derive(Debug)]
pub struct MessageRow {
    pub message_id: String,
    pub creative_id: Option<i64>,
    pub list_id: i64,
    pub contact_phone: Option<String>,
    pub text: Option<String>,
    pub sender: Option<String>,
    pub sent_at: Timestamp,
    pub is_recorded: bool,
    pub status: MessageStatus,
    pub status_at: Option<Timestamp>,
    pub status_reason: Option<String>,
    pub link_ids: Vec<String>,
}

impl From<&Row> for MessageRow {
    fn from(row: &Row) -> Self {
        Self {
            message_id: row.get("message_id"),
            creative_id: row.get("creative_id"),
            list_id: row.get("list_id"),
            contact_phone: row.get("contact_phone"),
            text: row.get("text"),
            sender: row.get("sender"),
            sent_at: row.get("sent_at"),
            is_recorded: row.get("is_recorded"),
            status: row.get("status"),
            status_at: row.get("status_at"),
            status_reason: row.get("status_reason"),
            link_ids: row.get("link_ids"),
        }
    }
}

/// The columns of [`MessageRow`], of messages `m`.
const COLUMNS: &str = "
    m.message_id, m.creative_id, m.list_id, m.text, m.sender, m.sent_at, m.status, m.status_at,
    m.status_reason, m.link_keys IS NOT NULL AS is_recorded,
    nullif(m.contact_phone, '') AS contact_phone,
    CASE
        WHEN m.link_keys IS NULL THEN ARRAY(
            SELECT coalesce('lnk_' || l.code, l.short_id)
            FROM links l
            WHERE l.account_id = m.account_id
              AND l.message_id = m.message_id
              AND l.placeholder IS NOT NULL
            ORDER BY l.id
        )
        ELSE ARRAY(
            SELECT coalesce('lnk_' || l.code, l.short_id)
            FROM links l
            WHERE l.id = ANY (m.link_keys)
            ORDER BY l.id
        )
    END AS link_ids
";

pub async fn find(
    client: &impl GenericClient,
    account_id: AccountId,
    message_id: &str,
) -> Result<Option<MessageRow>, ApiError> {
    let sql =
        format!("SELECT {COLUMNS} FROM messages m WHERE m.account_id = $1 AND m.message_id = $2");
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &message_id])
        .await?;
    Ok(row.as_ref().map(MessageRow::from))
}

/// Conditions that a message must all meet. `None` is no condition.
#[derive(Debug, Default)]
pub struct MessageFilter {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub status: Option<MessageStatus>,
    pub list_id: Option<i64>,
    pub creative_id: Option<i64>,
    pub contact_phone: Option<String>,
}

/// At most `limit` messages in the order of their times, behind the one with the time and the
/// id `after`.
pub async fn select_page(
    client: &impl GenericClient,
    account_id: AccountId,
    filter: &MessageFilter,
    after: Option<(Timestamp, &str)>,
    limit: i64,
) -> Result<Vec<MessageRow>, ApiError> {
    // An index has only the messages that did not arrive.
    let status_condition = match filter.status {
        Some(MessageStatus::Failed | MessageStatus::Undelivered) => {
            "m.status = $4 AND m.status IN ('failed', 'undelivered')"
        }
        Some(MessageStatus::Sent | MessageStatus::Delivered) => "m.status = $4",
        None => "$4::text IS NULL",
    };
    let sql = format!(
        "SELECT {COLUMNS}
         FROM messages m
         WHERE m.account_id = $1
           AND ($2::timestamptz IS NULL OR m.sent_at >= $2)
           AND ($3::timestamptz IS NULL OR m.sent_at < $3)
           AND {status_condition}
           AND ($5::bigint IS NULL OR m.list_id = $5)
           AND ($6::bigint IS NULL OR m.creative_id = $6)
           AND ($7::text IS NULL OR m.contact_phone = $7)
           AND ($8::timestamptz IS NULL OR (m.sent_at, m.message_id) > ($8, $9))
         ORDER BY m.sent_at, m.message_id
         LIMIT $10"
    );
    let statement = client.prepare_cached(&sql).await?;
    let (after_time, after_id) = after.unzip();
    let parameters: [&(dyn ToSql + Sync); 10] = [
        &account_id.0,
        &filter.from,
        &filter.to,
        &filter.status,
        &filter.list_id,
        &filter.creative_id,
        &filter.contact_phone,
        &after_time,
        &after_id,
        &limit,
    ];
    let rows = client.query(&statement, &parameters).await?;
    Ok(rows.iter().map(MessageRow::from).collect())
}

/// Replaces the number of a contact, and removes what was said to it; gives the number of
/// messages.
pub async fn replace_contact(
    client: &impl GenericClient,
    account_id: AccountId,
    phone: &str,
    new_phone: &str,
) -> Result<u64, ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE messages
             SET contact_phone = $3, text = NULL, status_reason = NULL
             WHERE account_id = $1 AND contact_phone = $2",
        )
        .await?;
    let n_messages = client
        .execute(&statement, &[&account_id.0, &phone, &new_phone])
        .await?;
    Ok(n_messages)
}
