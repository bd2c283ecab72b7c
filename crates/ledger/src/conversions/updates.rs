//! The table `conversion_updates`, and the states of conversions that follow from it.

use std::collections::BTreeMap;

use domain::{
    conversion::{Author, ConversionStatus, ConversionUpdate, EffectiveConversion, EventType},
    id::ConversionId,
};
use postgres::pool::{GenericClient as _, Transaction};
use rust_decimal::Decimal;
use tokio_postgres::Row;

use super::{
    conversion_id,
    credit::{CountedCredit, Sign},
};
use crate::{totals::TotalsDelta, unnest::column};

/// An update to insert.
#[derive(Debug)]
pub(super) struct NewUpdate {
    pub conversion_id: ConversionId,
    pub update: ConversionUpdate,
}

/// The only update of a stored conversion that has no others: what created it.
pub(super) fn update_from_conversion_row(row: &Row) -> ConversionUpdate {
    ConversionUpdate {
        id: conversion_id(row),
        status: ConversionStatus::parse(row.get("status")),
        revenue: row.get("revenue"),
        currency: row.get("currency"),
        is_correction: false,
        event: None,
        author: None,
    }
}

fn update_from_row(row: &Row) -> Option<ConversionUpdate> {
    let status: Option<&str> = row.get("status");
    let event: Option<&str> = row.get("event");
    Some(ConversionUpdate {
        id: ConversionId::from_uuid(row.get("update_id")).ok()?,
        status: status.and_then(ConversionStatus::parse),
        revenue: row.get("revenue"),
        currency: row.get("currency"),
        is_correction: row.get("is_correction"),
        event: event.and_then(EventType::from_name),
        author: Author::from_columns(row.get("api_key_id"), row.get("user_id")),
    })
}

/// Updates by conversion.
pub(super) type Histories = BTreeMap<ConversionId, Vec<ConversionUpdate>>;

/// Loads the updates of conversions that have several.
pub(super) async fn update_load_all(
    transaction: &Transaction<'_>,
    conversions: &[ConversionId],
) -> Result<Histories, tokio_postgres::Error> {
    let mut histories = Histories::new();
    if conversions.is_empty() {
        return Ok(histories);
    }
    let statement = transaction
        .prepare_cached(
            "SELECT *
             FROM conversion_updates
             WHERE conversion_id = ANY($1)",
        )
        .await?;
    let ids = column(conversions, ConversionId::as_uuid);
    for row in transaction.query(&statement, &[&ids]).await? {
        let history = histories.entry(conversion_id(&row)).or_default();
        history.extend(update_from_row(&row));
    }
    Ok(histories)
}

/// Inserts updates, except those that are stored. Their conversions must be stored.
pub(super) async fn update_insert_all(
    transaction: &Transaction<'_>,
    updates: &[NewUpdate],
) -> Result<(), tokio_postgres::Error> {
    if updates.is_empty() {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached(
            "INSERT INTO conversion_updates
                 (conversion_id, update_id, status, revenue, currency, is_correction, event,
                  api_key_id, user_id)
             SELECT *
             FROM unnest(
                 $1::uuid[], $2::uuid[], $3::text[], $4::numeric[], $5::text[], $6::boolean[],
                 $7::text[], $8::bigint[], $9::bigint[]
             )
             ON CONFLICT (conversion_id, update_id) DO NOTHING",
        )
        .await?;
    transaction
        .execute(
            &statement,
            &[
                &column(updates, |new| new.conversion_id.as_uuid()),
                &column(updates, |new| new.update.id.as_uuid()),
                &column(updates, |new| {
                    new.update.status.map(ConversionStatus::as_str)
                }),
                &column(updates, |new| new.update.revenue),
                &column(updates, |new| new.update.currency.as_deref()),
                &column(updates, |new| new.update.is_correction),
                &column(updates, |new| {
                    new.update.event.as_ref().map(EventType::as_str)
                }),
                &column(updates, |new| {
                    new.update.author.and_then(Author::api_key_id)
                }),
                &column(updates, |new| new.update.author.and_then(Author::user_id)),
            ],
        )
        .await?;
    Ok(())
}

/// Writes the states of stored conversions, and takes away their credits and what they
/// counted for in the totals: the caller credits them again.
pub(super) async fn conversion_apply_states(
    transaction: &Transaction<'_>,
    states: &BTreeMap<ConversionId, EffectiveConversion>,
    delta: &mut TotalsDelta,
) -> Result<(), tokio_postgres::Error> {
    if states.is_empty() {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached("SELECT * FROM conversions WHERE conversion_id = ANY($1)")
        .await?;
    let ids: Vec<_> = states.keys().map(ConversionId::as_uuid).collect();
    for row in transaction.query(&statement, &[&ids]).await? {
        CountedCredit::from_row(&row).count(&row, delta, Sign::Minus);
    }
    let statement = transaction
        .prepare_cached(
            "UPDATE conversions AS c
             SET status = n.status,
                 revenue = n.revenue,
                 currency = coalesce(n.currency, c.currency),
                 attribution = 'none',
                 credited_click_id = NULL,
                 credited_clicked_at = NULL,
                 credited_link_key = NULL,
                 credited_link_id = NULL,
                 credited_list_id = NULL,
                 credited_offer_id = NULL,
                 credited_creative_id = NULL,
                 credited_campaign_id = NULL,
                 credited_message_id = NULL,
                 credited_contact_phone = NULL,
                 credited_country = NULL,
                 credited_device = NULL,
                 credited_to_own_contact = false,
                 counted_amount = NULL
             FROM unnest($1::uuid[], $2::text[], $3::numeric[], $4::text[])
                  AS n (conversion_id, status, revenue, currency)
             WHERE c.conversion_id = n.conversion_id",
        )
        .await?;
    let statuses: Vec<_> = states.values().map(|state| state.status.as_str()).collect();
    let amounts: Vec<Option<Decimal>> = states.values().map(|state| state.revenue).collect();
    let currencies: Vec<_> = states.values().map(|s| s.currency.as_deref()).collect();
    transaction
        .execute(&statement, &[&ids, &statuses, &amounts, &currencies])
        .await?;
    Ok(())
}
