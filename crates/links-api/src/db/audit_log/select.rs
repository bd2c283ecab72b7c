//! Reading the audit trail, from the newest row.

use domain::id::{AccountId, AuditId};
use jiff::Timestamp;
use postgres::{audit::first_id_of, pool::GenericClient};
use tokio_postgres::{Row, types::ToSql};

use crate::error::ApiError;

/// Whose trail is read, and how much of it the caller may see.
#[derive(Debug, Clone, Copy)]
pub struct AuditReader {
    pub account_id: AccountId,
    /// An operator also reads what the account's keys did to other accounts, and what commands
    /// did to the whole installation.
    pub is_operator: bool,
}

/// Conditions that a row must all meet. `None` is no condition.
#[derive(Debug, Default)]
pub struct AuditFilter {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// api_key, user, operator or command.
    pub actor: Option<&'static str>,
    pub key_id: Option<i64>,
    pub user_id: Option<i64>,
    pub object_kind: Option<&'static str>,
    pub object_id: Option<String>,
    pub operation: Option<String>,
    pub request_id: Option<String>,
}

/// `actor`, as the account sees it that is `$1`.
const ACTOR: &str = "
    CASE WHEN a.user_id IS NOT NULL THEN 'user'
         WHEN a.api_key_id IS NULL THEN 'command'
         WHEN a.actor_account_id = $1 THEN 'api_key'
         ELSE 'operator'
    END";

/// At most `limit` rows `a`, from the newest, behind the one with the id `cursor`. Beside their
/// columns, rows have `actor`.
pub async fn select_before(
    client: &impl GenericClient,
    reader: AuditReader,
    filter: &AuditFilter,
    cursor: Option<AuditId>,
    limit: i64,
) -> Result<Vec<Row>, ApiError> {
    let trails: &[&str] = match reader.is_operator {
        false => &["a.account_id = $1"],
        true => &[
            "a.account_id = $1",
            "a.actor_account_id = $1 AND a.actor_account_id IS DISTINCT FROM a.account_id",
            "a.account_id IS NULL AND a.actor_account_id IS NULL",
        ],
    };
    // Each trail is read by its index, and no further than the page needs.
    let trails: Vec<_> = trails.iter().map(|trail| select_trail(trail)).collect();
    let sql = format!(
        "SELECT * FROM ({}) AS trails ORDER BY audit_id DESC LIMIT $10",
        trails.join(" UNION ALL ")
    );
    let to = filter.to.map(first_id_of);
    // The earlier of the two ends.
    let before = [to, cursor.map(|id| id.as_uuid())]
        .into_iter()
        .flatten()
        .min();
    let parameters: [&(dyn ToSql + Sync); 11] = [
        &reader.account_id.0,
        &filter.from.map(first_id_of).unwrap_or_default(),
        &before,
        &filter.actor,
        &filter.key_id,
        &filter.object_kind,
        &filter.object_id,
        &filter.operation,
        &filter.request_id,
        &limit,
        &filter.user_id,
    ];
    let statement = client.prepare_cached(&sql).await?;
    Ok(client.query(&statement, &parameters).await?)
}

fn select_trail(trail: &str) -> String {
    format!(
        "(SELECT a.audit_id, a.occurred_at, a.account_id, {ACTOR} AS actor,
                 a.api_key_id, a.api_key_name, a.os_user, a.host, a.operation, a.object_kind,
                 a.object_id, a.before, a.after, a.request_id, a.user_id, a.user_email
          FROM audit_log a
          WHERE {trail}
            AND a.audit_id >= $2
            AND ($3::uuid IS NULL OR a.audit_id < $3)
            AND ($4::text IS NULL OR {ACTOR} = $4)
            AND ($5::bigint IS NULL OR (a.api_key_id = $5 AND a.actor_account_id = $1))
            AND ($11::bigint IS NULL OR a.user_id = $11)
            AND ($6::text IS NULL OR a.object_kind = $6)
            AND ($7::text IS NULL OR a.object_id = $7)
            AND ($8::text IS NULL OR a.operation = $8)
            AND ($9::text IS NULL OR a.request_id = $9)
          ORDER BY a.audit_id DESC
          LIMIT $10)"
    )
}
