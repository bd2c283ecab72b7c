//! API keys. Authentication reads them by itself.

use domain::id::AccountId;
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::Row;

use super::{ListQuery, RowLock};
use crate::{auth::ApiKey, error::ApiError, fields::ids::ApiKeyId, http::PageRequest};

#[derive(Debug)]
pub struct ApiKeyRow {
    pub id: ApiKeyId,
    pub fields: ApiKeyFields,
    /// The first characters of the key.
    pub prefix: String,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// The columns that operators can update.
#[derive(Debug)]
pub struct ApiKeyFields {
    pub name: String,
    pub scopes: Vec<String>,
    pub rate_limit_per_minute: Option<i32>,
    pub expires_at: Option<Timestamp>,
}

impl Default for ApiKeyFields {
    fn default() -> Self {
        Self {
            name: String::new(),
            scopes: vec!["links:read".to_owned(), "links:write".to_owned()],
            rate_limit_per_minute: None,
            expires_at: None,
        }
    }
}

const COLUMNS: &str = "id, name, prefix, scopes, rate_limit_per_minute, expires_at, last_used_at,
    revoked_at, created_at";

impl From<&Row> for ApiKeyRow {
    fn from(row: &Row) -> Self {
        Self {
            id: ApiKeyId(row.get("id")),
            fields: ApiKeyFields {
                name: row.get("name"),
                scopes: row.get("scopes"),
                rate_limit_per_minute: row.get("rate_limit_per_minute"),
                expires_at: row.get("expires_at"),
            },
            prefix: row.get("prefix"),
            last_used_at: row.get("last_used_at"),
            revoked_at: row.get("revoked_at"),
            created_at: row.get("created_at"),
        }
    }
}

/// A page of the account's keys, and the number of all.
pub async fn select_page(
    client: &impl GenericClient,
    account_id: AccountId,
    page: PageRequest,
) -> Result<(Vec<ApiKeyRow>, i64), ApiError> {
    let query = ListQuery {
        columns: COLUMNS,
        from: "FROM api_keys WHERE account_id = $1",
        order_by: "id DESC",
    };
    let (rows, total) = super::select_page(client, query, &[&account_id.0], page).await?;
    Ok((rows.iter().map(ApiKeyRow::from).collect(), total))
}

pub async fn find(
    client: &impl GenericClient,
    account_id: AccountId,
    id: ApiKeyId,
    lock: RowLock,
) -> Result<Option<ApiKeyRow>, ApiError> {
    let lock = lock.clause();
    let sql = format!("SELECT {COLUMNS} FROM api_keys WHERE account_id = $1 AND id = $2 {lock}");
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &id.0])
        .await?;
    Ok(row.as_ref().map(ApiKeyRow::from))
}

/// Inserts a new key. The key itself is returned and stored nowhere.
pub async fn insert(
    client: &impl GenericClient,
    account_id: AccountId,
    fields: ApiKeyFields,
) -> Result<(ApiKey, ApiKeyRow), ApiError> {
    let key = ApiKey::generate(&mut rand::rng());
    let sql = format!(
        "INSERT INTO api_keys
             (account_id, name, digest, prefix, scopes, rate_limit_per_minute, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         RETURNING {COLUMNS}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_one(
            &statement,
            &[
                &account_id.0,
                &fields.name,
                &key.digest(),
                &key.visible_prefix(),
                &fields.scopes,
                &fields.rate_limit_per_minute,
                &fields.expires_at,
            ],
        )
        .await?;
    Ok((key, ApiKeyRow::from(&row)))
}

pub async fn update(
    client: &impl GenericClient,
    id: ApiKeyId,
    fields: &ApiKeyFields,
) -> Result<ApiKeyRow, ApiError> {
    let sql = format!(
        "UPDATE api_keys
         SET name = $2, scopes = $3, rate_limit_per_minute = $4, expires_at = $5
         WHERE id = $1
         RETURNING {COLUMNS}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_one(
            &statement,
            &[
                &id.0,
                &fields.name,
                &fields.scopes,
                &fields.rate_limit_per_minute,
                &fields.expires_at,
            ],
        )
        .await?;
    Ok(ApiKeyRow::from(&row))
}

/// Revokes a key. One that is revoked already keeps its time.
pub async fn revoke(client: &impl GenericClient, id: ApiKeyId) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1",
        )
        .await?;
    client.execute(&statement, &[&id.0]).await?;
    Ok(())
}
