//! Accounts, the tenants of the installation.

use domain::{cost::ClickCostRule, id::AccountId, postback::PostbackMapping};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use rust_decimal::Decimal;
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use super::{ListQuery, RowLock, insert_row, update_row};
use crate::{enumeration::enumeration, error::ApiError, http::PageRequest};

enumeration! {
    /// A suspended account's keys are refused and its links are not available.
    pub enum AccountStatus {
        Active = "active",
        Suspended = "suspended",
    }
}

#[derive(Debug)]
pub struct AccountRow {
    pub id: AccountId,
    pub fields: AccountFields,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The columns that operators can update.
#[derive(Debug)]
pub struct AccountFields {
    pub name: String,
    pub status: AccountStatus,
    pub products: Vec<String>,
    pub bot_filter_mode: String,
    pub allowed_countries: Vec<String>,
    pub blocked_countries: Vec<String>,
    pub prepend_text: Option<String>,
    pub append_text: Option<String>,
    pub retention_days: Option<i32>,
    pub ip_storage: String,
    pub postbacks: String,
    pub postback_secrets: Vec<String>,
    pub postback_max_amount: Option<Decimal>,
    pub postback_mapping: Option<Json<PostbackMapping>>,
    pub default_currency: Option<String>,
    pub click_cost: Option<Json<ClickCostRule>>,
}

impl Default for AccountFields {
    fn default() -> Self {
        Self {
            name: String::new(),
            status: AccountStatus::Active,
            products: Vec::new(),
            bot_filter_mode: "no_filter".to_owned(),
            allowed_countries: Vec::new(),
            blocked_countries: Vec::new(),
            prepend_text: None,
            append_text: None,
            retention_days: None,
            ip_storage: "full".to_owned(),
            postbacks: "open".to_owned(),
            postback_secrets: Vec::new(),
            postback_max_amount: None,
            postback_mapping: None,
            default_currency: None,
            click_cost: None,
        }
    }
}

/// The columns of [`AccountFields`]; the values are those of [`values`].
const FIELD_COLUMNS: &str = "name, status, products, bot_filter_mode, allowed_countries,
    blocked_countries, prepend_text, append_text, retention_days, ip_storage, postbacks,
    postback_secrets, postback_max_amount, postback_mapping, default_currency, click_cost";

fn values(fields: &AccountFields) -> [&(dyn ToSql + Sync); 16] {
    [
        &fields.name,
        &fields.status,
        &fields.products,
        &fields.bot_filter_mode,
        &fields.allowed_countries,
        &fields.blocked_countries,
        &fields.prepend_text,
        &fields.append_text,
        &fields.retention_days,
        &fields.ip_storage,
        &fields.postbacks,
        &fields.postback_secrets,
        &fields.postback_max_amount,
        &fields.postback_mapping,
        &fields.default_currency,
        &fields.click_cost,
    ]
}

impl From<&Row> for AccountRow {
    fn from(row: &Row) -> Self {
        Self {
            id: AccountId(row.get("id")),
            fields: AccountFields {
                name: row.get("name"),
                status: row.get("status"),
                products: row.get("products"),
                bot_filter_mode: row.get("bot_filter_mode"),
                allowed_countries: row.get("allowed_countries"),
                blocked_countries: row.get("blocked_countries"),
                prepend_text: row.get("prepend_text"),
                append_text: row.get("append_text"),
                retention_days: row.get("retention_days"),
                ip_storage: row.get("ip_storage"),
                postbacks: row.get("postbacks"),
                postback_secrets: row.get("postback_secrets"),
                postback_max_amount: row.get("postback_max_amount"),
                postback_mapping: row.get("postback_mapping"),
                default_currency: row.get("default_currency"),
                click_cost: row.get("click_cost"),
            },
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }
}

/// A page of all accounts, and the number of all.
pub async fn select_page(
    client: &impl GenericClient,
    status: Option<AccountStatus>,
    page: PageRequest,
) -> Result<(Vec<AccountRow>, i64), ApiError> {
    let columns = format!("id, {FIELD_COLUMNS}, created_at, updated_at");
    let query = ListQuery {
        columns: &columns,
        from: "FROM accounts WHERE ($1::text IS NULL OR status = $1)",
        order_by: "id",
    };
    let (rows, total) = super::select_page(client, query, &[&status], page).await?;
    Ok((rows.iter().map(AccountRow::from).collect(), total))
}

pub async fn find(
    client: &impl GenericClient,
    id: AccountId,
    lock: RowLock,
) -> Result<Option<AccountRow>, ApiError> {
    let lock = lock.clause();
    let sql = format!(
        "SELECT id, {FIELD_COLUMNS}, created_at, updated_at FROM accounts WHERE id = $1 {lock}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&id.0]).await?;
    Ok(row.as_ref().map(AccountRow::from))
}

/// The currency of amounts without one, if the account has set it.
pub async fn find_default_currency(
    client: &impl GenericClient,
    id: AccountId,
) -> Result<Option<String>, ApiError> {
    let statement = client
        .prepare_cached("SELECT default_currency FROM accounts WHERE id = $1")
        .await?;
    let row = client.query_opt(&statement, &[&id.0]).await?;
    Ok(row.and_then(|row| row.get("default_currency")))
}

pub async fn insert(
    client: &impl GenericClient,
    fields: &AccountFields,
) -> Result<AccountRow, ApiError> {
    let values = values(fields);
    let row = insert_row(client, "accounts", FIELD_COLUMNS, &values, &[]).await?;
    Ok(AccountRow::from(&row))
}

pub async fn update(
    client: &impl GenericClient,
    id: AccountId,
    fields: &AccountFields,
) -> Result<AccountRow, ApiError> {
    let values = values(fields);
    let row = update_row(client, "accounts", FIELD_COLUMNS, &values, &id.0).await?;
    Ok(AccountRow::from(&row))
}
