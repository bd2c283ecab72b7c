//! Messages that are rendered.

use std::collections::HashSet;

use domain::id::{AccountId, CreativeId, ListId};
use postgres::pool::GenericClient;

use crate::error::ApiError;

/// A message to insert.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage<'a> {
    pub id: &'a str,
    pub contact_phone: &'a str,
}

/// Inserts the messages whose ids are new, and gives those ids. Waits while another transaction
/// inserts one of them.
pub async fn insert_all_if_new(
    client: &impl GenericClient,
    account_id: AccountId,
    creative_id: CreativeId,
    list_id: ListId,
    messages: &[NewMessage<'_>],
) -> Result<HashSet<String>, ApiError> {
    let statement = client
        .prepare_cached(
            "INSERT INTO messages (account_id, creative_id, list_id, message_id, contact_phone)
             SELECT $1, $2, $3, message_id, contact_phone
             FROM unnest($4::text[], $5::text[]) AS m (message_id, contact_phone)
             -- In one order, so that two requests never wait for each other.
             ORDER BY message_id
             ON CONFLICT ON CONSTRAINT messages_pkey DO NOTHING
             RETURNING message_id",
        )
        .await?;
    let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
    let phones: Vec<_> = messages.iter().map(|m| m.contact_phone).collect();
    let rows = client
        .query(
            &statement,
            &[&account_id.0, &creative_id.0, &list_id.0, &ids, &phones],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get("message_id")).collect())
}
