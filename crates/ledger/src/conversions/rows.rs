//! The table `conversions`: inserting rows and reading them.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    conversion::{
        ConversionFlag, ConversionSource, ConversionStatus, DEFAULT_CLICK_WINDOW_DAYS, EventType,
    },
    id::{ClickId, ConversionId},
};
use postgres::pool::{GenericClient as _, Transaction};
use tokio_postgres::{Row, types::Json};

use super::{NewConversion, context::ConversionContext, conversion_id};
use crate::unnest::column;

/// Reads the facts of a stored row.
pub(super) fn conversion_from_row(row: &Row) -> NewConversion {
    let click_id: Option<uuid::Uuid> = row.get("click_id");
    let metadata: Option<Json<serde_json::Value>> = row.get("metadata");
    let parameters: Option<Json<BTreeMap<String, String>>> = row.get("parameters");
    NewConversion {
        conversion_id: conversion_id(row),
        source: ConversionSource::parse(row.get("source")).expect("only sources are stored"),
        event: EventType::from_name(row.get("event")).expect("only events are stored"),
        status: ConversionStatus::parse(row.get("status")).expect("only statuses are stored"),
        account_id: row.get("account_id"),
        click_id: click_id.and_then(|id| ClickId::from_uuid(id).ok()),
        link_key: row.get("link_key"),
        link_id: row.get("link_id"),
        offer_id: row.get("offer_id"),
        campaign_id: row.get("campaign_id"),
        message_id: row.get("message_id"),
        contact_phone: row.get("contact_phone"),
        coupon: row.get("coupon"),
        revenue: row.get("revenue"),
        currency: row.get("currency"),
        without_payout: row.get("without_payout"),
        txn_id: row.get("txn_id"),
        refund_id: row.get("refund_id"),
        request_digest: row.get("request_digest"),
        flags: parse_flags(&row.get::<_, Vec<String>>("flags")),
        parameters: parameters.map(|Json(map)| map).unwrap_or_default(),
        authenticated: row.get("authenticated"),
        visitor: row.get("visitor"),
        // It is needed only while the conversion is unmatched.
        address_key: None,
        customer_email_hash: row.get("customer_email_hash"),
        metadata: metadata.map(|Json(value)| value),
        history: Vec::new(),
        import: None,
    }
}

/// Loads the row of a conversion of the account.
pub(super) async fn conversion_load(
    transaction: &Transaction<'_>,
    account_id: i64,
    id: ConversionId,
) -> Result<Option<Row>, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached("SELECT * FROM conversions WHERE conversion_id = $1 AND account_id = $2")
        .await?;
    transaction
        .query_opt(&statement, &[&id.as_uuid(), &account_id])
        .await
}

/// Finds those whose id is stored already, as that of a conversion or of an update, and those
/// that were deleted.
pub(super) async fn conversion_find_stored(
    transaction: &Transaction<'_>,
    conversions: &[NewConversion],
) -> Result<BTreeSet<ConversionId>, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(
            "SELECT conversion_id FROM conversions WHERE conversion_id = ANY($1)
             UNION ALL
             SELECT update_id FROM conversion_updates WHERE update_id = ANY($1)
             UNION ALL
             SELECT conversion_id FROM deleted_conversions WHERE conversion_id = ANY($1)",
        )
        .await?;
    let ids = column(conversions, |c| c.conversion_id.as_uuid());
    let rows = transaction.query(&statement, &[&ids]).await?;
    Ok(rows.iter().map(conversion_id).collect())
}

/// Inserts conversions, except those whose id exists. Another worker may have stored one as
/// unmatched in the meantime: it stays unmatched, until the next look for its click resolves
/// it.
pub(super) async fn conversion_insert_rows(
    transaction: &Transaction<'_>,
    rows: &[(NewConversion, ConversionContext)],
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
                  click_window_days, customer_email_hash, metadata, authenticated, address_key,
                  status, without_payout, refund_id, request_digest, flags, parameters,
                  coupon)
             SELECT conversion_id, converted_at, account_id, source, event, txn_id, dedupe_key,
                    visitor, click_id, link_key, link_id, offer_id, campaign_id, message_id,
                    contact_phone, message_key, contact_key, revenue, currency, payout,
                    click_window_days, customer_email_hash, metadata, authenticated, address_key,
                    status, without_payout, refund_id, request_digest,
                    string_to_array(flags, ','), parameters, coupon
             FROM unnest(
                 $1::uuid[], $2::timestamptz[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                 $7::text[], $8::text[], $9::uuid[], $10::bigint[], $11::text[], $12::text[],
                 $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::numeric[],
                 $19::text[], $20::numeric[], $21::integer[], $22::text[], $23::jsonb[],
                 $24::boolean[], $25::text[], $26::text[], $27::boolean[], $28::text[], $29::text[],
                 $30::text[], $31::jsonb[], $32::text[]
             ) AS n
                 (conversion_id, converted_at, account_id, source, event, txn_id, dedupe_key,
                  visitor, click_id, link_key, link_id, offer_id, campaign_id, message_id,
                  contact_phone, message_key, contact_key, revenue, currency, payout,
                  click_window_days, customer_email_hash, metadata, authenticated, address_key,
                  status, without_payout, refund_id, request_digest, flags, parameters,
                  coupon)
             ON CONFLICT (conversion_id) DO NOTHING",
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
                &column(rows, |(c, context)| {
                    let key = context.dedupe_key.clone();
                    key.unwrap_or_else(|| c.dedupe_fields(context).dedupe_key())
                }),
                &column(rows, |(c, _)| c.visitor.as_str()),
                &column(rows, |(c, _)| c.click_id.map(|id| id.as_uuid())),
                &column(rows, |(c, _)| c.link_key),
                &column(rows, |(c, _)| c.link_id.as_deref()),
                &column(rows, |(c, _)| c.offer_id.as_deref()),
                &column(rows, |(c, _)| c.campaign_id.as_deref()),
                &column(rows, |(c, _)| c.message_id.as_deref()),
                &column(rows, |(c, _)| c.contact_phone.as_deref()),
                &column(rows, |(_, context)| context.message_key.as_deref()),
                &column(rows, |(_, context)| context.contact_key.as_deref()),
                &column(rows, |(c, _)| c.revenue),
                &column(rows, |(c, _)| c.currency.as_str()),
                &column(rows, |(_, context)| context.payout),
                &column(rows, |(_, context)| {
                    context.window_days.unwrap_or(DEFAULT_CLICK_WINDOW_DAYS)
                }),
                &column(rows, |(c, _)| c.customer_email_hash.as_deref()),
                &column(rows, |(c, _)| c.metadata.as_ref().map(Json)),
                &column(rows, |(c, _)| c.authenticated),
                &column(rows, |(c, _)| c.address_key.as_deref()),
                &column(rows, |(c, _)| c.status.as_str()),
                &column(rows, |(c, _)| c.without_payout),
                &column(rows, |(c, _)| c.refund_id.as_deref()),
                &column(rows, |(c, _)| c.request_digest.as_deref()),
                &column(rows, |(c, _)| flag_names(&c.flags)),
                &column(rows, |(c, _)| {
                    (!c.parameters.is_empty()).then_some(Json(&c.parameters))
                }),
                &column(rows, |(c, _)| c.coupon.as_deref()),
            ],
        )
        .await?;
    Ok(())
}

/// The names of flags with commas between them. An array of arrays cannot be a parameter.
fn flag_names(flags: &[ConversionFlag]) -> String {
    let names: Vec<_> = flags.iter().map(|flag| flag.as_str()).collect();
    names.join(",")
}

fn parse_flags(names: &[String]) -> Vec<ConversionFlag> {
    names
        .iter()
        .filter_map(|name| ConversionFlag::parse(name))
        .collect()
}
