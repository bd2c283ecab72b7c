//! The table `creatives`.

use std::collections::{BTreeMap, HashSet};

use domain::{
    id::{AccountId, CreativeId},
    record::DefaultParameters,
};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use super::{ListQuery, RowLock, insert_row, placeholders};
use crate::{enumeration::enumeration, error::ApiError, http::PageRequest};

enumeration! {
    /// Only an active creative renders messages.
    pub enum CreativeStatus {
        Active = "active",
        Paused = "paused",
        Archived = "archived",
    }
}

enumeration! {
    /// When the messages of a creative are sent.
    pub enum CreativeType {
        Automated = "automated",
        OneTime = "one_time",
        Welcome = "welcome",
    }
}

#[derive(Debug)]
pub struct CreativeRow {
    pub id: CreativeId,
    pub fields: CreativeFields,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The columns that clients can update.
#[derive(Debug)]
pub struct CreativeFields {
    pub name: String,
    pub message: String,
    pub offer_links: Json<Vec<OfferLink>>,
    pub status: CreativeStatus,
    pub creative_type: CreativeType,
}

impl Default for CreativeFields {
    fn default() -> Self {
        Self {
            name: String::new(),
            message: String::new(),
            offer_links: Json(Vec::new()),
            status: CreativeStatus::Active,
            creative_type: CreativeType::Automated,
        }
    }
}

/// What a placeholder of the message links to, as it is stored and returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OfferLink {
    /// The name of the placeholder.
    pub key: String,
    pub offer_id: String,
    pub url: Option<String>,
    pub url_params: BTreeMap<String, String>,
}

impl OfferLink {
    /// The names that `url_params` can have.
    pub const PARAMETERS: [&str; 8] = [
        "sub1", "sub2", "sub3", "sub4", "sub5", "source", "creative", "cost",
    ];

    pub fn default_parameters(&self) -> DefaultParameters {
        let value = |name: &str| self.url_params.get(name).filter(|v| !v.is_empty()).cloned();
        DefaultParameters {
            subs: ["sub1", "sub2", "sub3", "sub4", "sub5"].map(value),
            source: value("source"),
            creative: value("creative"),
            cost: value("cost"),
        }
    }
}

/// The columns of [`CreativeFields`]; the values are those of [`values`].
const FIELD_COLUMNS: &str = "name, message, offer_links, status, creative_type";

fn values(fields: &CreativeFields) -> [&(dyn ToSql + Sync); 5] {
    [
        &fields.name,
        &fields.message,
        &fields.offer_links,
        &fields.status,
        &fields.creative_type,
    ]
}

impl From<&Row> for CreativeRow {
    fn from(row: &Row) -> Self {
        Self {
            id: CreativeId(row.get("id")),
            fields: CreativeFields {
                name: row.get("name"),
                message: row.get("message"),
                offer_links: row.get("offer_links"),
                status: row.get("status"),
                creative_type: row.get("creative_type"),
            },
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }
}

/// A page of the account's creatives, and the number of all.
pub async fn select_page(
    client: &impl GenericClient,
    account_id: AccountId,
    status: CreativeStatus,
    creative_type: Option<CreativeType>,
    page: PageRequest,
) -> Result<(Vec<CreativeRow>, i64), ApiError> {
    let columns = format!("id, {FIELD_COLUMNS}, created_at, updated_at");
    let query = ListQuery {
        columns: &columns,
        from: "
            FROM creatives
            WHERE account_id = $1
              AND status = $2
              AND ($3::text IS NULL OR creative_type = $3)
        ",
        order_by: "id DESC",
    };
    let parameters: [&(dyn ToSql + Sync); 3] = [&account_id.0, &status, &creative_type];
    let (rows, total) = super::select_page(client, query, &parameters, page).await?;
    Ok((rows.iter().map(CreativeRow::from).collect(), total))
}

pub async fn find(
    client: &impl GenericClient,
    account_id: AccountId,
    id: CreativeId,
    lock: RowLock,
) -> Result<Option<CreativeRow>, ApiError> {
    let lock = lock.clause();
    let sql = format!(
        "SELECT id, {FIELD_COLUMNS}, created_at, updated_at
         FROM creatives
         WHERE account_id = $1 AND id = $2
         {lock}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &id.0])
        .await?;
    Ok(row.as_ref().map(CreativeRow::from))
}

pub async fn insert(
    client: &impl GenericClient,
    account_id: AccountId,
    fields: &CreativeFields,
) -> Result<CreativeRow, ApiError> {
    let values = values(fields);
    let keys: [(&str, &(dyn ToSql + Sync)); 1] = [("account_id", &account_id.0)];
    let row = insert_row(client, "creatives", FIELD_COLUMNS, &values, &keys).await?;
    Ok(CreativeRow::from(&row))
}

pub async fn update(
    client: &impl GenericClient,
    id: CreativeId,
    fields: &CreativeFields,
) -> Result<CreativeRow, ApiError> {
    let values = values(fields);
    let n = values.len();
    let sql = format!(
        "UPDATE creatives
         SET ({FIELD_COLUMNS}) = ROW ({}),
             updated_at = now()
         WHERE id = ${}
         RETURNING id, {FIELD_COLUMNS}, created_at, updated_at",
        placeholders(n),
        n + 1,
    );
    let statement = client.prepare_cached(&sql).await?;
    let parameters = [&values[..], &[&id.0]].concat();
    let row = client.query_one(&statement, &parameters).await?;
    Ok(CreativeRow::from(&row))
}

/// Those of the ids that are of creatives of the account.
pub async fn find_existing(
    client: &impl GenericClient,
    account_id: AccountId,
    ids: &[i64],
) -> Result<HashSet<i64>, ApiError> {
    let sql = "SELECT id FROM creatives WHERE account_id = $1 AND id = ANY ($2)";
    let statement = client.prepare_cached(sql).await?;
    let rows = client.query(&statement, &[&account_id.0, &ids]).await?;
    Ok(rows.iter().map(|row| row.get("id")).collect())
}
