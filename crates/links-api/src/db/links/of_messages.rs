//! The links of messages: of those that are rendered, and of those that are recorded.

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

/// A link that a recorded message may have.
#[derive(Debug, Clone)]
pub struct MessageLink {
    pub key: i64,
    pub short_id: String,
    /// That of a campaign link.
    pub code: Option<String>,
    pub host: String,
    pub message_id: Option<String>,
    pub contact_phone: Option<String>,
    pub offer_id: Option<String>,
    pub list_id: Option<i64>,
    pub creative_id: Option<i64>,
}

/// The account's links with these short ids, on any host, and codes, and those of these
/// messages. They are locked, so that two messages cannot get one of them.
pub async fn find_and_lock_for_messages(
    client: &impl GenericClient,
    account_id: AccountId,
    short_ids: &[&str],
    codes: &[&str],
    message_ids: &[&str],
) -> Result<Vec<MessageLink>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT l.id, l.short_id, l.code, d.host, l.message_id, l.contact_phone, l.offer_id,
                    l.list_id, l.creative_id
             FROM links l
             JOIN domains d ON d.id = l.domain_id
             WHERE l.id IN (
                 SELECT id FROM links WHERE short_id = ANY ($2) AND account_id = $1
                 UNION ALL
                 SELECT id FROM links WHERE code = ANY ($3) AND account_id = $1
                 UNION ALL
                 SELECT id FROM links WHERE account_id = $1 AND message_id = ANY ($4)
             )
             ORDER BY l.id
             FOR UPDATE OF l",
        )
        .await?;
    let rows = client
        .query(
            &statement,
            &[&account_id.0, &short_ids, &codes, &message_ids],
        )
        .await?;
    let link = |row: &Row| MessageLink {
        key: row.get("id"),
        short_id: row.get("short_id"),
        code: row.get("code"),
        host: row.get("host"),
        message_id: row.get("message_id"),
        contact_phone: row.get("contact_phone"),
        offer_id: row.get("offer_id"),
        list_id: row.get("list_id"),
        creative_id: row.get("creative_id"),
    };
    Ok(rows.iter().map(link).collect())
}

/// What a link gets from its message.
#[derive(Debug, Clone, Copy)]
pub struct LinkOfMessage<'m> {
    pub key: i64,
    pub message_id: &'m str,
    pub contact_phone: &'m str,
    pub list_id: i64,
    pub creative_id: Option<i64>,
}

/// Gives links to messages. A list or creative that a link has stays.
pub async fn bind_to_messages(
    client: &impl GenericClient,
    links: &[LinkOfMessage<'_>],
) -> Result<(), ApiError> {
    fn column<'m, T>(
        links: &[LinkOfMessage<'m>],
        value: impl Fn(&LinkOfMessage<'m>) -> T,
    ) -> Vec<T> {
        links.iter().map(value).collect()
    }
    let statement = client
        .prepare_cached(
            "UPDATE links AS l
             SET message_id = n.message_id,
                 contact_phone = n.contact_phone,
                 list_id = coalesce(l.list_id, n.list_id),
                 creative_id = coalesce(l.creative_id, n.creative_id),
                 version = l.version + 1,
                 updated_at = now()
             FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
                 AS n (id, message_id, contact_phone, list_id, creative_id)
             WHERE l.id = n.id",
        )
        .await?;
    client
        .execute(
            &statement,
            &[
                &column(links, |link| link.key),
                &column(links, |link| link.message_id),
                &column(links, |link| link.contact_phone),
                &column(links, |link| link.list_id),
                &column(links, |link| link.creative_id),
            ],
        )
        .await?;
    Ok(())
}
