//! The table `clicks`.

use std::{borrow::Cow, collections::HashSet};

use domain::{click::ClickEvent, cost::ClickCostError};
use postgres::{
    copy::RowCopy,
    pool::{GenericClient as _, Transaction},
};
use tokio_postgres::{error::SqlState, types::Type};
use uuid::Uuid;

use super::click_row::ClickRow;

/// Inserts the clicks that are not stored yet, and returns their ids. The rows must have
/// different ids. Needs the lock of each account: an id belongs to one account, so no other
/// transaction inserts the same click meanwhile.
///
/// Nearly always, all clicks are new. So they are copied without a look at the table. Only if
/// one of them is stored already, the copy is undone, and those that are stored are looked
/// up.
pub(super) async fn click_insert_all(
    transaction: &mut Transaction<'_>,
    rows: &[&ClickRow<'_>],
) -> Result<HashSet<Uuid>, tokio_postgres::Error> {
    let savepoint = transaction.savepoint("before_copy").await?;
    match click_copy_all(&savepoint, rows.iter().copied()).await {
        Ok(inserted) => {
            savepoint.commit().await?;
            return Ok(inserted);
        }
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            savepoint.rollback().await?;
        }
        Err(error) => return Err(error),
    }
    let existing = click_find_existing(transaction, rows).await?;
    let is_new = |row: &&ClickRow<'_>| !existing.contains(&row.event.click_id.as_uuid());
    click_copy_all(transaction, rows.iter().copied().filter(is_new)).await
}

async fn click_copy_all<'r>(
    transaction: &Transaction<'_>,
    rows: impl Iterator<Item = &'r ClickRow<'r>>,
) -> Result<HashSet<Uuid>, tokio_postgres::Error> {
    let mut copied = HashSet::new();
    let mut copy = RowCopy::begin(transaction, "clicks", &COLUMNS).await?;
    for row in rows {
        let event = row.event;
        let id = event.click_id.as_uuid();
        copy.write(&[
            &id,
            &event.click_id.time(),
            &event.account_id.0,
            &event.link_key.0,
            &event.link_id.as_str(),
            &event.list_id.map(|id| id.0),
            &event.offer_id.map(|id| id.to_string()),
            &event.creative_id.map(|id| id.0),
            &text(&event.message_id),
            &text(&event.contact_phone),
            &row.visitor.to_string(),
            &row.stored_ip,
            &text(&event.user_agent),
            &text(&event.referrer),
            &text(&event.country),
            &text(&event.sub1),
            &text(&event.sub2),
            &text(&event.sub3),
            &text(&event.sub4),
            &text(&event.sub5),
            &text(&event.source),
            &text(&event.creative),
            &text(&event.cost),
            &event.is_bot(),
            &reason_names(event),
            &event.bot_rules,
            &event.asn.map(i64::from),
            &event.confirmed,
            &row.device.class,
            &row.device.os,
            &row.device.browser,
            &event.campaign_id.as_ref().map(|id| id.as_str()),
            &correction_names(event),
            &text(&event.region),
            &text(&event.city),
            &text(&event.language),
            &event.click_cost.as_ref().map(|cost| cost.amount),
            &event.click_cost.as_ref().map(|cost| &*cost.currency),
            &event.click_cost_error.map(ClickCostError::as_str),
        ])
        .await?;
        copied.insert(id);
    }
    copy.finish().await?;
    Ok(copied)
}

const COLUMNS: [(&str, Type); 39] = [
    ("click_id", Type::UUID),
    ("clicked_at", Type::TIMESTAMPTZ),
    ("account_id", Type::INT8),
    ("link_key", Type::INT8),
    ("link_id", Type::TEXT),
    ("list_id", Type::INT8),
    ("offer_id", Type::TEXT),
    ("creative_id", Type::INT8),
    ("message_id", Type::TEXT),
    ("contact_phone", Type::TEXT),
    ("visitor", Type::TEXT),
    ("ip", Type::INET),
    ("user_agent", Type::TEXT),
    ("referrer", Type::TEXT),
    ("country", Type::TEXT),
    ("sub1", Type::TEXT),
    ("sub2", Type::TEXT),
    ("sub3", Type::TEXT),
    ("sub4", Type::TEXT),
    ("sub5", Type::TEXT),
    ("source", Type::TEXT),
    ("creative", Type::TEXT),
    ("cost", Type::TEXT),
    ("is_bot", Type::BOOL),
    ("bot_reasons", Type::TEXT_ARRAY),
    ("bot_rules", Type::TEXT_ARRAY),
    ("asn", Type::INT8),
    ("confirmed", Type::BOOL),
    ("device", Type::TEXT),
    ("os", Type::TEXT),
    ("browser", Type::TEXT),
    ("campaign_id", Type::TEXT),
    ("path_corrections", Type::TEXT_ARRAY),
    ("region", Type::TEXT),
    ("city", Type::TEXT),
    ("language", Type::TEXT),
    ("click_cost", Type::NUMERIC),
    ("click_cost_currency", Type::TEXT),
    ("click_cost_error", Type::TEXT),
];

fn text<'e>(value: &'e Option<Cow<'static, str>>) -> Option<&'e str> {
    value.as_deref()
}

fn reason_names(event: &ClickEvent<'static>) -> Vec<&'static str> {
    let reasons = event.bot_reasons.iter();
    reasons.map(|reason| reason.as_str()).collect()
}

fn correction_names(event: &ClickEvent<'static>) -> Vec<&'static str> {
    let corrections = event.path_corrections.iter();
    corrections.map(|correction| correction.as_str()).collect()
}

/// Finds the ids of the clicks that are stored.
async fn click_find_existing(
    transaction: &Transaction<'_>,
    rows: &[&ClickRow<'_>],
) -> Result<HashSet<Uuid>, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(
            "SELECT c.click_id
             FROM unnest($1::uuid[], $2::timestamptz[]) AS n (click_id, clicked_at)
             JOIN clicks c ON c.clicked_at = n.clicked_at AND c.click_id = n.click_id",
        )
        .await?;
    let ids: Vec<_> = rows
        .iter()
        .map(|row| row.event.click_id.as_uuid())
        .collect();
    let times: Vec<_> = rows.iter().map(|row| row.event.click_id.time()).collect();
    let existing = transaction.query(&statement, &[&ids, &times]).await?;
    Ok(existing.iter().map(|row| row.get("click_id")).collect())
}
