//! The table `clicks`. The ledger inserts and reclassifies them.

use std::collections::BTreeMap;

use domain::{
    id::{AccountId, ClickId, LinkKey},
    record::StoredClick,
};
use postgres::pool::GenericClient;
use tokio_postgres::{Row, types::ToSql};

use super::facts::FactFilter;
use crate::error::ApiError;

/// The clicks `c` with these ids that meet the conditions of the filter now, from the oldest.
///
/// `OFFSET 0` keeps Postgres from joining in the other order, which reads all clicks of the
/// account and is cheaper by its estimate for a partition that has no statistics yet.
pub async fn select_again(
    client: &impl GenericClient,
    account_id: AccountId,
    columns: &str,
    filter: &FactFilter,
    ids: &[ClickId],
) -> Result<Vec<Row>, ApiError> {
    let sql = format!(
        "SELECT {columns}
         FROM unnest($2::uuid[], $3::timestamptz[]) AS selected (click_id, clicked_at)
         CROSS JOIN LATERAL (
             SELECT *
             FROM clicks
             WHERE clicked_at = selected.clicked_at AND click_id = selected.click_id
             OFFSET 0
         ) AS c
         WHERE c.account_id = $1
           {}
         ORDER BY c.clicked_at, c.click_id
         LIMIT $4",
        filter.sql(5)
    );
    let uuids: Vec<_> = ids.iter().map(ClickId::as_uuid).collect();
    let times: Vec<_> = ids.iter().map(ClickId::time).collect();
    let limit = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    let parameters: [&(dyn ToSql + Sync); 4] = [&account_id.0, &uuids, &times, &limit];
    let parameters: Vec<_> = parameters.into_iter().chain(filter.parameters()).collect();
    Ok(client.query(&sql, &parameters).await?)
}

/// The click of each contact that counts for a message, from the oldest.
pub async fn select_message_clicks(
    client: &impl GenericClient,
    account_id: AccountId,
    columns: &str,
    message_key: &str,
    limit: i64,
) -> Result<Vec<Row>, ApiError> {
    let sql = format!(
        "SELECT {columns}
         FROM message_clicks m
         JOIN clicks c ON c.clicked_at = m.clicked_at AND c.click_id = m.click_id
         WHERE m.account_id = $1 AND m.message_key = $2
         ORDER BY m.clicked_at, m.click_id
         LIMIT $3"
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client
        .query(&statement, &[&account_id.0, &message_key, &limit])
        .await?;
    Ok(rows)
}

/// Those of some clicks, of whichever accounts, that are stored.
pub async fn find_stored(
    client: &impl GenericClient,
    ids: &[ClickId],
) -> Result<BTreeMap<ClickId, StoredClick>, ApiError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let statement = client
        .prepare_cached(
            "SELECT c.click_id, c.account_id, c.link_key, c.link_id, c.offer_id
             FROM unnest($1::uuid[], $2::timestamptz[]) AS named (click_id, clicked_at)
             CROSS JOIN LATERAL (
                 SELECT click_id, account_id, link_key, link_id, offer_id
                 FROM clicks
                 WHERE clicked_at = named.clicked_at AND click_id = named.click_id
                 OFFSET 0
             ) AS c",
        )
        .await?;
    let uuids: Vec<_> = ids.iter().map(ClickId::as_uuid).collect();
    let times: Vec<_> = ids.iter().map(ClickId::time).collect();
    let rows = client.query(&statement, &[&uuids, &times]).await?;
    let stored = rows.iter().filter_map(|row| {
        let id = ClickId::from_uuid(row.get("click_id")).ok()?;
        let click = StoredClick {
            account_id: AccountId(row.get("account_id")),
            link_key: LinkKey(row.get("link_key")),
            link_id: row.get("link_id"),
            offer_id: row.get("offer_id"),
        };
        Some((id, click))
    });
    Ok(stored.collect())
}
