//! What a conversion is credited to.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    conversion::ConversionSource,
    id::{ClickId, ConversionId},
};
use rust_decimal::Decimal;
use tokio_postgres::Row;

use super::{
    conversion_id,
    reversals::{amount, is_limited, is_reversal, reversal_count_all, reversal_find_limited},
};
use crate::{
    Clicked, column,
    message_clicks::{MessageClick, MessageClickChange},
    totals::{Deltas, Measures, Place},
};
use postgres::pool::{GenericClient, Transaction};

/// How much later a click may be than the conversion that it led to, as clocks
/// have it, where the conversion does not name it.
const CLOCK_SKEW: &str = "interval '1 minute'";

/// The conversions whose credit these changes of message clicks may change.
///
/// They are found by indexes on time and on present credit (each has the expression of
/// its index in `postgres::indexes`), and never by walking what a
/// link, message or visitor has: of the conversions that have to do with a key, only
/// those are read that really change, and those of the last minute. A message click that
/// comes to be concerns
///
/// 1. those credited to the click whose place it takes,
/// 2. those of its own contact or visitor, from a minute before it on,
/// 3. those that name a click of its contact and have no credit (the named one is a
///    bot's),
/// 4. those of any contact that have no credit, from a minute before it on,
/// 5. those of any contact that are credited to a later click (by click id, since two
///    clicks can share a millisecond).
///
/// Of many message clicks of one link or message the earliest finds all of 4 and 5.
pub async fn conversion_find_affected(
    transaction: &Transaction<'_>,
    changes: &[MessageClickChange],
) -> Result<BTreeSet<ConversionId>, tokio_postgres::Error> {
    let removed: Vec<_> = changes.iter().filter_map(|change| change.removed).collect();
    let added: Vec<_> = changes.iter().filter_map(|c| c.added.as_ref()).collect();
    let mut affected = conversion_find_credited_to(transaction, &removed).await?;
    affected.extend(conversion_find_affected_by_added(transaction, &added).await?);
    Ok(affected)
}

async fn conversion_find_credited_to(
    transaction: &Transaction<'_>,
    clicks: &[ClickId],
) -> Result<BTreeSet<ConversionId>, tokio_postgres::Error> {
    if clicks.is_empty() {
        return Ok(BTreeSet::new());
    }
    let statement = transaction
        .prepare_cached(
            "SELECT c.conversion_id
             FROM unnest($1::uuid[]) AS k (click_id)
             JOIN conversions c ON c.credited_click_id = k.click_id",
        )
        .await?;
    let ids = column(clicks, ClickId::as_uuid);
    let rows = transaction.query(&statement, &[&ids]).await?;
    Ok(rows.iter().map(conversion_id).collect())
}

async fn conversion_find_affected_by_added(
    transaction: &Transaction<'_>,
    added: &[&MessageClick],
) -> Result<BTreeSet<ConversionId>, tokio_postgres::Error> {
    let by_key = MessageKey::find_all(transaction, added).await?;
    if by_key.is_empty() {
        return Ok(BTreeSet::new());
    }
    // Of each link or message only the earliest finds what any of its clicks may change.
    let mut earliest = BTreeMap::new();
    let mut with_conversions = Vec::new();
    let mut with_named_uncredited = Vec::new();
    for &click in added {
        let key = MessageKey::of(click);
        let Some(&has_named_uncredited) = by_key.get(&key) else {
            continue;
        };
        with_conversions.push(click);
        if has_named_uncredited {
            with_named_uncredited.push(click);
        }
        let first = earliest.entry(key).or_insert(click);
        if click.clicked.click_id < first.clicked.click_id {
            *first = click;
        }
    }
    let earliest: Vec<_> = earliest.into_values().collect();
    let own_contact = format!(
        "SELECT c.conversion_id
         FROM {ADDED}
         JOIN conversions c
           ON c.account_id = k.account_id
          AND c.message_key = k.message_key
          AND coalesce(c.contact_key, 'v:' || c.visitor) = k.contact_key
          AND c.converted_at >= k.clicked_at - {CLOCK_SKEW}"
    );
    let named_uncredited = format!(
        "SELECT c.conversion_id
         FROM {ADDED}
         JOIN conversions c
           ON c.account_id = k.account_id
          AND c.message_key || '' = k.message_key
          AND c.message_key IS NOT NULL
          AND c.contact_key = k.contact_key
          AND c.click_id IS NOT NULL
          AND c.credited_click_id IS NULL"
    );
    let any_contact = format!(
        "SELECT c.conversion_id
         FROM {ADDED}
         CROSS JOIN LATERAL (
             SELECT c.conversion_id
             FROM conversions c
             WHERE c.account_id = k.account_id
               AND '' || c.message_key = k.message_key
               AND c.message_key IS NOT NULL
               AND c.contact_key IS NULL
               AND NOT c.credited_to_own_contact
               AND c.credited_click_id IS NULL
               AND c.converted_at >= k.clicked_at - {CLOCK_SKEW}
             UNION ALL
             SELECT c.conversion_id
             FROM conversions c
             WHERE c.account_id = k.account_id
               AND '' || c.message_key = k.message_key
               AND c.message_key IS NOT NULL
               AND c.contact_key IS NULL
               AND NOT c.credited_to_own_contact
               AND c.credited_click_id > k.click_id
         ) AS c"
    );
    let mut affected = BTreeSet::new();
    for (sql, clicks) in [
        (own_contact, with_conversions),
        (named_uncredited, with_named_uncredited),
        (any_contact, earliest),
    ] {
        affected.extend(conversion_find_by_added(transaction, &sql, &clicks).await?);
    }
    Ok(affected)
}

/// The added message clicks as rows of SQL, the parameters of
/// [`conversion_find_by_added`].
const ADDED: &str = "
    unnest($1::bigint[], $2::text[], $3::text[], $4::uuid[], $5::timestamptz[])
        AS k (account_id, message_key, contact_key, click_id, clicked_at)
";

async fn conversion_find_by_added(
    transaction: &Transaction<'_>,
    sql: &str,
    clicks: &[&MessageClick],
) -> Result<Vec<ConversionId>, tokio_postgres::Error> {
    if clicks.is_empty() {
        return Ok(Vec::new());
    }
    let statement = transaction.prepare_cached(sql).await?;
    let rows = transaction
        .query(
            &statement,
            &[
                &column(clicks, |click| click.key.account_id.0),
                &column(clicks, |click| click.key.message_key.as_str()),
                &column(clicks, |click| click.key.contact_key.as_str()),
                &column(clicks, |click| click.clicked.click_id.as_uuid()),
                &column(clicks, |click| click.clicked.time()),
            ],
        )
        .await?;
    Ok(rows.iter().map(conversion_id).collect())
}

/// An account's link or message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct MessageKey<'c> {
    account_id: i64,
    message_key: &'c str,
}

impl<'c> MessageKey<'c> {
    fn of(click: &'c MessageClick) -> Self {
        Self {
            account_id: click.key.account_id.0,
            message_key: &click.key.message_key,
        }
    }

    /// Those of the clicks that have conversions at all, which few have, and whether they
    /// have any that name a click and are credited to none: asked once for each link or
    /// message, however many clicks it has.
    async fn find_all(
        transaction: &Transaction<'_>,
        clicks: &[&'c MessageClick],
    ) -> Result<BTreeMap<Self, bool>, tokio_postgres::Error> {
        let keys: BTreeSet<_> = clicks.iter().map(|click| Self::of(click)).collect();
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let keys: Vec<_> = keys.into_iter().collect();
        let statement = transaction
            .prepare_cached(
                "SELECT k.number,
                        EXISTS (
                            SELECT
                            FROM conversions c
                            WHERE c.account_id = k.account_id
                              AND c.message_key || '' = k.message_key
                              AND c.message_key IS NOT NULL
                              AND c.click_id IS NOT NULL
                              AND c.credited_click_id IS NULL
                        ) AS has_named_uncredited
                 FROM unnest($1::bigint[], $2::text[])
                      WITH ORDINALITY AS k (account_id, message_key, number)
                 WHERE EXISTS (
                     SELECT
                     FROM conversions c
                     WHERE c.account_id = k.account_id AND c.message_key = k.message_key
                 )",
            )
            .await?;
        let rows = transaction
            .query(
                &statement,
                &[
                    &column(&keys, |key| key.account_id),
                    &column(&keys, |key| key.message_key),
                ],
            )
            .await?;
        let by_number = (1i64..).zip(keys).collect::<BTreeMap<_, _>>();
        let found = rows.iter().map(|row| {
            let number: i64 = row.get("number");
            (by_number[&number], row.get("has_named_uncredited"))
        });
        Ok(found.collect())
    }
}

/// The message click that a conversion `c` is credited to, in SQL.
pub fn credited_message_click() -> String {
    let within = format!(
        "m.account_id = c.account_id
             AND m.clicked_at >= c.converted_at - make_interval(days => c.click_window_days)
             AND (c.click_id IS NOT NULL OR m.clicked_at <= c.converted_at + {CLOCK_SKEW})"
    );
    // The contact's that is named, or the visitor's own; or else the earliest.
    format!(
        "LATERAL (
             (SELECT 1 AS preference, m.*
              FROM message_clicks m
              WHERE {within}
                AND m.message_key = c.message_key
                AND m.contact_key = coalesce(c.contact_key, 'v:' || c.visitor))
             UNION ALL
             (SELECT 2, m.*
              FROM message_clicks m
              WHERE {within} AND m.message_key || '' = c.message_key AND c.contact_key IS NULL
              ORDER BY m.clicked_at, m.click_id
              LIMIT 1)
             ORDER BY 1
             LIMIT 1
         )"
    )
}

/// Credits conversions anew, and the reversals of their transactions, which may count for
/// more or less then. Needs the lock of each account.
pub async fn conversion_credit_all(
    transaction: &Transaction<'_>,
    ids: &BTreeSet<ConversionId>,
    deltas: &mut Deltas,
) -> Result<(), tokio_postgres::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let reversals = reversal_find_limited(transaction, ids).await?;
    let ids: BTreeSet<_> = ids.iter().chain(reversals.keys()).copied().collect();
    let sql = format!(
        "SELECT c.*, m.click_id AS m_click_id, m.link_key AS m_link_key, m.link_id AS m_link_id,
                m.list_id AS m_list_id, m.offer_id AS m_offer_id,
                m.creative_id AS m_creative_id, m.campaign_id AS m_campaign_id,
                m.message_id AS m_message_id, m.contact_phone AS m_contact_phone,
                m.country AS m_country, m.device AS m_device,
                coalesce(m.preference = 1, false) AS is_own
         FROM conversions c
         LEFT JOIN {} AS m ON true
         WHERE c.conversion_id = ANY($1)
         ORDER BY c.conversion_id",
        credited_message_click()
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let uuids: Vec<_> = ids.iter().map(ConversionId::as_uuid).collect();
    let rows = transaction.query(&statement, &[&uuids]).await?;
    let credits: Vec<_> = rows.iter().map(Credit::find).collect();
    let is_credited: BTreeMap<_, _> = rows
        .iter()
        .zip(&credits)
        .map(|(row, credit)| (conversion_id(row), *credit != Credit::None))
        .collect();
    let keys: BTreeSet<_> = reversals.values().collect();
    let counted = reversal_count_all(transaction, &keys, &is_credited).await?;
    let mut changed = Vec::new();
    for (row, credit) in rows.iter().zip(credits) {
        let was = Counted::read(row);
        let conversion_id = conversion_id(row);
        let is = Counted {
            credit,
            // One that has no transaction has nothing to count against.
            amount: is_limited(row)
                .then(|| counted.get(&conversion_id).copied().unwrap_or_default()),
        };
        if was != is {
            was.count(row, deltas, Sign::Minus);
            is.count(row, deltas, Sign::Plus);
            changed.push(Changed {
                conversion_id,
                counted: is,
                is_own: row.get("is_own"),
            });
        }
    }
    conversion_update_credits(transaction, &changed).await
}

/// Removes conversions, and what they were counted as. Needs the lock of each account.
pub(super) async fn conversion_delete_all(
    transaction: &Transaction<'_>,
    ids: &[ConversionId],
    deltas: &mut Deltas,
) -> Result<(), tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached("DELETE FROM conversions WHERE conversion_id = ANY($1) RETURNING *")
        .await?;
    let uuids: Vec<_> = ids.iter().map(ConversionId::as_uuid).collect();
    for row in transaction.query(&statement, &[&uuids]).await? {
        Counted::read(&row).count(&row, deltas, Sign::Minus);
    }
    Ok(())
}

/// Where and for how much a conversion is counted.
#[derive(Debug, PartialEq, Eq)]
struct Counted {
    credit: Credit,
    /// Of a reversal that came without a secret; all others count for their whole amount.
    amount: Option<Decimal>,
}

impl Counted {
    /// As a row of `conversions` has it.
    fn read(row: &Row) -> Self {
        Self {
            credit: Credit::read(row),
            amount: row.get("counted_amount"),
        }
    }

    /// Counts the conversion of `row` where it is credited.
    fn count(&self, row: &Row, deltas: &mut Deltas, sign: Sign) {
        let place = match &self.credit {
            Credit::Click(clicked) => clicked.place(),
            Credit::Offer(place) => place.clone(),
            Credit::None => return,
        };
        let is_reversal = is_reversal(row);
        let amount = self.amount.unwrap_or_else(|| amount(row));
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

/// What a conversion is credited to.
#[derive(Debug, PartialEq, Eq)]
enum Credit {
    Click(Clicked),
    /// Its offer: it needs no click.
    Offer(Place),
    /// Unattributed.
    None,
}

/// A credit to be written.
struct Changed {
    conversion_id: ConversionId,
    counted: Counted,
    /// Whether it is the message click of the conversion's own contact or visitor.
    is_own: bool,
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

    /// As it should be, of a row with the columns `m_...` of its message click.
    fn find(row: &Row) -> Self {
        let account_id: Option<i64> = row.get("account_id");
        let clicked = account_id.and_then(|id| Clicked::read(row, "m_", id));
        match clicked {
            Some(clicked) => Self::Click(clicked),
            None if row.get::<_, &str>("source") == ConversionSource::Offer.as_str() => {
                Self::offer(row)
            }
            None => Self::None,
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
}

async fn conversion_update_credits(
    transaction: &Transaction<'_>,
    changed: &[Changed],
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
                 credited_device = n.device,
                 credited_to_own_contact = n.is_own,
                 counted_amount = n.counted_amount
             FROM unnest(
                 $1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::bigint[], $6::text[],
                 $7::bigint[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[],
                 $13::text[], $14::text[], $15::boolean[], $16::numeric[]
             ) AS n
                 (conversion_id, attribution, click_id, clicked_at, link_key, link_id, list_id,
                  offer_id, creative_id, campaign_id, message_id, contact_phone, country, device,
                  is_own, counted_amount)
             WHERE c.conversion_id = n.conversion_id",
        )
        .await?;
    let clicks = column(changed, |changed| changed.counted.credit.clicked());
    transaction
        .execute(
            &statement,
            &[
                &column(changed, |changed| changed.conversion_id.as_uuid()),
                &column(changed, |changed| changed.counted.credit.name()),
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
                &column(changed, |changed| changed.is_own),
                &column(changed, |changed| changed.counted.amount),
            ],
        )
        .await?;
    Ok(())
}
