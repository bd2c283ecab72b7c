//! The table `messages`: messages that were rendered, each with its creative, list and contact.

use std::collections::{HashMap, HashSet};

use domain::id::{AccountId, CreativeId, ListId};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::Row;

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

/// What a message id stands for.
#[derive(Debug)]
pub struct MessageIdentity {
    pub message_id: String,
    pub creative_id: CreativeId,
    pub list_id: ListId,
    pub contact_phone: String,
}

/// The messages with these ids. They are locked, so that others cannot change them or add
/// links to them until the transaction ends.
pub async fn find_and_lock(
    client: &impl GenericClient,
    account_id: AccountId,
    ids: &[&str],
) -> Result<Vec<MessageIdentity>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT message_id, creative_id, list_id, contact_phone
             FROM messages
             WHERE account_id = $1 AND message_id = ANY($2)
             ORDER BY message_id
             FOR UPDATE",
        )
        .await?;
    let rows = client.query(&statement, &[&account_id.0, &ids]).await?;
    let identity = |row: &Row| MessageIdentity {
        message_id: row.get("message_id"),
        creative_id: CreativeId(row.get("creative_id")),
        list_id: ListId(row.get("list_id")),
        contact_phone: row.get("contact_phone"),
    };
    Ok(rows.iter().map(identity).collect())
}

/// When a message was sent, and the offers of its links; an offer is `None` for a link without
/// one.
#[derive(Debug, Clone)]
pub struct SentOffers {
    pub sent_at: Timestamp,
    pub offer_ids: Vec<Option<String>>,
}

/// When messages were sent and which offers they had, by id. The links `except` are left out.
pub async fn find_sent_offers(
    client: &impl GenericClient,
    account_id: AccountId,
    ids: &[&str],
    except: &[i64],
) -> Result<HashMap<String, SentOffers>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT m.message_id, m.sent_at,
                    array_agg(l.offer_id) FILTER (WHERE l.id IS NOT NULL) AS offers
             FROM messages m
             LEFT JOIN links l
               ON l.account_id = m.account_id
              AND l.message_id = m.message_id
              AND l.placeholder IS NOT NULL
              AND l.id <> ALL ($3)
             WHERE m.account_id = $1 AND m.message_id = ANY ($2)
             GROUP BY m.message_id, m.sent_at",
        )
        .await?;
    let rows = client
        .query(&statement, &[&account_id.0, &ids, &except])
        .await?;
    let sent = |row: &Row| {
        let offers: Option<Vec<Option<String>>> = row.get("offers");
        let sent = SentOffers {
            sent_at: row.get("sent_at"),
            offer_ids: offers.unwrap_or_default(),
        };
        (row.get("message_id"), sent)
    };
    Ok(rows.iter().map(sent).collect())
}
