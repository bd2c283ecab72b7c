//! Links of the v2 API: all but those of campaigns.

use domain::{
    cost::ClickCostRule,
    id::{AccountId, ShortId},
    record::LinkRecord,
};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use serde_json::{Map, Value};
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use super::{LinkState, RECORD_COLUMNS, record_from_row};
use crate::{
    db::{
        ListQuery,
        offers::{OfferSummary, SUMMARY_COLUMNS},
        select_page,
    },
    enumeration::Enumeration as _,
    error::ApiError,
    http::PageRequest,
};

#[derive(Debug, Clone)]
pub struct LinkRow {
    pub record: LinkRecord,
    pub offer: Option<OfferSummary>,
    pub metadata: Option<Value>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl LinkRow {
    fn from_row(row: &Row) -> Result<Self, ApiError> {
        let record = record_from_row(row)?;
        let metadata: Option<Json<Value>> = row.get("metadata");
        Ok(Self {
            offer: record.offer_id.map(|_| OfferSummary::from(row)),
            record,
            metadata: metadata.map(|Json(metadata)| metadata),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        })
    }
}

/// The columns that [`LinkRow::from_row`] reads.
fn columns() -> String {
    format!("{RECORD_COLUMNS}, l.metadata, l.created_at, l.updated_at, {SUMMARY_COLUMNS}")
}

const FROM: &str = "
    FROM links l
    JOIN domains d ON d.id = l.domain_id
    LEFT JOIN offers o ON o.id = l.offer_id
";

/// Conditions that a link must all meet. `None` is no condition.
#[derive(Debug, Default)]
pub struct LinkFilter {
    pub status: Option<LinkState>,
    pub offer_id: Option<String>,
    pub list_id: Option<i64>,
    pub message_id: Option<String>,
    pub contact_phone: Option<String>,
    pub host: Option<String>,
}

/// A page of the account's links, and the number of all.
pub async fn select_v2_links(
    client: &impl GenericClient,
    account_id: AccountId,
    filter: &LinkFilter,
    page: PageRequest,
) -> Result<(Vec<LinkRow>, i64), ApiError> {
    let columns = columns();
    let from = format!(
        "{FROM}
         WHERE l.account_id = $1
           AND l.campaign_id IS NULL
           AND ($2::text IS NULL OR l.status = $2)
           AND ($3::text IS NULL OR l.offer_id = $3)
           AND ($4::bigint IS NULL OR l.list_id = $4)
           AND ($5::text IS NULL OR l.message_id = $5)
           AND ($6::text IS NULL OR l.contact_phone = $6)
           AND ($7::text IS NULL OR d.host = $7)"
    );
    let query = ListQuery {
        columns: &columns,
        from: &from,
        order_by: "l.id DESC",
    };
    let parameters: [&(dyn ToSql + Sync); 7] = [
        &account_id.0,
        &filter.status.map(LinkState::name),
        &filter.offer_id,
        &filter.list_id,
        &filter.message_id,
        &filter.contact_phone,
        &filter.host,
    ];
    let (rows, total) = select_page(client, query, &parameters, page).await?;
    let links = rows.iter().map(LinkRow::from_row).collect::<Result<_, _>>();
    Ok((links?, total))
}

/// The account's link with this short id, on this host if one is given. It is an error if the
/// id is on several hosts.
pub async fn find_v2_link(
    client: &impl GenericClient,
    account_id: AccountId,
    link_id: &ShortId,
    host: Option<&str>,
) -> Result<Option<LinkRow>, ApiError> {
    let columns = columns();
    let sql = format!(
        "SELECT {columns}
         {FROM}
         WHERE l.account_id = $1
           AND l.campaign_id IS NULL
           AND l.short_id = $2
           AND ($3::text IS NULL OR d.host = $3)
         LIMIT 2"
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client
        .query(&statement, &[&account_id.0, &link_id.as_str(), &host])
        .await?;
    match &rows[..] {
        [] => Ok(None),
        [row] => LinkRow::from_row(row).map(Some),
        _ => Err(ApiError::AmbiguousLinkId),
    }
}

/// New values of a link. `None` leaves a column as it is.
#[derive(Debug)]
pub struct LinkUpdate<'a> {
    pub status: Option<LinkState>,
    pub destination: Option<&'a str>,
    /// `Some(None)` clears the time.
    pub expires_at: Option<Option<Timestamp>>,
    pub forward_query: Option<bool>,
    /// `Some(None)` clears the rule.
    pub click_cost: Option<Option<ClickCostRule>>,
    pub metadata: Option<&'a Map<String, Value>>,
}

pub async fn update_v2_link(
    client: &impl GenericClient,
    key: i64,
    update: &LinkUpdate<'_>,
) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE links
             SET status = coalesce($2, status),
                 destination = coalesce($3, destination),
                 expires_at = CASE WHEN $4 THEN $5 ELSE expires_at END,
                 forward_query = coalesce($6, forward_query),
                 metadata = coalesce($7, metadata),
                 click_cost = CASE WHEN $8 THEN $9 ELSE click_cost END,
                 version = version + 1,
                 updated_at = now()
             WHERE id = $1",
        )
        .await?;
    client
        .execute(
            &statement,
            &[
                &key,
                &update.status.map(LinkState::name),
                &update.destination,
                &update.expires_at.is_some(),
                &update.expires_at.flatten(),
                &update.forward_query,
                &update.metadata.map(Json),
                &update.click_cost.is_some(),
                &update
                    .click_cost
                    .as_ref()
                    .and_then(|rule| rule.as_ref().map(Json)),
            ],
        )
        .await?;
    Ok(())
}

pub async fn deactivate_link(client: &impl GenericClient, key: i64) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE links
             SET status = 'deactivated', version = version + 1, updated_at = now()
             WHERE id = $1",
        )
        .await?;
    client.execute(&statement, &[&key]).await?;
    Ok(())
}
