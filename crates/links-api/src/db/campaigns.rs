//! Campaigns of the affiliate API.

use domain::id::{AccountId, CampaignId};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::{Row, types::ToSql};

use super::{ListQuery, RowLock, insert_row, update_row};
use crate::{enumeration::enumeration, error::ApiError, http::PageRequest};

enumeration! {
    /// Only links of an active campaign are available.
    pub enum CampaignStatus {
        Draft = "draft",
        Active = "active",
        Paused = "paused",
    }
}

#[derive(Debug)]
pub struct CampaignRow {
    pub id: CampaignId,
    pub fields: CampaignFields,
    pub created_at: Timestamp,
}

/// The columns that clients can update.
#[derive(Debug)]
pub struct CampaignFields {
    pub name: String,
    pub description: Option<String>,
    pub landing_page_url: String,
    pub status: CampaignStatus,
    pub click_id_param: String,
    pub cookie_window_days: i32,
}

impl Default for CampaignFields {
    fn default() -> Self {
        Self {
            name: String::new(),
            description: None,
            landing_page_url: String::new(),
            status: CampaignStatus::Active,
            click_id_param: "afk_cid".to_owned(),
            cookie_window_days: 30,
        }
    }
}

/// The columns of [`CampaignFields`]; the values are those of [`values`].
const FIELD_COLUMNS: &str =
    "name, description, landing_page_url, status, click_id_param, cookie_window_days";

fn values(fields: &CampaignFields) -> [&(dyn ToSql + Sync); 6] {
    [
        &fields.name,
        &fields.description,
        &fields.landing_page_url,
        &fields.status,
        &fields.click_id_param,
        &fields.cookie_window_days,
    ]
}

impl TryFrom<&Row> for CampaignRow {
    type Error = ApiError;

    fn try_from(row: &Row) -> Result<Self, ApiError> {
        Ok(Self {
            id: CampaignId::parse(row.get("id")).map_err(ApiError::internal)?,
            fields: CampaignFields {
                name: row.get("name"),
                description: row.get("description"),
                landing_page_url: row.get("landing_page_url"),
                status: row.get("status"),
                click_id_param: row.get("click_id_param"),
                cookie_window_days: row.get("cookie_window_days"),
            },
            created_at: row.get("created_at"),
        })
    }
}

/// A page of the account's campaigns, and the number of all.
pub async fn select_page(
    client: &impl GenericClient,
    account_id: AccountId,
    status: Option<CampaignStatus>,
    page: PageRequest,
) -> Result<(Vec<CampaignRow>, i64), ApiError> {
    let columns = format!("id, {FIELD_COLUMNS}, created_at");
    let query = ListQuery {
        columns: &columns,
        from: "FROM campaigns WHERE account_id = $1 AND ($2::text IS NULL OR status = $2)",
        order_by: "created_at DESC, id DESC",
    };
    let parameters: [&(dyn ToSql + Sync); 2] = [&account_id.0, &status];
    let (rows, total) = super::select_page(client, query, &parameters, page).await?;
    let campaigns = rows.iter().map(CampaignRow::try_from);
    Ok((campaigns.collect::<Result<_, _>>()?, total))
}

pub async fn find(
    client: &impl GenericClient,
    account_id: AccountId,
    id: &CampaignId,
    lock: RowLock,
) -> Result<Option<CampaignRow>, ApiError> {
    let lock = lock.clause();
    let sql = format!(
        "SELECT id, {FIELD_COLUMNS}, created_at
         FROM campaigns
         WHERE account_id = $1 AND id = $2
         {lock}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &id.as_str()])
        .await?;
    row.as_ref().map(CampaignRow::try_from).transpose()
}

pub async fn insert(
    client: &impl GenericClient,
    account_id: AccountId,
    id: &CampaignId,
    fields: &CampaignFields,
) -> Result<CampaignRow, ApiError> {
    let values = values(fields);
    let id = id.as_str();
    let keys: [(&str, &(dyn ToSql + Sync)); 2] = [("id", &id), ("account_id", &account_id.0)];
    let row = insert_row(client, "campaigns", FIELD_COLUMNS, &values, &keys).await?;
    CampaignRow::try_from(&row)
}

pub async fn update(
    client: &impl GenericClient,
    id: &CampaignId,
    fields: &CampaignFields,
) -> Result<(), ApiError> {
    let values = values(fields);
    update_row(client, "campaigns", FIELD_COLUMNS, &values, &id.as_str()).await?;
    Ok(())
}

/// Fails with [`ApiError::CampaignInUse`] if the campaign has links.
pub async fn delete(client: &impl GenericClient, id: &CampaignId) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached("DELETE FROM campaigns WHERE id = $1")
        .await?;
    client.execute(&statement, &[&id.as_str()]).await?;
    Ok(())
}
