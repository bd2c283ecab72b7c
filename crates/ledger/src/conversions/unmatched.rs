//! Unmatched conversions: those that name nothing but a click which is not stored yet.
//!
//! They belong to no account, no API shows them, and they need no lock. Each row has a time
//! at which its click is looked for again: soon while the conversion is young, and seldom
//! when it is old, so that invented click ids cost little. There cannot be many of them
//! either: once their clicks should have come, only the first ones of each address and
//! minute are kept ([`unmatched_conversion_delete_surplus`]), and none is kept for longer than
//! a day (`click_worker::maintenance::retention`).
//!
//! A transaction that stores clicks looks for their unmatched conversions, too
//! ([`unmatched_conversion_resolve_all`]). The click and the conversion may be stored at the
//! same moment, so that neither transaction sees the other: then the next look finds it.

use domain::id::ClickId;
use jiff::SignedDuration;
use postgres::pool::{GenericClient, Transaction};

use super::{
    NewConversion,
    attribution::conversion_delete_all,
    context::ConversionContext,
    conversion_id, conversion_insert_all,
    former_identities::former_identity_change_order,
    rows::{conversion_from_row, conversion_insert_rows},
    updates::update_load_all,
};
use crate::{totals::TotalsDelta, unnest::column};

/// The shortest time between two looks for the click of a conversion.
const SHORTEST_WAIT_SECONDS: f64 = 1.0;
/// The longest time between two looks for the click of a conversion.
const LONGEST_WAIT_SECONDS: f64 = 3600.0;

/// An unmatched conversion that is due for a look for its click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnmatchedConversion {
    pub conversion_id: uuid::Uuid,
    pub click_id: ClickId,
    /// The account of the click, if the click is stored by now.
    pub account_id: Option<i64>,
}

/// Stores conversions as unmatched.
pub async fn unmatched_conversion_insert_all(
    transaction: &Transaction<'_>,
    conversions: Vec<NewConversion>,
) -> Result<(), tokio_postgres::Error> {
    let rows: Vec<_> = conversions
        .into_iter()
        .map(|conversion| (conversion, ConversionContext::default()))
        .collect();
    conversion_insert_rows(transaction, &rows).await
}

/// How many conversions of unknown clicks are kept.
#[derive(Debug, Clone, Copy)]
pub struct UnknownClickLimits {
    /// How much later than its conversion a click may come. All are kept until then.
    pub grace: SignedDuration,
    /// So many are kept after that: the first ones of each address and minute.
    pub max_per_minute: i64,
}

/// Deletes those of some unmatched conversions that exceed the limit for their address and
/// minute. Returns how many it has deleted.
pub async fn unmatched_conversion_delete_surplus(
    client: &impl GenericClient,
    conversions: &[uuid::Uuid],
    limits: UnknownClickLimits,
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
    let UnknownClickLimits {
        grace,
        max_per_minute,
    } = limits;
    client
        .execute(
            &statement,
            &[&conversions, &grace.as_secs_f64(), &max_per_minute],
        )
        .await
}

/// Finds unmatched conversions that are due for a look, those that have waited longest first.
pub async fn unmatched_conversion_find_due(
    client: &impl GenericClient,
    limit: i64,
) -> Result<Vec<UnmatchedConversion>, tokio_postgres::Error> {
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
            due.push(UnmatchedConversion {
                conversion_id: row.get("conversion_id"),
                click_id,
                account_id: None,
            });
        }
    }
    let accounts =
        click_load_accounts(client, &column(&due, |conversion| conversion.click_id)).await?;
    for conversion in &mut due {
        conversion.account_id = accounts.get(&conversion.click_id).copied();
    }
    Ok(due)
}

/// Loads the accounts of those of some clicks that are stored.
pub async fn click_load_accounts(
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
    let accounts = rows.iter().filter_map(|row| {
        let id = ClickId::from_uuid(row.get("click_id")).ok()?;
        Some((id, row.get("account_id")))
    });
    Ok(accounts.collect())
}

/// Postpones the next look for the clicks of unmatched conversions by as long as they have
/// waited already, and by an hour at most. It skips rows that another transaction is
/// resolving at this moment: to wait for them without the lock of an account could end in a
/// deadlock.
pub async fn unmatched_conversion_postpone_all(
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
    let (shortest, longest) = (SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS);
    client
        .execute(&statement, &[&conversions, &shortest, &longest])
        .await?;
    Ok(())
}

/// Gives the unmatched conversions of clicks that are stored now to the accounts of the clicks,
/// and credits them. Returns how many were rejected because they came without a secret.
/// Needs the lock of each click's account.
pub async fn unmatched_conversion_resolve_all(
    transaction: &Transaction<'_>,
    clicks: &[ClickId],
    delta: &mut TotalsDelta,
) -> Result<u64, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(
            "SELECT *
             FROM conversions
             WHERE click_id = ANY($1) AND message_key IS NULL
             FOR UPDATE",
        )
        .await?;
    let click_ids: Vec<_> = clicks.iter().map(ClickId::as_uuid).collect();
    let rows = transaction.query(&statement, &[&click_ids]).await?;
    // Few batches of clicks have any.
    if rows.is_empty() {
        return Ok(0);
    }
    let ids: Vec<_> = rows.iter().map(conversion_id).collect();
    let mut histories = update_load_all(transaction, &ids).await?;
    // One that names its offer is credited to that until its click is stored.
    conversion_delete_all(transaction, &ids, delta).await?;
    let mut matched = Vec::with_capacity(rows.len());
    let mut with_corrected_events = Vec::new();
    for row in &rows {
        let mut conversion = conversion_from_row(row);
        let id = conversion.conversion_id;
        conversion.history = histories.remove(&id).unwrap_or_default();
        if let Some(account_id) = conversion.account_id
            && conversion.history.iter().any(|u| u.event.is_some())
        {
            let old_key: String = row.get("dedupe_key");
            with_corrected_events.push((account_id, old_key, id));
        }
        matched.push(conversion);
    }
    let inserted = conversion_insert_all(transaction, matched, delta).await?;
    for (account_id, old_key, id) in with_corrected_events {
        let id = inserted.stored_instead.get(&id).copied().unwrap_or(id);
        former_identity_change_order(transaction, account_id, &old_key, id).await?;
    }
    Ok(inserted.n_rejected)
}
