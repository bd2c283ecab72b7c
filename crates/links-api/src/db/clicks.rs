//! The table `clicks`. The ledger inserts and reclassifies them.

use domain::{
    bot::BotReason,
    id::{AccountId, ClickId},
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

/// At most `limit` of the account's clicks `c`, from the oldest, behind the one with the id
/// `cursor`.
pub async fn select_after(
    client: &impl GenericClient,
    account_id: AccountId,
    columns: &str,
    filter: &ClickFilter,
    cursor: Option<ClickId>,
    limit: i64,
) -> Result<Vec<Row>, ApiError> {
    let sql = format!(
        "SELECT {columns}
         FROM clicks c
         WHERE c.account_id = $1
           AND c.clicked_at >= $2
           AND ($3::uuid IS NULL OR (c.clicked_at, c.click_id) > ($2, $3))
           AND c.clicked_at < $4
           AND {CONDITIONS}
         ORDER BY c.clicked_at, c.click_id
         LIMIT $18"
    );
    let from = filter.from.unwrap_or(Timestamp::UNIX_EPOCH);
    // An id has the time of its click. A cursor of another export may lie before `from`.
    let cursor = cursor.filter(|id| id.time() >= from);
    let from = cursor.map_or(from, |id| id.time());
    let to = filter.to.unwrap_or_else(latest_click_time);
    let cursor = cursor.map(|id| id.as_uuid());
    let parameters: [&(dyn ToSql + Sync); 4] = [&account_id.0, &from, &cursor, &to];
    let (network, reason) = filter.texts();
    let parameters: Vec<_> = parameters
        .into_iter()
        .chain(filter.conditions(&network, &reason))
        .chain([&limit as &(dyn ToSql + Sync)])
        .collect();
    let statement = client.prepare_cached(&sql).await?;
    Ok(client.query(&statement, &parameters).await?)
}

/// The clicks `c` with these ids that meet the conditions of the filter now, from the oldest.
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
         JOIN clicks c ON c.clicked_at = selected.clicked_at AND c.click_id = selected.click_id
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
