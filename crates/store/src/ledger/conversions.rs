//! Conversions and their credit.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{
    attribution::{MessageContact, contact_key, message_key},
    conversion::{DEFAULT_WINDOW_DAYS, EventType, Identity, Source},
    id::{ClickId, ConversionId, LinkKey},
};
use rust_decimal::Decimal;
use tokio_postgres::{Row, types::Json};

use super::{
    CLICK_CONTACT_KEY, CLICK_MESSAGE_KEY, Clicked, column,
    message_clicks::MessageClick,
    totals::{Deltas, Measures, Place},
};
use crate::pool::{GenericClient, Transaction};

/// A conversion as it is to be stored: the facts.
#[derive(Debug, Clone)]
pub struct NewConversion {
    pub conversion_id: ConversionId,
    pub source: Source,
    pub event: EventType,
    /// `None` where only a click id is known.
    pub account_id: Option<i64>,
    pub click_id: Option<ClickId>,
    pub link_key: Option<i64>,
    pub link_id: Option<String>,
    pub offer_id: Option<String>,
    pub campaign_id: Option<String>,
    pub message_id: Option<String>,
    pub contact_phone: Option<String>,
    pub revenue: Option<Decimal>,
    pub currency: String,
    pub txn_id: Option<String>,
    pub visitor: String,
    pub customer_email_hash: Option<String>,
    pub metadata: Option<serde_json::Value>,
}

/// What is found out about a conversion when it is stored.
#[derive(Debug, Clone, Default)]
struct Found {
    message_key: Option<String>,
    contact_key: Option<String>,
    payout: Option<Decimal>,
    window_days: Option<i32>,
}

/// What became of some conversions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    pub n_new: u64,
    /// Stored already, or another of their transaction, click or visitor is.
    pub n_duplicates: u64,
}

impl NewConversion {
    fn dedupe_key(&self) -> String {
        Identity {
            event: self.event,
            txn_id: self.txn_id.as_deref(),
            click_id: self.click_id,
            link_key: self.link_key.map(LinkKey),
            visitor: &self.visitor,
        }
        .dedupe_key()
    }

    /// Where its message click is looked for, if no click was named.
    fn find_by_name(&self) -> Found {
        let message_key = match (self.click_id, self.link_key, &self.message_id) {
            (Some(_), _, _) | (None, None, None) => None,
            (None, Some(link_key), message_id) => {
                Some(message_key(message_id.as_deref(), LinkKey(link_key)))
            }
            (None, None, Some(message_id)) => Some(message_key(Some(message_id), LinkKey(0))),
        };
        Found {
            contact_key: message_key
                .as_ref()
                .and(self.contact_phone.as_deref())
                .map(contact_key),
            message_key,
            ..Found::default()
        }
    }
}

/// Stores conversions and credits them. Of those that are the same by
/// [`Identity`] the earliest is stored, whichever comes first. Needs
/// [`super::Lock::Exclusive`].
pub async fn conversion_insert_all(
    transaction: &Transaction<'_>,
    conversions: Vec<NewConversion>,
    deltas: &mut Deltas,
) -> Result<Stored, tokio_postgres::Error> {
    let n_given = conversions.len() as u64;
    let known = conversion_find_known(transaction, &conversions).await?;
    let mut by_id = BTreeMap::new();
    for conversion in conversions {
        if !known.contains(&conversion.conversion_id) {
            by_id.insert(conversion.conversion_id, conversion);
        }
    }
    let rows = find_all(transaction, by_id.into_values().collect()).await?;
    let rows = earliest_of_each(transaction, rows, deltas).await?;
    conversion_insert_rows(transaction, &rows).await?;
    let ids: BTreeSet<_> = rows.iter().map(|(c, _)| c.conversion_id).collect();
    conversion_credit_all(transaction, &ids, deltas).await?;
    Ok(Stored {
        n_new: ids.len() as u64,
        n_duplicates: n_given - ids.len() as u64,
    })
}

/// Stores and credits anew the conversions that waited for these clicks. Needs
/// [`super::Lock::Exclusive`].
pub async fn conversion_resolve_all(
    transaction: &Transaction<'_>,
    clicks: &[ClickId],
    deltas: &mut Deltas,
) -> Result<(), tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(
            "DELETE FROM conversions
             WHERE click_id = ANY($1) AND message_key IS NULL
             RETURNING *",
        )
        .await?;
    let ids: Vec<_> = clicks.iter().map(ClickId::as_uuid).collect();
    let rows = transaction.query(&statement, &[&ids]).await?;
    let waiting: Vec<_> = rows.iter().map(read).collect();
    if !waiting.is_empty() {
        conversion_insert_all(transaction, waiting, deltas).await?;
    }
    Ok(())
}

/// Whether conversions wait for any of these clicks.
pub async fn conversion_is_waiting(
    transaction: &Transaction<'_>,
    clicks: &[ClickId],
) -> Result<bool, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(
            "SELECT EXISTS (
                 SELECT FROM conversions WHERE click_id = ANY($1) AND message_key IS NULL
             ) AS found",
        )
        .await?;
    let ids: Vec<_> = clicks.iter().map(ClickId::as_uuid).collect();
    Ok(transaction
        .query_one(&statement, &[&ids])
        .await?
        .get("found"))
}

/// How much later a click may be than the conversion that it led to, as clocks
/// have it, where the conversion does not name it.
pub const CLOCK_SKEW: &str = "interval '1 minute'";

/// The conversions whose credit these message clicks may change, which have
/// taken a place just now.
pub async fn conversion_find_affected(
    transaction: &Transaction<'_>,
    taken: &[MessageClick],
) -> Result<BTreeSet<ConversionId>, tokio_postgres::Error> {
    let sql = format!(
        "SELECT c.conversion_id
         FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[])
              AS k (account_id, message_key, contact_key, clicked_at)
         JOIN conversions c
           ON c.account_id = k.account_id
          AND c.message_key = k.message_key
          AND (c.contact_key IS NULL OR c.contact_key = k.contact_key)
          AND (c.click_id IS NOT NULL OR k.clicked_at <= c.converted_at + {CLOCK_SKEW})"
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let rows = transaction
        .query(
            &statement,
            &[
                &column(taken, |click| click.key.account_id.0),
                &column(taken, |click| click.key.message_key.as_str()),
                &column(taken, |click| click.key.contact_key.as_str()),
                &column(taken, |click| click.clicked.time()),
            ],
        )
        .await?;
    Ok(rows.iter().map(conversion_id).collect())
}

/// All conversions that have to do with these messages.
pub async fn conversion_find_of_messages(
    transaction: &Transaction<'_>,
    keys: &[MessageContact],
) -> Result<BTreeSet<ConversionId>, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(
            "SELECT c.conversion_id
             FROM unnest($1::bigint[], $2::text[]) AS k (account_id, message_key)
             JOIN conversions c USING (account_id, message_key)",
        )
        .await?;
    let rows = transaction
        .query(
            &statement,
            &[
                &column(keys, |key| key.account_id.0),
                &column(keys, |key| key.message_key.as_str()),
            ],
        )
        .await?;
    Ok(rows.iter().map(conversion_id).collect())
}

/// The message click that a conversion `c` is credited to, in SQL.
pub fn credited_message_click() -> String {
    let within = format!(
        "m.account_id = c.account_id
             AND m.message_key = c.message_key
             AND m.clicked_at >= c.converted_at - make_interval(days => c.click_window_days)
             AND (c.click_id IS NOT NULL OR m.clicked_at <= c.converted_at + {CLOCK_SKEW})"
    );
    // The one that is named; or the visitor's own; or else the earliest, of a link
    // by its index, of a message among its few.
    let earliest = |which: &str| {
        format!(
            "(SELECT 2, m.*
              FROM message_clicks m
              WHERE {within} AND c.contact_key IS NULL AND m.message_key {which} 'l:%'
              ORDER BY m.clicked_at, m.click_id
              LIMIT 1)"
        )
    };
    format!(
        "LATERAL (
             (SELECT 1 AS preference, m.*
              FROM message_clicks m
              WHERE {within} AND m.contact_key = coalesce(c.contact_key, 'v:' || c.visitor))
             UNION ALL
             {}
             UNION ALL
             {}
             ORDER BY 1
             LIMIT 1
         )",
        earliest("LIKE"),
        earliest("NOT LIKE")
    )
}

/// Credits conversions anew. Needs [`super::Lock::Exclusive`].
pub async fn conversion_credit_all(
    transaction: &Transaction<'_>,
    ids: &BTreeSet<ConversionId>,
    deltas: &mut Deltas,
) -> Result<(), tokio_postgres::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT c.*, m.click_id AS m_click_id, m.link_key AS m_link_key, m.link_id AS m_link_id,
                m.list_id AS m_list_id, m.offer_id AS m_offer_id,
                m.creative_id AS m_creative_id, m.campaign_id AS m_campaign_id,
                m.message_id AS m_message_id, m.contact_phone AS m_contact_phone,
                m.country AS m_country, m.device AS m_device
         FROM conversions c
         LEFT JOIN {} AS m ON true
         WHERE c.conversion_id = ANY($1)
         ORDER BY c.conversion_id",
        credited_message_click()
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let uuids: Vec<_> = ids.iter().map(ConversionId::as_uuid).collect();
    let rows = transaction.query(&statement, &[&uuids]).await?;
    let mut changed = Vec::new();
    for row in &rows {
        let was = Credit::read(row);
        let account_id: Option<i64> = row.get("account_id");
        let clicked = account_id.and_then(|id| Clicked::read(row, "m_", id));
        let is = match clicked {
            Some(clicked) => Credit::Click(clicked),
            None if row.get::<_, &str>("source") == Source::Offer.as_str() => Credit::offer(row),
            None => Credit::None,
        };
        if was != is {
            was.count(row, deltas, Sign::Minus);
            is.count(row, deltas, Sign::Plus);
            changed.push((conversion_id(row), is));
        }
    }
    conversion_update_credits(transaction, &changed).await
}

/// Removes conversions, and what they were counted as. Needs
/// [`super::Lock::Exclusive`].
async fn conversion_delete_all(
    transaction: &Transaction<'_>,
    ids: &[ConversionId],
    deltas: &mut Deltas,
) -> Result<(), tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached("DELETE FROM conversions WHERE conversion_id = ANY($1) RETURNING *")
        .await?;
    let uuids: Vec<_> = ids.iter().map(ConversionId::as_uuid).collect();
    for row in transaction.query(&statement, &[&uuids]).await? {
        Credit::read(&row).count(&row, deltas, Sign::Minus);
    }
    Ok(())
}

/// What a conversion is credited to.
#[derive(Debug, PartialEq, Eq)]
enum Credit {
    Click(Clicked),
    /// Its offer: it needs no click.
    Offer(Place),
    /// Unattributed.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Plus,
    Minus,
}

impl Credit {
    /// As a row of `conversions` has it.
    fn read(row: &Row) -> Self {
        match row.get("attribution") {
            "click" => {
                let account_id: Option<i64> = row.get("account_id");
                let clicked = account_id.and_then(|id| Clicked::read(row, "credited_", id));
                clicked.map_or(Self::None, Self::Click)
            }
            "offer" => Self::offer(row),
            _ => Self::None,
        }
    }

    fn offer(row: &Row) -> Self {
        let account_id: Option<i64> = row.get("account_id");
        Self::Offer(Place {
            account_id: account_id.unwrap_or_default(),
            offer_id: row.get("offer_id"),
            ..Place::default()
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Click(_) => "click",
            Self::Offer(_) => "offer",
            Self::None => "none",
        }
    }

    fn clicked(&self) -> Option<&Clicked> {
        match self {
            Self::Click(clicked) => Some(clicked),
            Self::Offer(_) | Self::None => None,
        }
    }

    /// Counts the conversion of `row` where it is credited.
    fn count(&self, row: &Row, deltas: &mut Deltas, sign: Sign) {
        let place = match self {
            Self::Click(clicked) => clicked.place(),
            Self::Offer(place) => place.clone(),
            Self::None => return,
        };
        let event: &str = row.get("event");
        let is_reversal =
            EventType::find(event, &EventType::OF_POSTBACKS).is_some_and(EventType::is_reversal);
        let given: Option<Decimal> = row.get("revenue");
        let amount = given.or(row.get("payout")).unwrap_or_default();
        let measures = Measures {
            conversions: i32::from(!is_reversal),
            revenue: if is_reversal { -amount } else { amount },
            ..Measures::default()
        };
        let measures = match sign {
            Sign::Plus => measures,
            Sign::Minus => -measures,
        };
        deltas.add(
            place,
            row.get("converted_at"),
            row.get("currency"),
            measures,
        );
    }
}

fn conversion_id(row: &Row) -> ConversionId {
    ConversionId::from_uuid(row.get("conversion_id")).expect("only conversion ids are stored")
}

/// The facts of a stored row.
fn read(row: &Row) -> NewConversion {
    let click_id: Option<uuid::Uuid> = row.get("click_id");
    let metadata: Option<Json<serde_json::Value>> = row.get("metadata");
    let all = [
        EventType::OF_POSTBACKS.as_slice(),
        &EventType::OF_AFFILIATES,
    ]
    .concat();
    NewConversion {
        conversion_id: conversion_id(row),
        source: match row.get("source") {
            "conv" => Source::Conv,
            "offer" => Source::Offer,
            "pixel" => Source::Pixel,
            _ => Source::Api,
        },
        event: EventType::find(row.get("event"), &all).expect("only events are stored"),
        account_id: row.get("account_id"),
        click_id: click_id.and_then(|id| ClickId::from_uuid(id).ok()),
        link_key: row.get("link_key"),
        link_id: row.get("link_id"),
        offer_id: row.get("offer_id"),
        campaign_id: row.get("campaign_id"),
        message_id: row.get("message_id"),
        contact_phone: row.get("contact_phone"),
        revenue: row.get("revenue"),
        currency: row.get("currency"),
        txn_id: row.get("txn_id"),
        visitor: row.get("visitor"),
        customer_email_hash: row.get("customer_email_hash"),
        metadata: metadata.map(|Json(value)| value),
    }
}

/// Those whose id is stored already.
async fn conversion_find_known(
    transaction: &Transaction<'_>,
    conversions: &[NewConversion],
) -> Result<BTreeSet<ConversionId>, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached("SELECT conversion_id FROM conversions WHERE conversion_id = ANY($1)")
        .await?;
    let ids = column(conversions, |c| c.conversion_id.as_uuid());
    let rows = transaction.query(&statement, &[&ids]).await?;
    Ok(rows.iter().map(conversion_id).collect())
}

/// Finds the clicks that are named, and the offers' payouts and windows.
async fn find_all(
    transaction: &Transaction<'_>,
    conversions: Vec<NewConversion>,
) -> Result<Vec<(NewConversion, Found)>, tokio_postgres::Error> {
    let clicks = click_find_all(transaction, &conversions).await?;
    let mut rows = Vec::with_capacity(conversions.len());
    for mut conversion in conversions {
        let mut found = conversion.find_by_name();
        if let Some(click) = conversion.click_id.and_then(|id| clicks.get(&id.as_uuid())) {
            let account_id: i64 = click.get("account_id");
            // Another account's click is as good as none.
            if conversion.account_id.is_none_or(|own| own == account_id) {
                conversion.account_id = Some(account_id);
                let click_offer = || click.get("offer_id");
                conversion.offer_id = conversion.offer_id.or_else(click_offer);
                let click_campaign = || click.get("campaign_id");
                conversion.campaign_id = conversion.campaign_id.or_else(click_campaign);
                found.message_key = click.get("message_key");
                found.contact_key = click.get("contact_key");
            }
        }
        rows.push((conversion, found));
    }
    let offers = offer_find_all(transaction, &rows).await?;
    let windows = campaign_find_all(transaction, &rows).await?;
    for (conversion, found) in &mut rows {
        let offer = conversion.offer_id.as_ref().and_then(|id| offers.get(id));
        let campaign = conversion
            .campaign_id
            .as_ref()
            .and_then(|id| windows.get(id));
        found.payout = offer.and_then(|(payout, _)| *payout);
        found.window_days = offer.map(|(_, days)| *days).or(campaign.copied());
    }
    Ok(rows)
}

async fn click_find_all(
    transaction: &Transaction<'_>,
    conversions: &[NewConversion],
) -> Result<HashMap<uuid::Uuid, Row>, tokio_postgres::Error> {
    let ids: Vec<_> = conversions.iter().filter_map(|c| c.click_id).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT c.click_id, c.account_id, c.offer_id, c.campaign_id,
                {CLICK_MESSAGE_KEY} AS message_key, {CLICK_CONTACT_KEY} AS contact_key
         FROM unnest($1::uuid[], $2::timestamptz[]) AS n (click_id, clicked_at)
         JOIN clicks c ON c.clicked_at = n.clicked_at AND c.click_id = n.click_id"
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let uuids = column(&ids, ClickId::as_uuid);
    let times = column(&ids, ClickId::time);
    let rows = transaction.query(&statement, &[&uuids, &times]).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.get("click_id"), row))
        .collect())
}

/// Payout per action, and window in days, by id.
async fn offer_find_all(
    transaction: &Transaction<'_>,
    rows: &[(NewConversion, Found)],
) -> Result<HashMap<String, (Option<Decimal>, i32)>, tokio_postgres::Error> {
    let ids: Vec<_> = rows
        .iter()
        .filter_map(|(c, _)| c.offer_id.as_deref())
        .collect();
    let statement = transaction
        .prepare_cached(
            "SELECT id, click_window_days,
                    CASE WHEN payout_type IS DISTINCT FROM 'cpc' THEN payout END AS payout
             FROM offers
             WHERE id = ANY($1)",
        )
        .await?;
    let rows = transaction.query(&statement, &[&ids]).await?;
    let offers = rows.iter().map(|row| {
        (
            row.get("id"),
            (row.get("payout"), row.get("click_window_days")),
        )
    });
    Ok(offers.collect())
}

/// Windows in days, by id.
async fn campaign_find_all(
    transaction: &Transaction<'_>,
    rows: &[(NewConversion, Found)],
) -> Result<HashMap<String, i32>, tokio_postgres::Error> {
    let ids: Vec<_> = rows
        .iter()
        .filter_map(|(c, _)| c.campaign_id.as_deref())
        .collect();
    let statement = transaction
        .prepare_cached("SELECT id, cookie_window_days FROM campaigns WHERE id = ANY($1)")
        .await?;
    let rows = transaction.query(&statement, &[&ids]).await?;
    Ok(rows
        .iter()
        .map(|row| (row.get("id"), row.get("cookie_window_days")))
        .collect())
}

/// Those that are the earliest of their identity; a later one that is stored
/// makes room.
async fn earliest_of_each(
    transaction: &Transaction<'_>,
    rows: Vec<(NewConversion, Found)>,
    deltas: &mut Deltas,
) -> Result<Vec<(NewConversion, Found)>, tokio_postgres::Error> {
    let mut rows = rows;
    rows.sort_by_key(|(c, _)| c.conversion_id);
    let statement = transaction
        .prepare_cached(
            "SELECT c.conversion_id, c.account_id, c.dedupe_key
             FROM unnest($1::bigint[], $2::text[]) AS k (account_id, dedupe_key)
             JOIN conversions c USING (account_id, dedupe_key)",
        )
        .await?;
    let accounts = column(&rows, |(c, _)| c.account_id);
    let keys = column(&rows, |(c, _)| c.dedupe_key());
    let stored = transaction.query(&statement, &[&accounts, &keys]).await?;
    let mut first: HashMap<(i64, String), ConversionId> = stored
        .iter()
        .map(|row| {
            (
                (row.get("account_id"), row.get("dedupe_key")),
                conversion_id(row),
            )
        })
        .collect();
    let mut kept = Vec::with_capacity(rows.len());
    let mut replaced = Vec::new();
    for (conversion, found) in rows {
        if let Some(account_id) = conversion.account_id {
            let id = conversion.conversion_id;
            match first.get(&(account_id, conversion.dedupe_key())) {
                Some(other) if *other < id => continue,
                // Those of this batch are in order: this one is stored.
                Some(other) => replaced.push(*other),
                None => {}
            }
            first.insert((account_id, conversion.dedupe_key()), id);
        }
        kept.push((conversion, found));
    }
    conversion_delete_all(transaction, &replaced, deltas).await?;
    Ok(kept)
}

async fn conversion_insert_rows(
    transaction: &Transaction<'_>,
    rows: &[(NewConversion, Found)],
) -> Result<(), tokio_postgres::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached(
            "INSERT INTO conversions
                 (conversion_id, converted_at, account_id, source, event, txn_id, dedupe_key,
                  visitor, click_id, link_key, link_id, offer_id, campaign_id, message_id,
                  contact_phone, message_key, contact_key, revenue, currency, payout,
                  click_window_days, customer_email_hash, metadata)
             SELECT *
             FROM unnest(
                 $1::uuid[], $2::timestamptz[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                 $7::text[], $8::text[], $9::uuid[], $10::bigint[], $11::text[], $12::text[],
                 $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::numeric[],
                 $19::text[], $20::numeric[], $21::integer[], $22::text[], $23::jsonb[]
             )",
        )
        .await?;
    transaction
        .execute(
            &statement,
            &[
                &column(rows, |(c, _)| c.conversion_id.as_uuid()),
                &column(rows, |(c, _)| c.conversion_id.time()),
                &column(rows, |(c, _)| c.account_id),
                &column(rows, |(c, _)| c.source.as_str()),
                &column(rows, |(c, _)| c.event.as_str()),
                &column(rows, |(c, _)| c.txn_id.as_deref()),
                &column(rows, |(c, _)| c.dedupe_key()),
                &column(rows, |(c, _)| c.visitor.as_str()),
                &column(rows, |(c, _)| c.click_id.map(|id| id.as_uuid())),
                &column(rows, |(c, _)| c.link_key),
                &column(rows, |(c, _)| c.link_id.as_deref()),
                &column(rows, |(c, _)| c.offer_id.as_deref()),
                &column(rows, |(c, _)| c.campaign_id.as_deref()),
                &column(rows, |(c, _)| c.message_id.as_deref()),
                &column(rows, |(c, _)| c.contact_phone.as_deref()),
                &column(rows, |(_, found)| found.message_key.as_deref()),
                &column(rows, |(_, found)| found.contact_key.as_deref()),
                &column(rows, |(c, _)| c.revenue),
                &column(rows, |(c, _)| c.currency.as_str()),
                &column(rows, |(_, found)| found.payout),
                &column(rows, |(_, found)| {
                    found.window_days.unwrap_or(DEFAULT_WINDOW_DAYS)
                }),
                &column(rows, |(c, _)| c.customer_email_hash.as_deref()),
                &column(rows, |(c, _)| c.metadata.as_ref().map(Json)),
            ],
        )
        .await?;
    Ok(())
}

async fn conversion_update_credits(
    transaction: &Transaction<'_>,
    changed: &[(ConversionId, Credit)],
) -> Result<(), tokio_postgres::Error> {
    if changed.is_empty() {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached(
            "UPDATE conversions AS c
             SET attribution = n.attribution,
                 credited_click_id = n.click_id,
                 credited_clicked_at = n.clicked_at,
                 credited_link_key = n.link_key,
                 credited_link_id = n.link_id,
                 credited_list_id = n.list_id,
                 credited_offer_id = CASE n.attribution WHEN 'offer' THEN c.offer_id ELSE n.offer_id END,
                 credited_creative_id = n.creative_id,
                 credited_campaign_id = n.campaign_id,
                 credited_message_id = n.message_id,
                 credited_contact_phone = n.contact_phone,
                 credited_country = n.country,
                 credited_device = n.device
             FROM unnest(
                 $1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::bigint[], $6::text[],
                 $7::bigint[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[],
                 $13::text[], $14::text[]
             ) AS n
                 (conversion_id, attribution, click_id, clicked_at, link_key, link_id, list_id,
                  offer_id, creative_id, campaign_id, message_id, contact_phone, country, device)
             WHERE c.conversion_id = n.conversion_id",
        )
        .await?;
    let clicks = column(changed, |(_, credit)| credit.clicked());
    transaction
        .execute(
            &statement,
            &[
                &column(changed, |(id, _)| id.as_uuid()),
                &column(changed, |(_, credit)| credit.name()),
                &column(&clicks, |click| click.map(|c| c.click_id.as_uuid())),
                &column(&clicks, |click| click.map(Clicked::time)),
                &column(&clicks, |click| click.map(|c| c.link_key)),
                &column(&clicks, |click| click.map(|c| c.link_id.as_str())),
                &column(&clicks, |click| click.and_then(|c| c.list_id)),
                &column(&clicks, |click| click.and_then(|c| c.offer_id.as_deref())),
                &column(&clicks, |click| click.and_then(|c| c.creative_id)),
                &column(&clicks, |click| {
                    click.and_then(|c| c.campaign_id.as_deref())
                }),
                &column(&clicks, |click| click.and_then(|c| c.message_id.as_deref())),
                &column(&clicks, |click| {
                    click.and_then(|c| c.contact_phone.as_deref())
                }),
                &column(&clicks, |click| click.and_then(|c| c.country.as_deref())),
                &column(&clicks, |click| click.and_then(|c| c.device.as_deref())),
            ],
        )
        .await?;
    Ok(())
}
