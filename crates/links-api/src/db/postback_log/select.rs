//! Reading the log, from the newest entry.

use domain::id::{AccountId, PostbackId};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::{Row, types::ToSql};

use crate::error::ApiError;

/// Whose entries are read.
#[derive(Debug, Clone, Copy)]
pub enum LogOwner {
    Account(AccountId),
    /// Those whose account is unknown.
    Nobody,
}

/// Conditions that an entry must all meet. `None` is no condition.
#[derive(Debug, Default)]
pub struct LogFilter {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// The verdict of the redirector is one of these.
    pub verdicts: Option<Vec<&'static str>>,
    /// The verdict as of now.
    pub current_verdict: Option<&'static str>,
    pub txn_id: Option<String>,
    pub offer_id: Option<String>,
    pub path: Option<String>,
    /// As it is in the entry.
    pub link_id: Option<String>,
    /// An entry of one of these links meets the condition on `link_id` too.
    pub link_keys: Vec<i64>,
}

/// What became of the conversion of an accepted postback: it is stored or pending; it is an
/// update of another one, or repeats it; or the account has deleted it. No row if the ledger
/// does not know it.
const CURRENT: &str = "
    SELECT c.conversion_id,
           CASE WHEN c.account_id IS NULL THEN 'pending' ELSE 'stored' END AS verdict,
           1 AS rank
    FROM conversions c
    WHERE c.conversion_id = p.conversion_id
      AND (c.account_id = p.account_id OR c.account_id IS NULL)
    UNION ALL
    SELECT c.conversion_id, 'duplicate', 2
    FROM conversion_updates u
    JOIN conversions c ON c.conversion_id = u.conversion_id
    WHERE u.update_id = p.conversion_id AND c.account_id = p.account_id
    UNION ALL
    SELECT d.conversion_id, 'deleted', 3
    FROM deleted_conversions d
    WHERE d.conversion_id = p.conversion_id AND d.account_id = p.account_id
    ORDER BY rank
    LIMIT 1
";

/// At most `limit` entries `p`, from the newest, behind the one with the id `cursor`. Beside
/// their `columns`, rows have `current_verdict` and `current_conversion_id`.
pub async fn select_before(
    client: &impl GenericClient,
    owner: LogOwner,
    columns: &str,
    filter: &LogFilter,
    cursor: Option<PostbackId>,
    limit: i64,
) -> Result<Vec<Row>, ApiError> {
    let (is_owned, account_id) = match owner {
        LogOwner::Account(id) => ("p.account_id = $1", Some(id.0)),
        LogOwner::Nobody => ("p.account_id IS NULL AND $1::bigint IS NULL", None),
    };
    let is_behind_cursor = match cursor {
        Some(_) => "p.received_at <= $4 AND (p.received_at, p.postback_id) < ($4, $5)",
        None => "$4::timestamptz IS NULL AND $5::uuid IS NULL",
    };
    let sql = format!(
        "SELECT {columns}, coalesce(current.verdict, p.verdict) AS current_verdict,
                coalesce(current.conversion_id, p.first_conversion_id, p.conversion_id)::text
                    AS current_conversion_id
         FROM postback_log p
         LEFT JOIN LATERAL ({CURRENT}) AS current ON p.verdict IN ('accepted', 'duplicate')
         WHERE {is_owned}
           AND p.received_at >= $2
           AND ($3::timestamptz IS NULL OR p.received_at < $3)
           AND {is_behind_cursor}
           AND ($6::text[] IS NULL OR p.verdict = ANY ($6))
           AND ($7::text IS NULL OR coalesce(current.verdict, p.verdict) = $7)
           AND ($8::text IS NULL OR p.txn_id = $8)
           AND ($9::text IS NULL OR p.offer_id = $9)
           AND ($10::text IS NULL OR p.path = $10)
           AND ($11::text IS NULL OR p.link_id = $11 OR p.link_key = ANY ($12))
         ORDER BY p.received_at DESC, p.postback_id DESC
         LIMIT $13"
    );
    let parameters: [&(dyn ToSql + Sync); 13] = [
        &account_id,
        &filter.from.unwrap_or(Timestamp::UNIX_EPOCH),
        &filter.to,
        &cursor.map(|id| id.time()),
        &cursor.map(|id| id.as_uuid()),
        &filter.verdicts,
        &filter.current_verdict,
        &filter.txn_id,
        &filter.offer_id,
        &filter.path,
        &filter.link_id,
        &filter.link_keys,
        &limit,
    ];
    let statement = client.prepare_cached(&sql).await?;
    Ok(client.query(&statement, &parameters).await?)
}
