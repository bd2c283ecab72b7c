//! Recording a conversion in the ledger.

use domain::{conversion::ConversionSource, dedupe::DedupeFields, id::ConversionId};
use ledger::{
    account_lock,
    conversions::{NewConversion, conversion_insert_all},
    totals::TotalsDelta,
};

use super::request::ValidatedConversion;
use crate::{
    db::conversions::{TrackedRow, find_by_dedupe_key},
    error::ApiError,
    http::RequestContext,
};

/// A conversion of the table, and whether this request has inserted it.
pub struct RecordedConversion {
    pub row: TrackedRow,
    pub is_new: bool,
}

/// Records a conversion, unless there is one with the same order id and event already.
pub async fn record_conversion(
    context: RequestContext<'_>,
    conversion: ValidatedConversion,
) -> Result<RecordedConversion, ApiError> {
    let account_id = context.caller.account_id;
    account_lock(context.db, account_id.0).await?;
    let dedupe_fields = DedupeFields {
        event: conversion.event,
        txn_id: Some(&conversion.order_id),
        click_id: None,
        link_key: None,
        visitor: "",
    };
    let dedupe_key = dedupe_fields.dedupe_key();
    if let Some(row) = find_by_dedupe_key(context.db, account_id, &dedupe_key).await? {
        return Ok(RecordedConversion { row, is_new: false });
    }
    let conversion = new_conversion(context, conversion);
    let mut delta = TotalsDelta::default();
    conversion_insert_all(context.db, vec![conversion], &mut delta).await?;
    delta.apply(context.db).await?;
    let row = find_by_dedupe_key(context.db, account_id, &dedupe_key).await?;
    let row =
        row.ok_or_else(|| ApiError::internal(anyhow::anyhow!("the conversion was not inserted")))?;
    Ok(RecordedConversion { row, is_new: true })
}

fn new_conversion(context: RequestContext<'_>, conversion: ValidatedConversion) -> NewConversion {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let unix_ms = u64::try_from(now_ms).unwrap_or(0);
    NewConversion {
        conversion_id: ConversionId::generate(unix_ms, &mut rand::rng()),
        source: ConversionSource::Api,
        event: conversion.event,
        account_id: Some(context.caller.account_id.0),
        click_id: Some(conversion.click_id),
        link_key: None,
        link_id: None,
        offer_id: None,
        campaign_id: None,
        message_id: None,
        contact_phone: None,
        revenue: Some(conversion.amount),
        currency: conversion.currency,
        txn_id: Some(conversion.order_id),
        authenticated: true,
        visitor: String::new(),
        address_key: None,
        customer_email_hash: conversion.customer_email_hash,
        metadata: conversion.metadata,
    }
}
