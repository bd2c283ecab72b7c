//! The table `conversions`. The ledger inserts them.

use domain::id::{AccountId, ConversionId};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::{Row, types::ToSql};

use crate::{enumeration::enumeration, error::ApiError};

enumeration! {
    /// What a conversion is credited to.
    pub enum Attribution {
        /// A click, with its link, offer and message.
        Click = "click",
        /// An offer, without a click.
        Offer = "offer",
        None = "none",
    }
}

/// Conditions that a conversion must all meet. `None` is no condition.
#[derive(Debug, Default)]
pub struct ConversionFilter {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub event: Option<String>,
    pub attribution: Option<Attribution>,
    pub txn_id: Option<String>,
    /// The code of the coupon that it came by, in upper case.
    pub coupon: Option<String>,
    pub offer_id: Option<String>,
    pub campaign_id: Option<String>,
    pub message_id: Option<String>,
    /// Credited to one of these links.
    pub link_keys: Option<Vec<i64>>,
}

/// At most `limit` of the account's conversions `c`, from the oldest, behind the one with the
/// id `cursor`.
pub async fn select_after(
    client: &impl GenericClient,
    account_id: AccountId,
    columns: &str,
    filter: &ConversionFilter,
    cursor: Option<ConversionId>,
    limit: i64,
) -> Result<Vec<Row>, ApiError> {
    let sql = format!(
        "SELECT {columns}
         FROM conversions c
         WHERE c.account_id = $1
           AND c.converted_at >= $2
           AND ($3::uuid IS NULL OR (c.converted_at, c.conversion_id) > ($2, $3))
           AND ($4::timestamptz IS NULL OR c.converted_at < $4)
           AND ($5::text IS NULL OR c.event = $5)
           AND ($6::text IS NULL OR c.attribution = $6)
           AND ($7::text IS NULL OR c.txn_id = $7)
           AND ($8::text IS NULL OR c.credited_offer_id = $8)
           AND ($9::text IS NULL OR c.credited_campaign_id = $9)
           AND ($10::text IS NULL OR c.credited_message_id = $10)
           AND ($11::bigint[] IS NULL OR c.credited_link_key = ANY ($11))
           AND ($12::text IS NULL OR c.coupon = $12)
         ORDER BY c.converted_at, c.conversion_id
         LIMIT $13"
    );
    let from = filter.from.unwrap_or(Timestamp::UNIX_EPOCH);
    // An id has the time of its conversion. A cursor of another export may lie before `from`.
    let cursor = cursor.filter(|id| id.time() >= from);
    let from = cursor.map_or(from, |id| id.time());
    let parameters: [&(dyn ToSql + Sync); 13] = [
        &account_id.0,
        &from,
        &cursor.map(|id| id.as_uuid()),
        &filter.to,
        &filter.event,
        &filter.attribution,
        &filter.txn_id,
        &filter.offer_id,
        &filter.campaign_id,
        &filter.message_id,
        &filter.link_keys,
        &filter.coupon,
        &limit,
    ];
    let statement = client.prepare_cached(&sql).await?;
    Ok(client.query(&statement, &parameters).await?)
}

/// The account's conversions `c` that are credited to clicks of a message, from the oldest.
pub async fn select_of_message(
    client: &impl GenericClient,
    account_id: AccountId,
    columns: &str,
    message_key: &str,
    limit: i64,
) -> Result<Vec<Row>, ApiError> {
    let sql = format!(
        "SELECT {columns}
         FROM conversions c
         WHERE c.account_id = $1 AND c.message_key = $2 AND c.attribution = 'click'
         ORDER BY c.converted_at, c.conversion_id
         LIMIT $3"
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client
        .query(&statement, &[&account_id.0, &message_key, &limit])
        .await?;
    Ok(rows)
}

/// One of the account's conversions `c`.
pub async fn find(
    client: &impl GenericClient,
    account_id: AccountId,
    columns: &str,
    conversion_id: ConversionId,
) -> Result<Option<Row>, ApiError> {
    let sql = format!(
        "SELECT {columns} FROM conversions c WHERE c.account_id = $1 AND c.conversion_id = $2"
    );
    let statement = client.prepare_cached(&sql).await?;
    let parameters: [&(dyn ToSql + Sync); 2] = [&account_id.0, &conversion_id.as_uuid()];
    Ok(client.query_opt(&statement, &parameters).await?)
}

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownConversion {
    Stored(ConversionId),
    Deleted,
}

/// The account's conversion that has this id or an update with it: a postback is told its own
/// id, and may be an update.
pub async fn find_known(
    client: &impl GenericClient,
    account_id: AccountId,
    id: ConversionId,
) -> Result<Option<KnownConversion>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT conversion_id, false AS is_deleted
             FROM conversions
             WHERE conversion_id = $2 AND account_id = $1
             UNION ALL
             SELECT c.conversion_id, false
             FROM conversion_updates u
             JOIN conversions c ON c.conversion_id = u.conversion_id
             WHERE u.update_id = $2 AND c.account_id = $1
             UNION ALL
             SELECT conversion_id, true
             FROM deleted_conversions
             WHERE conversion_id = $2 AND account_id = $1
             ORDER BY is_deleted
             LIMIT 1",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &id.as_uuid()])
        .await?;
    let known = |row: Row| match row.get("is_deleted") {
        true => Some(KnownConversion::Deleted),
        false => {
            let id = ConversionId::from_uuid(row.get("conversion_id"));
            id.ok().map(KnownConversion::Stored)
        }
    };
    Ok(row.and_then(known))
}

/// All updates of a conversion, from the oldest. Of one that has not been updated, the table has
/// none: what created it is the only one.
pub async fn select_updates(
    client: &impl GenericClient,
    conversion_id: ConversionId,
) -> Result<Vec<Row>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT update_id, status, revenue, currency, event, is_correction, api_key_id,
                    user_id
             FROM conversion_updates
             WHERE conversion_id = $1
             UNION ALL
             SELECT conversion_id, status, revenue, currency, NULL, false, NULL, NULL
             FROM conversions
             WHERE conversion_id = $1
               AND NOT EXISTS (SELECT FROM conversion_updates WHERE conversion_id = $1)
             ORDER BY update_id",
        )
        .await?;
    let rows = client
        .query(&statement, &[&conversion_id.as_uuid()])
        .await?;
    Ok(rows)
}

/// A conversion as the affiliate API shows it to the client that recorded it.
#[derive(Debug)]
pub struct TrackedRow {
    pub conversion_id: String,
    pub click_id: String,
    /// The campaign that it is credited to.
    pub campaign_id: Option<String>,
    pub attribution: Attribution,
    /// Whether its click has not arrived.
    pub is_unmatched: bool,
    pub converted_at: Timestamp,
}

/// The account's conversion with this key, of which there is at most one.
pub async fn find_tracked(
    client: &impl GenericClient,
    account_id: AccountId,
    conversion_id: ConversionId,
) -> Result<Option<TrackedRow>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT conversion_id::text AS conversion_id, coalesce(click_id::text, '') AS click_id,
                    coalesce(credited_campaign_id, campaign_id) AS campaign_id, converted_at,
                    attribution, click_id IS NOT NULL AND message_key IS NULL AS is_unmatched
             FROM conversions
             WHERE account_id = $1 AND conversion_id = $2",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &conversion_id.as_uuid()])
        .await?;
    Ok(row.map(|row| TrackedRow {
        conversion_id: row.get("conversion_id"),
        click_id: row.get("click_id"),
        campaign_id: row.get("campaign_id"),
        attribution: row.get("attribution"),
        is_unmatched: row.get("is_unmatched"),
        converted_at: row.get("converted_at"),
    }))
}
