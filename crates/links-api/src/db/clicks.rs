//! The table `clicks`. The ledger inserts and reclassifies them.

use std::collections::BTreeMap;

use domain::{
    bot::BotReason,
    id::{AccountId, ClickId, LinkKey},
    record::StoredClick,
};
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use postgres::pool::GenericClient;
use tokio_postgres::{Row, types::ToSql};

use crate::error::ApiError;

/// Conditions that a click must all meet. `None` is no condition.
#[derive(Debug, Default, PartialEq)]
pub struct ClickFilter {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub link_keys: Option<Vec<i64>>,
    pub list_id: Option<i64>,
    pub offer_id: Option<String>,
    pub creative_id: Option<i64>,
    pub campaign_id: Option<String>,
    pub message_id: Option<String>,
    pub contact_phone: Option<String>,
    pub network: Option<IpNet>,
    /// A part of it, in either case.
    pub user_agent: Option<String>,
    pub country: Option<String>,
    pub asn: Option<i64>,
    pub is_bot: Option<bool>,
    pub reason: Option<BotReason>,
}

/// The conditions of a filter on clicks `c`, except those on the time, with the parameters
/// `$5` to `$17`.
const CONDITIONS: &str = "
    ($5::bigint[] IS NULL OR c.link_key = ANY ($5))
    AND ($6::bigint IS NULL OR c.list_id = $6)
    AND ($7::text IS NULL OR c.offer_id = $7)
    AND ($8::bigint IS NULL OR c.creative_id = $8)
    AND ($9::text IS NULL OR c.campaign_id = $9)
    AND ($10::text IS NULL OR c.message_id = $10)
    AND ($11::text IS NULL OR c.contact_phone = $11)
    AND ($12::text IS NULL OR c.ip <<= $12::inet)
    AND ($13::text IS NULL OR strpos(lower(c.user_agent), lower($13)) > 0)
    AND ($14::text IS NULL OR c.country = $14)
    AND ($15::bigint IS NULL OR c.asn = $15)
    AND ($16::boolean IS NULL OR c.is_bot = $16)
    AND ($17::text IS NULL OR $17 = ANY (c.bot_reasons))
";

/// The order in which clicks are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClickOrder {
    OldestFirst,
    NewestFirst,
}

/// A page of clicks: at most `limit`, behind the one with the id `cursor`.
#[derive(Debug, Clone, Copy)]
pub struct ClickPage {
    pub order: ClickOrder,
    pub cursor: Option<ClickId>,
    pub limit: i64,
}

/// A page of the account's clicks `c`.
pub async fn select_page(
    client: &impl GenericClient,
    account_id: AccountId,
    columns: &str,
    filter: &ClickFilter,
    page: ClickPage,
) -> Result<Vec<Row>, ApiError> {
    let ClickPage {
        order,
        cursor,
        limit,
    } = page;
    // The condition on the time alone lets Postgres use the index of the account's clicks and
    // choose the partitions; the comparison with the cursor is exact within a millisecond.
    let (is_behind_cursor, direction) = match order {
        ClickOrder::OldestFirst => (
            "c.clicked_at >= $18 AND (c.clicked_at, c.click_id) > ($18, $19)",
            "ASC",
        ),
        ClickOrder::NewestFirst => (
            "c.clicked_at <= $18 AND (c.clicked_at, c.click_id) < ($18, $19)",
            "DESC",
        ),
    };
    let cursor_condition = match cursor {
        Some(_) => is_behind_cursor,
        None => "$18::timestamptz IS NULL AND $19::uuid IS NULL",
    };
    let sql = format!(
        "SELECT {columns}
         FROM clicks c
         WHERE c.account_id = $1
           AND c.clicked_at >= $2
           AND c.clicked_at < $3
           AND {CONDITIONS}
           AND {cursor_condition}
         ORDER BY c.clicked_at {direction}, c.click_id {direction}
         LIMIT $4"
    );
    let from = filter.from.unwrap_or(Timestamp::UNIX_EPOCH);
    let to = filter.to.unwrap_or_else(latest_click_time);
    let cursor_time = cursor.map(|id| id.time());
    let cursor_id = cursor.map(|id| id.as_uuid());
    let parameters: [&(dyn ToSql + Sync); 4] = [&account_id.0, &from, &to, &limit];
    let cursor_parameters: [&(dyn ToSql + Sync); 2] = [&cursor_time, &cursor_id];
    let (network, reason) = filter.texts();
    let parameters: Vec<_> = parameters
        .into_iter()
        .chain(filter.conditions(&network, &reason))
        .chain(cursor_parameters)
        .collect();
    let statement = client.prepare_cached(&sql).await?;
    Ok(client.query(&statement, &parameters).await?)
}

/// The clicks `c` with these ids that meet the conditions of the filter now, from the oldest.
///
/// `OFFSET 0` keeps Postgres from joining in the other order, which reads all clicks of the
/// account and is cheaper by its estimate for a partition that has no statistics yet.
pub async fn select_again(
    client: &impl GenericClient,
    account_id: AccountId,
    columns: &str,
    filter: &ClickFilter,
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
           AND {CONDITIONS}
         ORDER BY c.clicked_at, c.click_id
         LIMIT $4"
    );
    let uuids: Vec<_> = ids.iter().map(ClickId::as_uuid).collect();
    let times: Vec<_> = ids.iter().map(ClickId::time).collect();
    let limit = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    let parameters: [&(dyn ToSql + Sync); 4] = [&account_id.0, &uuids, &times, &limit];
    let (network, reason) = filter.texts();
    let parameters: Vec<_> = parameters
        .into_iter()
        .chain(filter.conditions(&network, &reason))
        .collect();
    let statement = client.prepare_cached(&sql).await?;
    Ok(client.query(&statement, &parameters).await?)
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

/// A time that no click is later than: clocks of redirectors may be ahead by less.
fn latest_click_time() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(48)
}

impl ClickFilter {
    /// Whether all clicks of the account meet it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The network and the reason as parameters.
    fn texts(&self) -> (Option<String>, Option<&'static str>) {
        let network = self.network.map(|network| network.to_string());
        (network, self.reason.map(BotReason::as_str))
    }

    /// The parameters of [`CONDITIONS`].
    fn conditions<'a>(
        &'a self,
        network: &'a Option<String>,
        reason: &'a Option<&'static str>,
    ) -> [&'a (dyn ToSql + Sync); 13] {
        [
            &self.link_keys,
            &self.list_id,
            &self.offer_id,
            &self.creative_id,
            &self.campaign_id,
            &self.message_id,
            &self.contact_phone,
            network,
            &self.user_agent,
            &self.country,
            &self.asn,
            &self.is_bot,
            reason,
        ]
    }
}
