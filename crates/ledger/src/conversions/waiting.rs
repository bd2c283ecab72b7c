//! Conversions of which nothing is known but the id of a click that is not stored yet.
//!
//! They belong to no account, are shown to nobody, and need no lock. Each is a row with a
//! time at which its click is looked for again: soon while it is young, and seldom when
//! it is old, so that invented click ids cost little. So that they are not many either, only
//! the first of an address and minute are kept once their clicks should have come
//! ([`conversion_remove_surplus`]), and none for longer than a day
//! (`click_worker::chores::retention`). Whoever stores a click looks for
//! what waits for it too ([`super::conversion_resolve_all`]); the two may miss each
//! other by a moment, and then the next look finds it.

use domain::id::ClickId;
use jiff::SignedDuration;

use super::{Found, NewConversion, rows::conversion_insert_rows};
use crate::column;
use postgres::pool::{GenericClient, Transaction};

/// How long after its arrival a conversion's click is looked for again at first.
const FIRST_WAIT_SECONDS: f64 = 1.0;
/// The longest time between two looks for the same click.
const LONGEST_WAIT_SECONDS: f64 = 3600.0;

/// A conversion whose click is to be looked for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingConversion {
    pub conversion_id: uuid::Uuid,
    pub click_id: ClickId,
    /// The account of its click, if that is stored by now.
    pub account_id: Option<i64>,
}

/// Stores conversions that wait for the clicks that they name.
pub async fn conversion_insert_waiting(
    transaction: &Transaction<'_>,
    conversions: Vec<NewConversion>,
) -> Result<(), tokio_postgres::Error> {
    let rows: Vec<_> = conversions
        .into_iter()
        .map(|conversion| (conversion, Found::default()))
        .collect();
    conversion_insert_rows(transaction, &rows).await
}

/// How many conversions of unknown clicks are kept once their clicks should have come.
#[derive(Debug, Clone, Copy)]
pub struct UnknownClicks {
    /// How long a click may come later than its conversion.
    pub grace: SignedDuration,
    /// Of one address and minute the first so many are kept after that.
    pub max_per_minute: i64,
}

/// Removes those of some waiting conversions that are too many of one address and minute.
/// Answers how many they are.
pub async fn conversion_remove_surplus(
    client: &impl GenericClient,
    conversions: &[uuid::Uuid],
    unknown_clicks: UnknownClicks,
) -> Result<u64, tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "DELETE FROM conversions
             WHERE conversion_id IN (
                 SELECT c.conversion_id
                 FROM conversions c
                 WHERE c.conversion_id = ANY($1)
                   AND c.account_id IS NULL
                   AND c.stored_at <= now() - make_interval(secs => $2)
                   AND $3 <= (
                       SELECT count(*)
                       FROM (
                           SELECT
                           FROM conversions o
                           WHERE o.account_id IS NULL
                             AND o.address_key = c.address_key
                             AND o.converted_at >= date_trunc('minute', c.converted_at, 'UTC')
                             AND o.converted_at <= c.converted_at
                             AND o.conversion_id < c.conversion_id
                           LIMIT $3
                       ) AS earlier
                   )
                 FOR UPDATE SKIP LOCKED
             )",
        )
        .await?;
    let UnknownClicks {
        grace,
        max_per_minute,
    } = unknown_clicks;
    client
        .execute(
            &statement,
            &[&conversions, &grace.as_secs_f64(), &max_per_minute],
        )
        .await
}

/// Waiting conversions that are due for a look, those that wait longest first.
pub async fn conversion_find_due(
    client: &impl GenericClient,
    limit: i64,
) -> Result<Vec<WaitingConversion>, tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "SELECT conversion_id, click_id
             FROM conversions
             WHERE account_id IS NULL AND check_at <= now()
             ORDER BY check_at
             LIMIT $1",
        )
        .await?;
    let rows = client.query(&statement, &[&limit]).await?;
    let mut due = Vec::with_capacity(rows.len());
    for row in &rows {
        let click_id: Option<uuid::Uuid> = row.get("click_id");
        if let Some(click_id) = click_id.and_then(|id| ClickId::from_uuid(id).ok()) {
            due.push(WaitingConversion {
                conversion_id: row.get("conversion_id"),
                click_id,
                account_id: None,
            });
        }
    }
    let accounts = click_find_accounts(client, &column(&due, |waiting| waiting.click_id)).await?;
    for waiting in &mut due {
        waiting.account_id = accounts.get(&waiting.click_id).copied();
    }
    Ok(due)
}

/// The accounts of those of some clicks that are stored.
pub async fn click_find_accounts(
    client: &impl GenericClient,
    clicks: &[ClickId],
) -> Result<std::collections::BTreeMap<ClickId, i64>, tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "SELECT c.click_id, c.account_id
             FROM unnest($1::uuid[], $2::timestamptz[]) AS n (click_id, clicked_at)
             CROSS JOIN LATERAL (
                 SELECT click_id, account_id
                 FROM clicks
                 WHERE clicked_at = n.clicked_at AND click_id = n.click_id
                 OFFSET 0
             ) AS c",
        )
        .await?;
    let ids = column(clicks, ClickId::as_uuid);
    let times = column(clicks, ClickId::time);
    let rows = client.query(&statement, &[&ids, &times]).await?;
    let found = rows.iter().filter_map(|row| {
        let id = ClickId::from_uuid(row.get("click_id")).ok()?;
        Some((id, row.get("account_id")))
    });
    Ok(found.collect())
}

/// Has the clicks of these conversions looked for later: after as long as they have
/// waited already, and at least once an hour. One that somebody matches just now is left
/// alone: it would be waited for without a lock that orders who waits for whom.
pub async fn conversion_postpone_all(
    client: &impl GenericClient,
    conversions: &[uuid::Uuid],
) -> Result<(), tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "UPDATE conversions
             SET check_at = now() + make_interval(secs => least(greatest(
                 extract(epoch FROM now() - stored_at)::double precision, $2), $3))
             WHERE conversion_id IN (
                 SELECT conversion_id
                 FROM conversions
                 WHERE conversion_id = ANY($1) AND account_id IS NULL
                 FOR UPDATE SKIP LOCKED
             )",
        )
        .await?;
    let (first, longest) = (FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS);
    client
        .execute(&statement, &[&conversions, &first, &longest])
        .await?;
    Ok(())
}
