//! Which conversions a change of message clicks concerns.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use domain::{
    id::{ClickId, ConversionId},
    message_click_key::MessageClickKey,
};
use postgres::pool::{GenericClient as _, Transaction};
use tokio_postgres::Row;

use super::{
    attribution::CLOCK_SKEW,
    conversion_id,
    credit_backlog::{CreditBacklogEntry, credit_backlog_add_all},
};
use crate::{
    keys::CONVERSION_CONTACT_KEY,
    message_clicks::{MessageClick, MessageClickChange},
    unnest::column,
};

/// How many conversions all changed message clicks of a transaction may concern, before those
/// that concern the most wait in the credit backlog.
const MAX_AFFECTED: usize = 20_000;
/// How many conversions a change may concern at most, among few changes and among many.
const MAX_AFFECTED_BY_CHANGE: RangeInclusive<usize> = 20..=1_000;

/// Finds the conversions whose credit may change because message clicks have changed. Where a
/// change concerns more than a transaction should write, its link or message goes to the credit
/// backlog, and some of its conversions are found. Needs the lock of each account.
///
/// The queries use indexes on time and on the present credit, whose expressions are those of
/// `postgres::indexes`, and never read everything that a link, message or visitor has. Of the
/// conversions of a key they read only those that really change, and those of the last
/// minute. A new message click may change the credit of conversions
///
/// 1. that are credited to the click whose place it takes,
/// 2. of its own contact or visitor, from a minute before it on,
/// 3. that name a click of its contact and have no credit, because the named click is a
///    bot's,
/// 4. without a contact that have no credit, from a minute before it on,
/// 5. without a contact that are credited to a later click (compared by click id, since two
///    clicks can have the same millisecond).
///
/// Among several new message clicks of one link or message, the earliest finds all of 4 and
/// 5.
pub async fn conversion_find_affected(
    transaction: &Transaction<'_>,
    changes: &[MessageClickChange],
) -> Result<BTreeSet<ConversionId>, tokio_postgres::Error> {
    let mut affected = Affected::default();
    affected.add_credited_to(transaction, changes).await?;
    let added: Vec<_> = changes
        .iter()
        .filter_map(MessageClickChange::added)
        .collect();
    affected.add_of_new_clicks(transaction, &added).await?;
    credit_backlog_add_all(transaction, &affected.backlog).await?;
    Ok(affected.conversions)
}

/// The conversions that were found, and the links and messages with more of them.
#[derive(Debug, Default)]
struct Affected {
    conversions: BTreeSet<ConversionId>,
    backlog: BTreeSet<CreditBacklogEntry>,
}

impl Affected {
    /// Adds the conversions that are credited to clicks which are no message clicks any more.
    async fn add_credited_to(
        &mut self,
        transaction: &Transaction<'_>,
        changes: &[MessageClickChange],
    ) -> Result<(), tokio_postgres::Error> {
        let removed = changes.iter().filter_map(MessageClickChange::removed);
        let (keys, clicks): (Vec<&MessageClickKey>, Vec<ClickId>) = removed.unzip();
        if clicks.is_empty() {
            return Ok(());
        }
        let statement = transaction
            .prepare_cached(
                "SELECT k.number, c.conversion_id
                 FROM unnest($1::uuid[]) WITH ORDINALITY AS k (click_id, number)
                 CROSS JOIN LATERAL (
                     SELECT conversion_id
                     FROM conversions
                     WHERE credited_click_id = k.click_id
                     LIMIT $2
                 ) AS c",
            )
            .await?;
        let ids = column(&clicks, ClickId::as_uuid);
        let limit = limit_by_change(clicks.len());
        let rows = transaction.query(&statement, &[&ids, &limit]).await?;
        self.add(&rows, &keys, limit);
        Ok(())
    }

    /// Adds the conversions that new message clicks concern.
    async fn add_of_new_clicks(
        &mut self,
        transaction: &Transaction<'_>,
        added: &[&MessageClick],
    ) -> Result<(), tokio_postgres::Error> {
        let by_key = AccountMessageKey::find_with_conversions(transaction, added).await?;
        if by_key.is_empty() {
            return Ok(());
        }
        // The earliest click of each link or message is enough for the last of the three queries.
        let mut earliest = BTreeMap::new();
        let mut with_conversions = Vec::new();
        let mut with_named_uncredited = Vec::new();
        for &click in added {
            let key = AccountMessageKey::from_click(click);
            let Some(&has_named_uncredited) = by_key.get(&key) else {
                continue;
            };
            with_conversions.push(click);
            if has_named_uncredited {
                with_named_uncredited.push(click);
            }
            let earliest_of_key = earliest.entry(key).or_insert(click);
            if click.click.click_id < earliest_of_key.click.click_id {
                *earliest_of_key = click;
            }
        }
        let earliest: Vec<_> = earliest.into_values().collect();
        for (subquery, clicks) in [
            (of_own_contact(), with_conversions),
            (NAMED_UNCREDITED.to_owned(), with_named_uncredited),
            (of_any_contact(), earliest),
        ] {
            self.add_by_subquery(transaction, &subquery, &clicks)
                .await?;
        }
        Ok(())
    }

    /// Adds what a subquery finds for each click `k`.
    async fn add_by_subquery(
        &mut self,
        transaction: &Transaction<'_>,
        subquery: &str,
        clicks: &[&MessageClick],
    ) -> Result<(), tokio_postgres::Error> {
        if clicks.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "SELECT k.number, c.conversion_id
             FROM unnest($1::bigint[], $2::text[], $3::text[], $4::uuid[], $5::timestamptz[])
                  WITH ORDINALITY
                  AS k (account_id, message_key, contact_key, click_id, clicked_at, number)
             CROSS JOIN LATERAL ({subquery} LIMIT $6) AS c"
        );
        let statement = transaction.prepare_cached(&sql).await?;
        let limit = limit_by_change(clicks.len());
        let rows = transaction
            .query(
                &statement,
                &[
                    &column(clicks, |click| click.key.account_id.0),
                    &column(clicks, |click| click.key.message_key.as_str()),
                    &column(clicks, |click| click.key.contact_key.as_str()),
                    &column(clicks, |click| click.click.click_id.as_uuid()),
                    &column(clicks, |click| click.click.time()),
                    &limit,
                ],
            )
            .await?;
        let keys: Vec<_> = clicks.iter().map(|click| &click.key).collect();
        self.add(&rows, &keys, limit);
        Ok(())
    }

    /// Adds rows with the number of a key, from 1. If there are `limit` of a key, it has more.
    fn add(&mut self, rows: &[Row], keys: &[&MessageClickKey], limit: i64) {
        let mut n_by_key = vec![0; keys.len()];
        for row in rows {
            self.conversions.insert(conversion_id(row));
            let index = usize::try_from(row.get::<_, i64>("number") - 1).ok();
            if let Some(n) = index.and_then(|index| n_by_key.get_mut(index)) {
                *n += 1;
            }
        }
        let of_backlog = keys.iter().zip(n_by_key).filter(|(_, n)| *n >= limit);
        self.backlog
            .extend(of_backlog.map(|(key, _)| CreditBacklogEntry::from(*key)));
    }
}

/// How many conversions each of some changes may concern.
fn limit_by_change(n_changes: usize) -> i64 {
    let (fewest, most) = MAX_AFFECTED_BY_CHANGE.into_inner();
    let limit = (MAX_AFFECTED / n_changes.max(1)).clamp(fewest, most);
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Selects the conversions of the contact or visitor of a click `k`.
fn of_own_contact() -> String {
    format!(
        "SELECT c.conversion_id
         FROM conversions c
         WHERE c.account_id = k.account_id
           AND c.message_key = k.message_key
           AND {CONVERSION_CONTACT_KEY} = k.contact_key
           AND c.converted_at >= k.clicked_at - {CLOCK_SKEW}"
    )
}

/// Selects the conversions that name a click of the contact of a click `k`, without credit.
const NAMED_UNCREDITED: &str = "
    SELECT c.conversion_id
    FROM conversions c
    WHERE c.account_id = k.account_id
      AND c.message_key || '' = k.message_key
      AND c.message_key IS NOT NULL
      AND c.contact_key = k.contact_key
      AND c.click_id IS NOT NULL
      AND c.credited_click_id IS NULL";

/// Selects the conversions without a contact that a click `k` concerns, which is the earliest of
/// its link or message.
fn of_any_contact() -> String {
    let without_contact = "
        SELECT c.conversion_id
        FROM conversions c
        WHERE c.account_id = k.account_id
          AND '' || c.message_key = k.message_key
          AND c.message_key IS NOT NULL
          AND c.contact_key IS NULL
          AND NOT c.credited_to_own_contact";
    format!(
        "({without_contact}
            AND c.credited_click_id IS NULL
            AND c.converted_at >= k.clicked_at - {CLOCK_SKEW}
          LIMIT $6)
         UNION ALL
         ({without_contact}
            AND c.credited_click_id > k.click_id
          LIMIT $6)"
    )
}

/// The message key of a link or message, with its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct AccountMessageKey<'c> {
    account_id: i64,
    message_key: &'c str,
}

impl<'c> AccountMessageKey<'c> {
    fn from_click(click: &'c MessageClick) -> Self {
        Self {
            account_id: click.key.account_id.0,
            message_key: &click.key.message_key,
        }
    }

    /// Finds the links and messages of the clicks that have conversions at all, which few
    /// have, with whether they have any that name a click and are credited to none. The query
    /// asks once for each link or message, however many clicks it has.
    async fn find_with_conversions(
        transaction: &Transaction<'_>,
        clicks: &[&'c MessageClick],
    ) -> Result<BTreeMap<Self, bool>, tokio_postgres::Error> {
        let keys: BTreeSet<_> = clicks.iter().map(|click| Self::from_click(click)).collect();
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
        let keys = rows.iter().map(|row| {
            let number: i64 = row.get("number");
            (by_number[&number], row.get("has_named_uncredited"))
        });
        Ok(keys.collect())
    }
}
