//! Records of whole links, as redirectors read them.

use domain::{
    cost::ClickCostRule,
    id::{
        AccountId, CampaignId, CreativeId, LinkCode, LinkKey, ListId, OfferId, ShortId,
        TrackerToken,
    },
    record::{CodeUrl, DefaultParameters, LinkRecord, LinkStatus, TrackerUrl},
};
use postgres::pool::GenericClient;
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use crate::error::ApiError;

/// The columns that [`record_from_row`] reads, of links `l` and their domains `d`.
pub const RECORD_COLUMNS: &str = "
    l.id, l.account_id, d.host AS short_host, l.short_id, l.tracker_host, l.tracker_token,
           l.code, l.code_host, l.creative_id, l.list_id, l.offer_id, l.campaign_id, l.destination, l.message_id,
           l.contact_phone, l.bound, l.forward_query, l.click_cost, l.status,
           l.expires_at, l.version
";
/// The URL of a short link, of links `l` and their domains `d`, as
/// `LinkRecord::short_url` writes it.
///
/// Only the development machine's hosts have a port, and no TLS, see [`domain::host::origin`].
pub const SHORT_URL: &str = "CASE WHEN d.host LIKE '%:%' THEN 'http://' ELSE 'https://' END
                             || d.host || '/' || l.short_id";

/// The tables of [`RECORD_COLUMNS`].
pub const RECORD_FROM: &str = "FROM links l JOIN domains d ON d.id = l.domain_id";

pub fn record_from_row(row: &Row) -> Result<LinkRecord, ApiError> {
    let internal = |error: domain::id::InvalidId| ApiError::Internal(error.into());
    let token: Option<uuid::Uuid> = row.get("tracker_token");
    let host: Option<String> = row.get("tracker_host");
    let tracker = match (host, token) {
        (Some(host), Some(token)) => Some(TrackerUrl {
            host,
            token: TrackerToken::from_uuid(token).map_err(internal)?,
        }),
        _ => None,
    };
    let code: Option<&str> = row.get("code");
    let code_host: Option<String> = row.get("code_host");
    let code = match (code_host, code) {
        (Some(host), Some(code)) => Some(CodeUrl {
            host,
            code: LinkCode::parse(code).map_err(internal)?,
        }),
        _ => None,
    };
    let offer_id: Option<&str> = row.get("offer_id");
    let campaign_id: Option<&str> = row.get("campaign_id");
    let default_parameters: Option<Json<DefaultParameters>> = row.get("bound");
    Ok(LinkRecord {
        link_key: LinkKey(row.get("id")),
        account_id: AccountId(row.get("account_id")),
        short_host: row.get("short_host"),
        link_id: ShortId::parse(row.get("short_id")).map_err(internal)?,
        tracker,
        code,
        list_id: row.get::<_, Option<i64>>("list_id").map(ListId),
        offer_id: offer_id.map(OfferId::parse).transpose().map_err(internal)?,
        campaign_id: campaign_id
            .map(CampaignId::parse)
            .transpose()
            .map_err(internal)?,
        destination: row.get("destination"),
        message_id: row.get("message_id"),
        contact_phone: row.get("contact_phone"),
        creative_id: row.get::<_, Option<i64>>("creative_id").map(CreativeId),
        default_parameters: default_parameters
            .map(|Json(parameters)| parameters)
            .unwrap_or_default(),
        forward_query: row.get("forward_query"),
        click_cost: row
            .get::<_, Option<Json<ClickCostRule>>>("click_cost")
            .map(|Json(rule)| rule),
        version: row.get("version"),
        status: match row.get("status") {
            "active" => LinkStatus::Active,
            _ => LinkStatus::Deactivated,
        },
        expires_at: row.get("expires_at"),
    })
}

/// The links with these keys, in no order.
pub async fn find_records(
    client: &impl GenericClient,
    keys: &[i64],
) -> Result<Vec<LinkRecord>, ApiError> {
    let sql = format!("SELECT {RECORD_COLUMNS} {RECORD_FROM} WHERE l.id = ANY($1)");
    select_records(client, &sql, &[&keys]).await
}

/// Runs a query for [`RECORD_COLUMNS`].
pub async fn select_records(
    client: &impl GenericClient,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<LinkRecord>, ApiError> {
    let statement = client.prepare_cached(sql).await?;
    let rows = client.query(&statement, parameters).await?;
    rows.iter().map(record_from_row).collect()
}
