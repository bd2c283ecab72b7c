//! Conversions of which nothing is known but the id of a click that is not stored yet.
//!
//! They belong to no account, are shown to nobody, and need no lock. Each is a row with a
//! time at which its click is looked for again: soon while it is young, and seldom when
//! it is old, so that invented click ids cost little. So that they are not many either, only
//! some of an address and minute are kept, and none for longer than a day
//! (`click_worker::chores::retention`). Whoever stores a click looks for
//! what waits for it too ([`super::conversion_resolve_all`]); the two may miss each
//! other by a moment, and then the next look finds it.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::ClickId;
use jiff::Timestamp;

use super::{Found, NewConversion, rows::conversion_insert_rows};
use crate::{
    ledger::column,
    pool::{GenericClient, Transaction},
};

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

/// Stores conversions that wait for the clicks that they name, up to `max_per_minute` of one
/// address in one minute of their own time. Answers how many are not stored because of that.
/// Transactions at the same time do not see each other's: a few more may be kept.
pub async fn conversion_insert_waiting(
    transaction: &Transaction<'_>,
    conversions: Vec<NewConversion>,
    max_per_minute: usize,
) -> Result<u64, tokio_postgres::Error> {
    let minute = |conversion: &NewConversion| {
        let second = conversion.conversion_id.time().as_second();
        Timestamp::from_second(second - second.rem_euclid(60)).expect("it is less than the time")
    };
    let of_address: Vec<_> = conversions
        .iter()
        .filter_map(|c| Some((c.address_key.clone()?, minute(c))))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let statement = transaction
        .prepare_cached(
            "SELECT k.address_key, k.minute, c.n
             FROM unnest($1::text[], $2::timestamptz[]) AS k (address_key, minute)
             CROSS JOIN LATERAL (
                 SELECT count(*) AS n
                 FROM conversions c
                 WHERE c.account_id IS NULL
                   AND c.address_key = k.address_key
                   AND c.converted_at >= k.minute
                   AND c.converted_at < k.minute + interval '1 minute'
             ) AS c",
        )
        .await?;
    let rows = transaction
        .query(
            &statement,
            &[
                &column(&of_address, |(address_key, _)| address_key.as_str()),
                &column(&of_address, |(_, minute)| *minute),
            ],
        )
        .await?;
    let mut n_waiting: BTreeMap<(String, Timestamp), usize> = rows
        .iter()
        .map(|row| {
            let n: i64 = row.get("n");
            let key = (row.get("address_key"), row.get("minute"));
            (key, usize::try_from(n).unwrap_or(usize::MAX))
        })
        .collect();
    let n_given = conversions.len();
    let mut kept = Vec::with_capacity(n_given);
    for conversion in conversions {
        if let Some(address_key) = &conversion.address_key {
            let n = n_waiting
                .entry((address_key.clone(), minute(&conversion)))
                .or_default();
            if *n >= max_per_minute {
                continue;
            }
            *n += 1;
        }
        kept.push((conversion, Found::default()));
    }
    conversion_insert_rows(transaction, &kept).await?;
    Ok((n_given - kept.len()) as u64)
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
