//! The totals, and what a transaction adds to them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
    ops::AddAssign,
};

use jiff::Timestamp;
use rust_decimal::Decimal;
use tokio_postgres::types::{ToSql, Type};

use super::column;
use postgres::{
    copy::RowCopy,
    pool::{GenericClient as _, Transaction},
};

/// Seconds of a bucket: the offsets of all time zones are multiples of it.
pub const BUCKET_S: i64 = 900;

/// The start of the bucket of a time.
pub fn bucket(time: Timestamp) -> Timestamp {
    floor(time, BUCKET_S)
}

/// The start of the day of a time, by UTC.
pub fn day(time: Timestamp) -> Timestamp {
    floor(time, 24 * 60 * 60)
}

fn floor(time: Timestamp, step_s: i64) -> Timestamp {
    let second = time.as_millisecond().div_euclid(1000);
    // The very first times there are have no start of a day before them.
    Timestamp::from_second(second - second.rem_euclid(step_s)).unwrap_or(Timestamp::MIN)
}

/// What is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measures {
    /// Messages sent, once for each row that a message belongs to.
    pub sends: i32,
    /// Messages sent, once for each message.
    pub messages: i32,
    pub clicks: i32,
    /// Message clicks.
    pub unique_clicks: i32,
    pub bot_clicks: i32,
    pub confirmed_clicks: i32,
    pub conversions: i32,
    pub revenue: Decimal,
}

impl Measures {
    fn is_change(&self) -> bool {
        *self != Self::default()
    }
}

impl AddAssign for Measures {
    fn add_assign(&mut self, other: Self) {
        self.sends += other.sends;
        self.messages += other.messages;
        self.clicks += other.clicks;
        self.unique_clicks += other.unique_clicks;
        self.bot_clicks += other.bot_clicks;
        self.confirmed_clicks += other.confirmed_clicks;
        self.conversions += other.conversions;
        self.revenue += other.revenue;
    }
}

impl std::ops::Neg for Measures {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            sends: -self.sends,
            messages: -self.messages,
            clicks: -self.clicks,
            unique_clicks: -self.unique_clicks,
            bot_clicks: -self.bot_clicks,
            confirmed_clicks: -self.confirmed_clicks,
            conversions: -self.conversions,
            revenue: -self.revenue,
        }
    }
}

/// Where something is counted: the value of each dimension.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pub account_id: i64,
    pub link_key: Option<i64>,
    pub offer_id: Option<String>,
    pub list_id: Option<i64>,
    pub creative_id: Option<i64>,
    pub campaign_id: Option<String>,
    pub country: Option<String>,
    pub device: Option<String>,
}

/// When, and in which currency: the empty text for what is not money.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Slot {
    bucket: Timestamp,
    currency: String,
}

/// A message that was sent, with its links.
#[derive(Debug)]
pub struct Sent {
    pub account_id: i64,
    pub list_id: i64,
    pub creative_id: i64,
    /// Link and offer, in the order of the message's placeholders.
    pub links: Vec<(i64, Option<String>)>,
    /// The offers of a message that was sent before and gets more links.
    pub offers_before: Option<Vec<Option<String>>>,
}

/// What a transaction changes of the totals.
#[derive(Debug, Default)]
pub struct Deltas {
    /// Without links.
    cells: HashMap<(Slot, Place), Measures>,
    links: BTreeMap<LinkSlot, Measures>,
}

/// What a row of `link_totals` counts. Several rows may count the same: their sum is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct LinkSlot {
    account_id: i64,
    key: i64,
    bucket: Timestamp,
    country: String,
    device: String,
    currency: String,
}

impl Deltas {
    /// Something that happened at `time`.
    pub fn add(&mut self, mut place: Place, time: Timestamp, currency: &str, measures: Measures) {
        let slot = Slot {
            bucket: bucket(time),
            currency: currency.to_owned(),
        };
        self.add_link(&place, &slot, measures);
        place.link_key = None;
        *self.cells.entry((slot, place)).or_default() += measures;
    }

    /// A message: a send of each of its offers and links.
    pub fn add_send(&mut self, sent: &Sent, time: Timestamp) {
        let slot = Slot {
            bucket: bucket(time),
            currency: String::new(),
        };
        let place = |offer_id: &Option<String>| Place {
            account_id: sent.account_id,
            list_id: Some(sent.list_id),
            creative_id: Some(sent.creative_id),
            offer_id: offer_id.clone(),
            ..Place::default()
        };
        let mut offers: Vec<_> = sent.offers_before.iter().flatten().collect();
        let is_new = sent.offers_before.is_none();
        for (index, (key, offer_id)) in sent.links.iter().enumerate() {
            let measures = |is_first: bool| Measures {
                sends: 1,
                messages: i32::from(is_first),
                ..Measures::default()
            };
            let link = Place {
                link_key: Some(*key),
                ..place(offer_id)
            };
            self.add_link(&link, &slot, measures(is_new && index == 0));
            if !offers.contains(&offer_id) {
                let cell = self.cells.entry((slot.clone(), place(offer_id)));
                *cell.or_default() += measures(is_new && index == 0);
                offers.push(offer_id);
            }
        }
    }

    fn add_link(&mut self, place: &Place, slot: &Slot, measures: Measures) {
        let Some(key) = place.link_key else { return };
        let key = LinkSlot {
            account_id: place.account_id,
            key,
            bucket: slot.bucket,
            country: place.country.clone().unwrap_or_default(),
            device: place.device.clone().unwrap_or_default(),
            currency: slot.currency.clone(),
        };
        *self.links.entry(key).or_default() += measures;
    }

    /// Writes what has changed, and is empty again.
    pub async fn write(
        &mut self,
        transaction: &Transaction<'_>,
    ) -> Result<(), tokio_postgres::Error> {
        self.write_totals(transaction).await?;
        let links = self.take_links().collect::<Vec<_>>();
        link_total_add_all(transaction, &links).await
    }

    /// As [`write`](Self::write), by a writer that remembers which link totals it has
    /// written: only those are looked for, the others are appended, which costs less.
    pub async fn write_remembering(
        &mut self,
        transaction: &Transaction<'_>,
        recent: &mut RecentLinkTotals,
    ) -> Result<(), tokio_postgres::Error> {
        self.write_totals(transaction).await?;
        let (written_before, others): (Vec<_>, Vec<_>) = self
            .take_links()
            .partition(|(slot, _)| recent.remember(slot));
        link_total_add_all(transaction, &written_before).await?;
        link_total_append_all(transaction, others.iter()).await
    }

    async fn write_totals(
        &mut self,
        transaction: &Transaction<'_>,
    ) -> Result<(), tokio_postgres::Error> {
        let rows = rolled_up(std::mem::take(&mut self.cells));
        let rows: Vec<_> = rows.into_iter().filter(|(_, m)| m.is_change()).collect();
        total_add_all(transaction, &rows).await
    }

    fn take_links(&mut self) -> impl Iterator<Item = (LinkSlot, Measures)> + use<> {
        let links = std::mem::take(&mut self.links);
        links.into_iter().filter(|(_, m)| m.is_change())
    }
}

/// Which link totals a writer has written lately: those of the last one or two hundred
/// thousand. Only hashes are kept. A wrong answer does no harm, since the table may have
/// several rows of a slot, which readers add up: what is looked for and not found is
/// appended.
#[derive(Debug, Default)]
pub struct RecentLinkTotals {
    newer: HashSet<u64>,
    older: HashSet<u64>,
    hasher: RandomState,
}

impl RecentLinkTotals {
    const MAX_NEWER: usize = 100_000;

    /// Remembers a slot; whether it was known.
    fn remember(&mut self, slot: &LinkSlot) -> bool {
        let hash = self.hasher.hash_one(slot);
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

/// A row of `totals`; `place` has the values of its dimension only.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Total {
    account_id: i64,
    span: &'static str,
    dimension: &'static str,
    slot: Slot,
    key: String,
    place: Place,
}

/// The rows of every dimension that the cells add to, by key.
fn rolled_up(cells: HashMap<(Slot, Place), Measures>) -> BTreeMap<Total, Measures> {
    let mut totals = BTreeMap::new();
    let mut by_day: HashMap<(Slot, Place), Measures> = HashMap::new();
    for ((slot, place), measures) in &cells {
        let slot = Slot {
            bucket: day(slot.bucket),
            currency: slot.currency.clone(),
        };
        *by_day.entry((slot, place.clone())).or_default() += *measures;
    }
    let quarters = cells.into_iter().map(|cell| ("quarter", cell));
    let days = by_day.into_iter().map(|cell| ("day", cell));
    for (span, ((slot, place), measures)) in quarters.chain(days) {
        for total in dimensions(span, &slot, place) {
            let measures = Measures {
                // Nobody is sent anything in a country, on a device, or of a
                // campaign; and a message counts once but for its offers.
                sends: match total.dimension {
                    "cell" | "content" | "offer" => measures.sends,
                    "all" | "list" | "creative" => measures.messages,
                    _ => 0,
                },
                messages: match total.dimension {
                    "cell" | "content" | "all" | "list" | "creative" => measures.messages,
                    "offer" => measures.sends,
                    _ => 0,
                },
                ..measures
            };
            *totals.entry(total).or_default() += measures;
        }
    }
    totals
}

fn dimensions(span: &'static str, slot: &Slot, place: Place) -> [Total; 10] {
    let account_id = place.account_id;
    let total = |dimension, key: String, place: Place| Total {
        account_id,
        span,
        dimension,
        slot: slot.clone(),
        key,
        place: Place {
            account_id,
            ..place
        },
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let number = |value: Option<i64>| value.map(|n| n.to_string()).unwrap_or_default();
    let none = Place::default;
    [
        total("all", String::new(), none()),
        total(
            "offer",
            text(&place.offer_id),
            Place {
                offer_id: place.offer_id.clone(),
                ..none()
            },
        ),
        total(
            "list",
            number(place.list_id),
            Place {
                list_id: place.list_id,
                ..none()
            },
        ),
        total(
            "creative",
            number(place.creative_id),
            Place {
                creative_id: place.creative_id,
                ..none()
            },
        ),
        total(
            "campaign",
            text(&place.campaign_id),
            Place {
                campaign_id: place.campaign_id.clone(),
                ..none()
            },
        ),
        total(
            "country",
            text(&place.country),
            Place {
                country: place.country.clone(),
                ..none()
            },
        ),
        total(
            "device",
            text(&place.device),
            Place {
                device: place.device.clone(),
                ..none()
            },
        ),
        total(
            "content",
            content_key(&place),
            Place {
                country: None,
                device: None,
                ..place.clone()
            },
        ),
        total(
            "audience",
            audience_key(&place),
            Place {
                country: place.country.clone(),
                device: place.device.clone(),
                ..none()
            },
        ),
        total(
            "cell",
            format!("{}|{}", content_key(&place), audience_key(&place)),
            place,
        ),
    ]
}

fn content_key(place: &Place) -> String {
    let number = |value: Option<i64>| value.map(|n| n.to_string()).unwrap_or_default();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        text(&place.offer_id),
        number(place.list_id),
        number(place.creative_id),
        text(&place.campaign_id),
    ]
    .join("|")
}

fn audience_key(place: &Place) -> String {
    let text = |value: &Option<String>| value.as_deref().unwrap_or_default().to_owned();
    [text(&place.country), text(&place.device)].join("|")
}

/// The columns of measures, in the order of the statements.
struct MeasureColumns {
    counts: [Vec<i32>; 7],
    revenue: Vec<Decimal>,
}

impl MeasureColumns {
    fn of<'m>(rows: impl Iterator<Item = &'m Measures>) -> Self {
        let mut columns = Self {
            counts: Default::default(),
            revenue: Vec::new(),
        };
        for row in rows {
            let counts = [
                row.sends,
                row.messages,
                row.clicks,
                row.unique_clicks,
                row.bot_clicks,
                row.confirmed_clicks,
                row.conversions,
            ];
            for (column, count) in columns.counts.iter_mut().zip(counts) {
                column.push(count);
            }
            columns.revenue.push(row.revenue);
        }
        columns
    }

    fn parameters(&self) -> impl Iterator<Item = &(dyn ToSql + Sync)> {
        let counts = self
            .counts
            .iter()
            .map(|column| column as &(dyn ToSql + Sync));
        counts.chain([&self.revenue as &(dyn ToSql + Sync)])
    }
}

/// `rows` by key, so that transactions wait for each other in one order.
async fn total_add_all(
    transaction: &Transaction<'_>,
    rows: &[(Total, Measures)],
) -> Result<(), tokio_postgres::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO totals AS t
                 (account_id, span, dimension, bucket, key, currency, offer_id, list_id,
                  creative_id, campaign_id, country, device, sends, messages, clicks,
                  unique_clicks, bot_clicks, confirmed_clicks, conversions, revenue)
             SELECT *
             FROM unnest(
                 $1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[],
                 $7::text[], $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::text[],
                 $13::integer[], $14::integer[], $15::integer[], $16::integer[], $17::integer[],
                 $18::integer[], $19::integer[], $20::numeric[]
             )
             ON CONFLICT ON CONSTRAINT totals_pkey DO UPDATE
             SET sends = t.sends + excluded.sends,
                 messages = t.messages + excluded.messages,
                 clicks = t.clicks + excluded.clicks,
                 unique_clicks = t.unique_clicks + excluded.unique_clicks,
                 bot_clicks = t.bot_clicks + excluded.bot_clicks,
                 confirmed_clicks = t.confirmed_clicks + excluded.confirmed_clicks,
                 conversions = t.conversions + excluded.conversions,
                 revenue = t.revenue + excluded.revenue";
    let statement = transaction.prepare_cached(sql).await?;
    let measures = MeasureColumns::of(rows.iter().map(|(_, measures)| measures));
    let keys: [&(dyn ToSql + Sync); 12] = [
        &column(rows, |(total, _)| total.account_id),
        &column(rows, |(total, _)| total.span),
        &column(rows, |(total, _)| total.dimension),
        &column(rows, |(total, _)| total.slot.bucket),
        &column(rows, |(total, _)| total.key.as_str()),
        &column(rows, |(total, _)| total.slot.currency.as_str()),
        &column(rows, |(total, _)| total.place.offer_id.as_deref()),
        &column(rows, |(total, _)| total.place.list_id),
        &column(rows, |(total, _)| total.place.creative_id),
        &column(rows, |(total, _)| total.place.campaign_id.as_deref()),
        &column(rows, |(total, _)| total.place.country.as_deref()),
        &column(rows, |(total, _)| total.place.device.as_deref()),
    ];
    let parameters: Vec<_> = keys.into_iter().chain(measures.parameters()).collect();
    transaction.execute(&statement, &parameters).await?;
    Ok(())
}

/// The columns of [`LinkSlot`], as parameters of a statement.
struct LinkSlotColumns<'r> {
    account_ids: Vec<i64>,
    keys: Vec<i64>,
    buckets: Vec<Timestamp>,
    countries: Vec<&'r str>,
    devices: Vec<&'r str>,
    currencies: Vec<&'r str>,
}

impl<'r> LinkSlotColumns<'r> {
    fn of(slots: &[&'r LinkSlot]) -> Self {
        Self {
            account_ids: column(slots, |slot| slot.account_id),
            keys: column(slots, |slot| slot.key),
            buckets: column(slots, |slot| slot.bucket),
            countries: column(slots, |slot| slot.country.as_str()),
            devices: column(slots, |slot| slot.device.as_str()),
            currencies: column(slots, |slot| slot.currency.as_str()),
        }
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 6] {
        [
            &self.account_ids,
            &self.keys,
            &self.buckets,
            &self.countries,
            &self.devices,
            &self.currencies,
        ]
    }
}

/// Appends rows, whether or not there are some of the same slots.
async fn link_total_append_all(
    transaction: &Transaction<'_>,
    rows: impl ExactSizeIterator<Item = &(LinkSlot, Measures)>,
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
        ("clicks", Type::INT4),
        ("unique_clicks", Type::INT4),
        ("bot_clicks", Type::INT4),
        ("confirmed_clicks", Type::INT4),
        ("conversions", Type::INT4),
        ("revenue", Type::NUMERIC),
    ];
    let mut copy = RowCopy::begin(transaction, "link_totals", &columns).await?;
    for (slot, m) in rows {
        copy.write(&[
            &slot.account_id,
            &slot.key,
            &slot.bucket,
            &slot.country,
            &slot.device,
            &slot.currency,
            &m.sends,
            &m.messages,
            &m.clicks,
            &m.unique_clicks,
            &m.bot_clicks,
            &m.confirmed_clicks,
            &m.conversions,
            &m.revenue,
        ])
        .await?;
    }
    copy.finish().await
}

/// Adds to one row of each slot that has any, and appends the others. A row that somebody
/// else changes at the same time is left to them, and another one appended.
async fn link_total_add_all(
    transaction: &Transaction<'_>,
    rows: &[(LinkSlot, Measures)],
) -> Result<(), tokio_postgres::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "
        WITH n AS MATERIALIZED (
            SELECT DISTINCT ON (n.number) n.*, t.ctid AS place
            FROM unnest(
                $1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
                $7::integer[], $8::integer[], $9::integer[], $10::integer[], $11::integer[],
                $12::integer[], $13::integer[], $14::numeric[]
            ) WITH ORDINALITY AS n
                (account_id, link_key, bucket, country, device, currency, sends, messages, clicks,
                 unique_clicks, bot_clicks, confirmed_clicks, conversions, revenue, number)
            JOIN link_totals t USING (account_id, link_key, bucket, country, device, currency)
            ORDER BY n.number, t.ctid
        )
        UPDATE link_totals AS t
        SET sends = t.sends + n.sends,
            messages = t.messages + n.messages,
            clicks = t.clicks + n.clicks,
            unique_clicks = t.unique_clicks + n.unique_clicks,
            bot_clicks = t.bot_clicks + n.bot_clicks,
            confirmed_clicks = t.confirmed_clicks + n.confirmed_clicks,
            conversions = t.conversions + n.conversions,
            revenue = t.revenue + n.revenue
        FROM n
        WHERE t.ctid = n.place
        RETURNING n.number";
    let statement = transaction.prepare_cached(sql).await?;
    let slots: Vec<_> = rows.iter().map(|(slot, _)| slot).collect();
    let slots = LinkSlotColumns::of(&slots);
    let measures = MeasureColumns::of(rows.iter().map(|(_, measures)| measures));
    let parameters: Vec<_> = slots
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

    fn slot(key: i64) -> LinkSlot {
        LinkSlot {
            account_id: 1,
            key,
            bucket: Timestamp::UNIX_EPOCH,
            country: String::new(),
            device: String::new(),
            currency: String::new(),
        }
    }

    #[test]
    fn a_link_total_in_use_stays_known_while_others_are_forgotten() {
        let mut recent = RecentLinkTotals::default();
        assert!(!recent.remember(&slot(0)));
        assert!(!recent.remember(&slot(1)));
        let n_others = 5 * RecentLinkTotals::MAX_NEWER as i64;
        for key in 2..n_others {
            assert!(!recent.remember(&slot(key)), "{key}");
            if key % 1000 == 0 {
                assert!(recent.remember(&slot(0)), "{key}");
            }
        }
        assert!(!recent.remember(&slot(1)));
        assert!(recent.newer.len() + recent.older.len() <= 2 * RecentLinkTotals::MAX_NEWER);
    }
}
