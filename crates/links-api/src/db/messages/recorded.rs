//! Recording messages that were composed and sent elsewhere.

use std::collections::HashSet;

use domain::id::{AccountId, CreativeId, ListId};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::types::Json;

use crate::error::ApiError;

/// A message that was sent.
#[derive(Debug, Clone)]
pub struct RecordedMessage {
    pub message_id: String,
    pub contact_phone: String,
    pub list_id: ListId,
    pub creative_id: Option<CreativeId>,
    pub text: Option<String>,
    pub sender: Option<String>,
    pub sent_at: Timestamp,
    /// The keys of its links in ascending order.
    pub link_keys: Vec<i64>,
}

/// Inserts the messages whose ids are new, and gives those ids. Waits while another transaction
/// inserts one of them.
pub async fn insert_recorded_if_new(
    client: &impl GenericClient,
    account_id: AccountId,
    messages: &[&RecordedMessage],
) -> Result<HashSet<String>, ApiError> {
    fn column<'m, T>(
        messages: &[&'m RecordedMessage],
        value: impl Fn(&'m RecordedMessage) -> T,
    ) -> Vec<T> {
        messages.iter().map(|message| value(message)).collect()
    }
    let statement = client
        .prepare_cached(
            "INSERT INTO messages
                 (account_id, message_id, contact_phone, list_id, creative_id, text, sender,
                  sent_at, link_keys)
             SELECT $1, message_id, contact_phone, list_id, creative_id, text, sender, sent_at,
                    -- Arrays of several lengths cannot be one parameter.
                    ARRAY(SELECT jsonb_array_elements_text(link_keys)::bigint)
             FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[],
                         $7::text[], $8::timestamptz[], $9::jsonb[])
                 AS m (message_id, contact_phone, list_id, creative_id, text, sender, sent_at,
                       link_keys)
             -- In one order, so that two requests never wait for each other.
             ORDER BY message_id
             ON CONFLICT ON CONSTRAINT messages_pkey DO NOTHING
             RETURNING message_id",
        )
        .await?;
    let rows = client
        .query(
            &statement,
            &[
                &account_id.0,
                &column(messages, |m| m.message_id.as_str()),
                &column(messages, |m| m.contact_phone.as_str()),
                &column(messages, |m| m.list_id.0),
                &column(messages, |m| m.creative_id.map(|id| id.0)),
                &column(messages, |m| m.text.as_deref()),
                &column(messages, |m| m.sender.as_deref()),
                &column(messages, |m| m.sent_at),
                &column(messages, |m| Json(&m.link_keys)),
            ],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get("message_id")).collect())
}
