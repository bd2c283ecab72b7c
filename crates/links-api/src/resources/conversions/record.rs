//! Recording a conversion in the ledger.

use std::collections::BTreeMap;

use domain::{
    conversion::{ConversionSource, ConversionStatus},
    id::ConversionId,
};
use ledger::{
    account_lock,
    conversions::{NewConversion, conversion_insert_all},
    totals::TotalsDelta,
};

use super::request::ValidatedConversion;
use crate::{
    db::conversions::{TrackedRow, find_tracked},
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
    let conversion = new_conversion(context, conversion);
    let id = conversion.conversion_id;
    let mut delta = TotalsDelta::default();
    let outcome = conversion_insert_all(context.db, vec![conversion], &mut delta).await?;
    delta.apply(context.db).await?;
    if outcome.deleted.contains(&id) {
        return Err(ApiError::ConversionDeleted);
    }
    let stored_id = outcome.stored_instead.get(&id).copied().unwrap_or(id);
    let row = find_tracked(context.db, account_id, stored_id).await?;
    let row =
        row.ok_or_else(|| ApiError::internal(anyhow::anyhow!("the conversion was not inserted")))?;
    Ok(RecordedConversion {
        row,
        is_new: stored_id == id,
    })
}

fn new_conversion(context: RequestContext<'_>, conversion: ValidatedConversion) -> NewConversion {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let unix_ms = u64::try_from(now_ms).unwrap_or(0);
    NewConversion {
        conversion_id: ConversionId::generate(unix_ms, &mut rand::rng()),
        source: ConversionSource::Api,
        event: conversion.event,
        status: ConversionStatus::Approved,
        account_id: Some(context.caller.account_id.0),
        click_id: Some(conversion.click_id),
        link_key: None,
        link_id: None,
        offer_id: None,
        campaign_id: None,
        message_id: None,
        contact_phone: None,
        coupon: None,
        revenue: Some(conversion.amount),
        currency: conversion.currency,
        without_payout: false,
        txn_id: Some(conversion.order_id),
        refund_id: None,
        request_digest: None,
        flags: Vec::new(),
        parameters: BTreeMap::new(),
        authenticated: true,
        visitor: String::new(),
        address_key: None,
        customer_email_hash: conversion.customer_email_hash,
        metadata: conversion.metadata,
        history: Vec::new(),
        import: None,
    }
}
