//! Lists with all of their fields.

use domain::{
    id::{AccountId, ListId},
    interstitial::InterstitialPage,
};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use crate::{
    db::{ListQuery, RowLock, insert_row, update_row},
    enumeration::enumeration,
    error::ApiError,
    http::PageRequest,
};

enumeration! {
    /// Only an active list creates links. A deleted one is kept for them, without its number.
    pub enum ListStatus {
        Active = "active",
        Paused = "paused",
        Suspended = "suspended",
        Deleted = "deleted",
    }
}

/// A list with the hosts of its domains.
#[derive(Debug)]
pub struct ListRow {
    pub id: ListId,
    pub fields: ListFields,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The columns that clients can update.
#[derive(Debug)]
pub struct ListFields {
    pub phone_number: String,
    pub list_name: String,
    pub brand_name: Option<String>,
    pub status: ListStatus,
    /// Host.
    pub short_domain: Option<String>,
    /// Host.
    pub click_domain: Option<String>,
    pub collapse_hops: bool,
    pub interstitial: Option<Json<InterstitialPage>>,
    pub fallback_url: Option<String>,
    pub prepend_text: Option<String>,
    pub append_text: Option<String>,
}

impl Default for ListFields {
    fn default() -> Self {
        Self {
            phone_number: String::new(),
            list_name: String::new(),
            brand_name: None,
            status: ListStatus::Active,
            short_domain: None,
            click_domain: None,
            collapse_hops: false,
            interstitial: None,
            fallback_url: None,
            prepend_text: None,
            append_text: None,
        }
    }
}

/// Rows of `domains`, as a list refers to them.
#[derive(Debug, Clone, Copy)]
pub struct ListDomains {
    pub short: Option<i64>,
    pub click: Option<i64>,
}

/// The columns of [`ListFields`] as they are written: the values are those of [`values`].
const WRITTEN_COLUMNS: &str = "phone_number, list_name, brand_name, status, short_domain_id,
    click_domain_id, collapse_hops, interstitial, fallback_url, prepend_text, append_text";

fn values<'a>(fields: &'a ListFields, domains: &'a ListDomains) -> [&'a (dyn ToSql + Sync); 11] {
    [
        &fields.phone_number,
        &fields.list_name,
        &fields.brand_name,
        &fields.status,
        &domains.short,
        &domains.click,
        &fields.collapse_hops,
        &fields.interstitial,
        &fields.fallback_url,
        &fields.prepend_text,
        &fields.append_text,
    ]
}

const COLUMNS: &str = "
    l.id, l.phone_number, l.list_name, l.brand_name, l.status, s.host AS short_domain,
    c.host AS click_domain, l.collapse_hops, l.interstitial, l.fallback_url, l.prepend_text,
    l.append_text, l.created_at, l.updated_at
";
const FROM: &str = "
    FROM lists l
    LEFT JOIN domains s ON s.id = l.short_domain_id
    LEFT JOIN domains c ON c.id = l.click_domain_id
";

impl From<&Row> for ListRow {
    fn from(row: &Row) -> Self {
        Self {
            id: ListId(row.get("id")),
            fields: ListFields {
                phone_number: row.get("phone_number"),
                list_name: row.get("list_name"),
                brand_name: row.get("brand_name"),
                status: row.get("status"),
                short_domain: row.get("short_domain"),
                click_domain: row.get("click_domain"),
                collapse_hops: row.get("collapse_hops"),
                interstitial: row.get("interstitial"),
                fallback_url: row.get("fallback_url"),
                prepend_text: row.get("prepend_text"),
                append_text: row.get("append_text"),
            },
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }
}

/// A page of the account's lists, and the number of all; without a status, those that are not
/// deleted.
pub async fn select_page(
    client: &impl GenericClient,
    account_id: AccountId,
    status: Option<ListStatus>,
    page: PageRequest,
) -> Result<(Vec<ListRow>, i64), ApiError> {
    let from = format!(
        "{FROM}
         WHERE l.account_id = $1
           AND CASE WHEN $2::text IS NULL THEN l.status <> 'deleted' ELSE l.status = $2 END"
    );
    let query = ListQuery {
        columns: COLUMNS,
        from: &from,
        order_by: "l.id DESC",
    };
    let parameters: [&(dyn ToSql + Sync); 2] = [&account_id.0, &status];
    let (rows, total) = crate::db::select_page(client, query, &parameters, page).await?;
    Ok((rows.iter().map(ListRow::from).collect(), total))
}

pub async fn find(
    client: &impl GenericClient,
    account_id: AccountId,
    id: ListId,
    lock: RowLock,
) -> Result<Option<ListRow>, ApiError> {
    let lock = lock.clause_of("l");
    let sql = format!("SELECT {COLUMNS} {FROM} WHERE l.account_id = $1 AND l.id = $2 {lock}");
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &id.0])
        .await?;
    Ok(row.as_ref().map(ListRow::from))
}

pub async fn insert(
    client: &impl GenericClient,
    account_id: AccountId,
    fields: &ListFields,
    domains: ListDomains,
) -> Result<ListId, ApiError> {
    let values = values(fields, &domains);
    let keys: [(&str, &(dyn ToSql + Sync)); 1] = [("account_id", &account_id.0)];
    let row = insert_row(client, "lists", WRITTEN_COLUMNS, &values, &keys).await?;
    Ok(ListId(row.get("id")))
}

pub async fn update(
    client: &impl GenericClient,
    id: ListId,
    fields: &ListFields,
    domains: ListDomains,
) -> Result<(), ApiError> {
    let values = values(fields, &domains);
    update_row(client, "lists", WRITTEN_COLUMNS, &values, &id.0).await?;
    Ok(())
}

/// Gives a list the status `deleted`; whether the account has the list.
pub async fn mark_deleted(
    client: &impl GenericClient,
    account_id: AccountId,
    id: ListId,
) -> Result<bool, ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE lists
             SET status = 'deleted', version = version + 1, updated_at = now()
             WHERE account_id = $1 AND id = $2",
        )
        .await?;
    let n_updated = client.execute(&statement, &[&account_id.0, &id.0]).await?;
    Ok(n_updated > 0)
}
