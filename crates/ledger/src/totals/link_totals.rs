//! The table `link_totals`: counts of each link by quarter of an hour, country and device.
//!
//! Most links are clicked once, so most rows are written once. A writer that does not know
//! whether a key has a row appends one instead of looking.

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
};

use jiff::Timestamp;
use postgres::{
    copy::RowCopy,
    pool::{GenericClient as _, Transaction},
};
use tokio_postgres::types::{ToSql, Type};

use super::{Measures, measures::MeasureColumns};
use crate::unnest::column;

/// What a row of `link_totals` counts. Several rows may have the same key; readers add them
/// up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LinkTotalsKey {
    pub account_id: i64,
    pub link_key: i64,
    pub bucket_start: Timestamp,
    pub country: String,
    pub device: String,
    pub currency: String,
}

/// Remembers which link totals a writer has written recently: the last one or two hundred
/// thousand. It keeps only hashes. A wrong answer does no harm: the table may have several
/// rows of one key, and a row that is looked for and not found is appended.
#[derive(Debug, Default)]
pub struct RecentLinkTotals {
    newer: HashSet<u64>,
    older: HashSet<u64>,
    hasher: RandomState,
}

impl RecentLinkTotals {
    const MAX_NEWER: usize = 100_000;

    /// Remembers a key, and returns whether it was remembered already.
    pub(super) fn remember(&mut self, key: &LinkTotalsKey) -> bool {
        let hash = self.hasher.hash_one(key);
        if !self.newer.insert(hash) {
            return true;
        }
        let is_known = self.older.contains(&hash);
        if self.newer.len() >= Self::MAX_NEWER {
            self.older = std::mem::take(&mut self.newer);
        }
        is_known
    }
}

/// Many keys as arrays of columns, the parameters of a statement.
struct LinkTotalsKeyColumns<'r> {
    account_ids: Vec<i64>,
    link_keys: Vec<i64>,
    bucket_starts: Vec<Timestamp>,
    countries: Vec<&'r str>,
    devices: Vec<&'r str>,
    currencies: Vec<&'r str>,
}

impl<'r> LinkTotalsKeyColumns<'r> {
    fn from_keys(keys: &[&'r LinkTotalsKey]) -> Self {
        Self {
            account_ids: column(keys, |key| key.account_id),
            link_keys: column(keys, |key| key.link_key),
            bucket_starts: column(keys, |key| key.bucket_start),
            countries: column(keys, |key| key.country.as_str()),
            devices: column(keys, |key| key.device.as_str()),
            currencies: column(keys, |key| key.currency.as_str()),
        }
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 6] {
        [
            &self.account_ids,
            &self.link_keys,
            &self.bucket_starts,
            &self.countries,
            &self.devices,
            &self.currencies,
        ]
    }
}

/// Appends rows without looking for rows with the same keys.
pub(super) async fn link_total_append_all(
    transaction: &Transaction<'_>,
    rows: impl ExactSizeIterator<Item = &(LinkTotalsKey, Measures)>,
) -> Result<(), tokio_postgres::Error> {
    if rows.len() == 0 {
        return Ok(());
    }
    let columns = [
        ("account_id", Type::INT8),
        ("link_key", Type::INT8),
        ("bucket", Type::TIMESTAMPTZ),
        ("country", Type::TEXT),
        ("device", Type::TEXT),
        ("currency", Type::TEXT),
        ("sends", Type::INT4),
        ("messages", Type::INT4),
        ("delivered_sends", Type::INT4),
        ("delivered_messages", Type::INT4),
        ("failed_sends", Type::INT4),
        ("failed_messages", Type::INT4),
        ("clicks", Type::INT4),
        ("unique_clicks", Type::INT4),
        ("bot_clicks", Type::INT4),
        ("confirmed_clicks", Type::INT4),
        ("costed_clicks", Type::INT4),
        ("conversions", Type::INT4),
        ("pending_conversions", Type::INT4),
        ("revenue", Type::NUMERIC),
        ("pending_revenue", Type::NUMERIC),
        ("click_cost", Type::NUMERIC),
    ];
    let mut copy = RowCopy::begin(transaction, "link_totals", &columns).await?;
    for (key, m) in rows {
        copy.write(&[
            &key.account_id,
            &key.link_key,
            &key.bucket_start,
            &key.country,
            &key.device,
            &key.currency,
            &m.sends,
            &m.messages,
            &m.delivered_sends,
            &m.delivered_messages,
            &m.failed_sends,
            &m.failed_messages,
            &m.clicks,
            &m.unique_clicks,
            &m.bot_clicks,
            &m.confirmed_clicks,
            &m.costed_clicks,
            &m.conversions,
            &m.pending_conversions,
            &m.revenue,
            &m.pending_revenue,
            &m.click_cost,
        ])
        .await?;
    }
    copy.finish().await
}

/// Adds to one row of each key that has any, and appends rows for the other keys. If another
/// transaction changes that row at the same time, a row is appended as well.
pub(super) async fn link_total_add_all(
    transaction: &Transaction<'_>,
    rows: &[(LinkTotalsKey, Measures)],
) -> Result<(), tokio_postgres::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "
        WITH n AS MATERIALIZED (
            SELECT DISTINCT ON (n.number) n.*, t.ctid AS row_position
            FROM unnest(
                $1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
                $7::integer[], $8::integer[], $9::integer[], $10::integer[], $11::integer[],
                $12::integer[], $13::integer[], $14::integer[], $15::integer[], $16::integer[],
                $17::integer[], $18::integer[], $19::integer[], $20::numeric[], $21::numeric[],
                $22::numeric[]
            ) WITH ORDINALITY AS n
                (account_id, link_key, bucket, country, device, currency, sends, messages,
                 delivered_sends, delivered_messages, failed_sends, failed_messages, clicks,
                 unique_clicks, bot_clicks, confirmed_clicks, costed_clicks, conversions,
                 pending_conversions, revenue, pending_revenue, click_cost, number)
            JOIN link_totals t USING (account_id, link_key, bucket, country, device, currency)
            ORDER BY n.number, t.ctid
        )
        UPDATE link_totals AS t
        SET sends = t.sends + n.sends,
            messages = t.messages + n.messages,
            delivered_sends = t.delivered_sends + n.delivered_sends,
            delivered_messages = t.delivered_messages + n.delivered_messages,
            failed_sends = t.failed_sends + n.failed_sends,
            failed_messages = t.failed_messages + n.failed_messages,
            clicks = t.clicks + n.clicks,
            unique_clicks = t.unique_clicks + n.unique_clicks,
            bot_clicks = t.bot_clicks + n.bot_clicks,
            confirmed_clicks = t.confirmed_clicks + n.confirmed_clicks,
            costed_clicks = t.costed_clicks + n.costed_clicks,
            conversions = t.conversions + n.conversions,
            pending_conversions = t.pending_conversions + n.pending_conversions,
            revenue = t.revenue + n.revenue,
            pending_revenue = t.pending_revenue + n.pending_revenue,
            click_cost = t.click_cost + n.click_cost
        FROM n
        WHERE t.ctid = n.row_position
        RETURNING n.number";
    let statement = transaction.prepare_cached(sql).await?;
    let keys: Vec<_> = rows.iter().map(|(key, _)| key).collect();
    let keys = LinkTotalsKeyColumns::from_keys(&keys);
    let measures = MeasureColumns::from_measures(rows.iter().map(|(_, measures)| measures));
    let parameters: Vec<_> = keys
        .parameters()
        .into_iter()
        .chain(measures.parameters())
        .collect();
    let added = transaction.query(&statement, &parameters).await?;
    let added: HashSet<i64> = added.iter().map(|row| row.get("number")).collect();
    let missing: Vec<_> = (1..)
        .zip(rows)
        .filter_map(|(number, row)| (!added.contains(&number)).then_some(row))
        .collect();
    link_total_append_all(transaction, missing.into_iter()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of_link(link_key: i64) -> LinkTotalsKey {
        LinkTotalsKey {
            account_id: 1,
            link_key,
            bucket_start: Timestamp::UNIX_EPOCH,
            country: String::new(),
            device: String::new(),
            currency: String::new(),
        }
    }

    #[test]
    fn a_link_total_in_use_stays_remembered_while_others_are_forgotten() {
        let mut recent = RecentLinkTotals::default();
        assert!(!recent.remember(&key_of_link(0)));
        assert!(!recent.remember(&key_of_link(1)));
        let n_others = 5 * RecentLinkTotals::MAX_NEWER as i64;
        for key in 2..n_others {
            assert!(!recent.remember(&key_of_link(key)), "{key}");
            if key % 1000 == 0 {
                assert!(recent.remember(&key_of_link(0)), "{key}");
            }
        }
        assert!(!recent.remember(&key_of_link(1)));
        assert!(recent.newer.len() + recent.older.len() <= 2 * RecentLinkTotals::MAX_NEWER);
    }
}
