//! The records as they stand in Postgres.

use domain::{
    id::{AccountId, LinkKey, ListId, OfferId, ShortId, TrackerToken},
    record::{
        AccountRecord, AccountStatus, Bound, LinkRecord, LinkStatus, ListRecord, OfferRecord,
        OfferStatus, Tracker,
    },
};
use store::pool::GenericClient;
use tokio_postgres::Row;

use crate::error::ApiError;

const LINK_SELECT: &str = "
    SELECT l.id, l.account_id, d.host AS short_host, l.short_id, l.tracker_host, l.tracker_token,
           l.list_id, l.offer_id, l.status, l.expires_at
    FROM links l
    JOIN domains d ON d.id = l.domain_id
";

pub async fn link_find_by_short_id(
    client: &impl GenericClient,
    host: &str,
    id: &ShortId,
) -> Result<Option<LinkRecord>, ApiError> {
    let sql = format!("{LINK_SELECT} WHERE d.host = $1 AND l.short_id = $2");
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&host, &id.as_str()]).await?;
    row.map(|row| link(&row)).transpose()
}

pub async fn link_find_by_token(
    client: &impl GenericClient,
    token: TrackerToken,
) -> Result<Option<LinkRecord>, ApiError> {
    let sql = format!("{LINK_SELECT} WHERE l.tracker_token = $1");
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&token.as_uuid()]).await?;
    row.map(|row| link(&row)).transpose()
}

pub async fn offer_find(
    client: &impl GenericClient,
    id: OfferId,
) -> Result<Option<OfferRecord>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT account_id, url_template, external_id, affiliate_id, fallback_url, status
             FROM offers
             WHERE id = $1",
        )
        .await?;
    let row = client.query_opt(&statement, &[&id.to_string()]).await?;
    Ok(row.map(|row| OfferRecord {
        offer_id: id,
        account_id: AccountId(row.get("account_id")),
        destination: row.get("url_template"),
        external_id: row.get("external_id"),
        affiliate_id: row.get("affiliate_id"),
        fallback_url: row.get("fallback_url"),
        status: match row.get("status") {
            "active" => OfferStatus::Active,
            "paused" => OfferStatus::Paused,
            _ => OfferStatus::Archived,
        },
    }))
}

pub async fn list_find(
    client: &impl GenericClient,
    id: ListId,
) -> Result<Option<ListRecord>, ApiError> {
    let statement = client
        .prepare_cached("SELECT account_id, collapse_hops, fallback_url FROM lists WHERE id = $1")
        .await?;
    let row = client.query_opt(&statement, &[&id.0]).await?;
    Ok(row.map(|row| ListRecord {
        list_id: id,
        account_id: AccountId(row.get("account_id")),
        collapse_hops: row.get("collapse_hops"),
        fallback_url: row.get("fallback_url"),
    }))
}

pub async fn account_find(
    client: &impl GenericClient,
    id: AccountId,
) -> Result<Option<AccountRecord>, ApiError> {
    let statement = client
        .prepare_cached("SELECT status FROM accounts WHERE id = $1")
        .await?;
    let row = client.query_opt(&statement, &[&id.0]).await?;
    Ok(row.map(|row| AccountRecord {
        account_id: id,
        status: match row.get("status") {
            "active" => AccountStatus::Active,
            _ => AccountStatus::Suspended,
        },
    }))
}

fn link(row: &Row) -> Result<LinkRecord, ApiError> {
    let internal = |error: domain::id::InvalidId| ApiError::Internal(error.into());
    let token: Option<uuid::Uuid> = row.get("tracker_token");
    let host: Option<String> = row.get("tracker_host");
    let tracker = match (host, token) {
        (Some(host), Some(token)) => Some(Tracker {
            host,
            token: TrackerToken::from_uuid(token).map_err(internal)?,
        }),
        _ => None,
    };
    let offer_id: Option<&str> = row.get("offer_id");
    Ok(LinkRecord {
        link_key: LinkKey(row.get("id")),
        account_id: AccountId(row.get("account_id")),
        short_host: row.get("short_host"),
        link_id: ShortId::parse(row.get("short_id")).map_err(internal)?,
        tracker,
        list_id: row.get::<_, Option<i64>>("list_id").map(ListId),
        offer_id: offer_id.map(OfferId::parse).transpose().map_err(internal)?,
        destination: None,
        message_id: None,
        contact_phone: None,
        creative_id: None,
        bound: Bound::default(),
        status: match row.get("status") {
            "active" => LinkStatus::Active,
            _ => LinkStatus::Deactivated,
        },
        expires_at: row.get("expires_at"),
    })
}
