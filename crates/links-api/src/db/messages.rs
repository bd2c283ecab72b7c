//! The table `messages`: messages that were rendered, each with its creative, list and contact.

use domain::id::AccountId;
use jiff::Timestamp;
use postgres::pool::GenericClient;

use crate::error::ApiError;

#[derive(Debug)]
pub struct MessageRow {
    pub creative_id: i64,
    pub list_id: i64,
    pub contact_phone: Option<String>,
    pub sent_at: Timestamp,
}

pub async fn find(
    client: &impl GenericClient,
    account_id: AccountId,
    message_id: &str,
) -> Result<Option<MessageRow>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT creative_id, list_id, sent_at, nullif(contact_phone, '') AS contact_phone
             FROM messages
             WHERE account_id = $1 AND message_id = $2",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &message_id])
        .await?;
    Ok(row.map(|row| MessageRow {
        creative_id: row.get("creative_id"),
        list_id: row.get("list_id"),
        contact_phone: row.get("contact_phone"),
        sent_at: row.get("sent_at"),
    }))
}

/// Replaces the number of a contact; gives the number of messages.
pub async fn replace_contact(
    client: &impl GenericClient,
    account_id: AccountId,
    phone: &str,
    new_phone: &str,
) -> Result<u64, ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE messages
             SET contact_phone = $3
             WHERE account_id = $1 AND contact_phone = $2",
        )
        .await?;
    let n_messages = client
        .execute(&statement, &[&account_id.0, &phone, &new_phone])
        .await?;
    Ok(n_messages)
}
