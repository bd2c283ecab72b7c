//! Links of campaigns, which are those of the affiliate API.

use domain::{
    id::{AccountId, LinkCode},
    record::LinkRecord,
};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::{Row, types::ToSql};

use super::{LinkState, RECORD_COLUMNS, record_from_row};
use crate::{
    db::{ListQuery, select_page},
    enumeration::Enumeration as _,
    error::ApiError,
    http::PageRequest,
};

#[derive(Debug, Clone)]
pub struct CampaignLinkRow {
    pub record: LinkRecord,
    /// The landing page of the campaign, for links without one of their own.
    pub campaign_page: String,
    pub created_at: Timestamp,
}

impl CampaignLinkRow {
    fn from_row(row: &Row) -> Result<Self, ApiError> {
        Ok(Self {
            record: record_from_row(row)?,
            campaign_page: row.get("landing_page_url"),
            created_at: row.get("created_at"),
        })
    }
}

/// The columns that [`CampaignLinkRow::from_row`] reads.
fn columns() -> String {
    format!("{RECORD_COLUMNS}, l.created_at, c.landing_page_url")
}

const FROM: &str = "
    FROM links l
    JOIN domains d ON d.id = l.domain_id
    JOIN campaigns c ON c.id = l.campaign_id
";

#[derive(Debug)]
pub struct CampaignLinkFilter {
    pub status: LinkState,
    pub campaign_id: Option<String>,
}

/// A page of the account's links, and the number of all.
pub async fn select_campaign_links(
    client: &impl GenericClient,
    account_id: AccountId,
    filter: &CampaignLinkFilter,
    page: PageRequest,
) -> Result<(Vec<CampaignLinkRow>, i64), ApiError> {
    let columns = columns();
    let from = format!(
        "{FROM}
         WHERE l.account_id = $1
           AND l.campaign_id IS NOT NULL
           AND ($2::text IS NULL OR l.campaign_id = $2)
           AND l.status = $3"
    );
    let query = ListQuery {
        columns: &columns,
        from: &from,
        order_by: "l.id DESC",
    };
    let parameters: [&(dyn ToSql + Sync); 3] =
        [&account_id.0, &filter.campaign_id, &filter.status.name()];
    let (rows, total) = select_page(client, query, &parameters, page).await?;
    let links = rows.iter().map(CampaignLinkRow::from_row);
    Ok((links.collect::<Result<_, _>>()?, total))
}

pub async fn find_campaign_link(
    client: &impl GenericClient,
    account_id: AccountId,
    code: &LinkCode,
) -> Result<Option<CampaignLinkRow>, ApiError> {
    let columns = columns();
    let sql = format!("SELECT {columns} {FROM} WHERE l.account_id = $1 AND l.code = $2");
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &code.as_str()])
        .await?;
    row.as_ref().map(CampaignLinkRow::from_row).transpose()
}

/// Updates a link. `None` leaves a column as it is; `Some(None)` takes the landing page away,
/// so that the campaign's is used.
pub async fn update_campaign_link(
    client: &impl GenericClient,
    key: i64,
    status: Option<LinkState>,
    landing_page: Option<Option<&str>>,
) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE links
             SET status = coalesce($2, status),
                 destination = CASE WHEN $3 THEN $4 ELSE destination END,
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
                &status.map(LinkState::name),
                &landing_page.is_some(),
                &landing_page.flatten(),
            ],
        )
        .await?;
    Ok(())
}
