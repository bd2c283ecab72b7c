//! Which conversions a change of message clicks concerns.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::{ClickId, ConversionId};
use postgres::pool::{GenericClient as _, Transaction};

use super::{attribution::CLOCK_SKEW, conversion_id};
use crate::{
    keys::CONVERSION_CONTACT_KEY,
    message_clicks::{MessageClick, MessageClickChange},
    unnest::column,
};

/// Finds the conversions whose credit may change because message clicks have changed.
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
    let by_key = AccountMessageKey::find_with_conversions(transaction, added).await?;
    if by_key.is_empty() {
        return Ok(BTreeSet::new());
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
    let own_contact = format!(
        "SELECT c.conversion_id
         FROM {ADDED}
         JOIN conversions c
           ON c.account_id = k.account_id
          AND c.message_key = k.message_key
          AND {CONVERSION_CONTACT_KEY} = k.contact_key
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

/// The new message clicks as rows of SQL, the parameters of [`conversion_find_by_added`].
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
                &column(clicks, |click| click.click.click_id.as_uuid()),
                &column(clicks, |click| click.click.time()),
            ],
        )
        .await?;
    Ok(rows.iter().map(conversion_id).collect())
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
