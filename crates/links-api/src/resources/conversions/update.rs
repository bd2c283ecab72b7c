//! `PATCH /api/v2/conversions/{conversion_id}`: a correction.

use domain::{
    conversion::{Author, ConversionStatus, EventType, parse_currency},
    id::ConversionId,
};
use ledger::{
    account_lock,
    conversions::{Correction, CorrectionOutcome, MAX_CORRECTIONS, conversion_correct},
    totals::TotalsDelta,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    history::{ConversionWithHistory, find_stored_id},
    input,
};
use crate::{
    db::conversions,
    error::ApiError,
    fields::{AmountField, Text, non_empty},
    http::{RequestBody, RequestContext, Response},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ConversionChange")]
pub struct UpdateConversionRequest {
    /// 0 or more; of a refund or chargeback, what it takes back.
    amount: Option<AmountField>,
    /// A code of ISO 4217 or of a cryptocurrency. It also changes the currency of the amount
    /// that there is.
    currency: Option<Text>,
    /// approved, pending, rejected or reversed.
    #[schemars(extend("enum" = ["approved", "pending", "rejected", "reversed", "", null]))]
    status: Option<Text>,
    /// sale, lead, rebill, refund, chargeback, install, signup, trial or an event of your own.
    event: Option<Text>,
}

impl RequestBody for UpdateConversionRequest {}

impl UpdateConversionRequest {
    pub fn examples() -> [Value; 2] {
        [
            json!({ "status": "approved", "amount": "12.50" }),
            json!({ "event": "lead" }),
        ]
    }

    /// `stored_event` and `stored_currency` are those of the conversion.
    fn validate(
        self,
        author: Author,
        stored_event: EventType,
        stored_currency: &str,
    ) -> Result<Correction, ApiError> {
        let invalid = |field: &str, problem: &str| ApiError::invalid_field(field, problem);
        let status = non_empty(&self.status).map(|name| {
            ConversionStatus::parse(name).ok_or_else(|| invalid("status", input::NOT_A_STATUS))
        });
        let event = non_empty(&self.event).map(|name| {
            EventType::from_name(name).ok_or_else(|| invalid("event", input::NOT_AN_EVENT))
        });
        let currency = non_empty(&self.currency).map(|code| {
            parse_currency(code).ok_or_else(|| invalid("currency", input::NOT_A_CURRENCY))
        });
        let (status, event, currency) = (
            status.transpose()?,
            event.transpose()?,
            currency.transpose()?,
        );
        let amount = input::read_amount(
            self.amount.as_ref(),
            currency.as_deref(),
            stored_currency,
            event.unwrap_or(stored_event),
        );
        let amount = amount.map_err(|problem| invalid("amount", problem))?;
        if amount.is_none() && status.is_none() && event.is_none() && currency.is_none() {
            let problem = "neither amount, currency, status nor event was provided";
            return Err(invalid("amount", problem));
        }
        let currency_of_amount = amount.as_ref().and_then(|read| read.currency.clone());
        Ok(Correction {
            update_id: input::generate_id(jiff::Timestamp::now()),
            author,
            status,
            revenue: amount.map(|read| read.amount),
            currency: currency.or(currency_of_amount),
            event,
        })
    }
}

pub async fn update_conversion(
    context: RequestContext<'_>,
    body: UpdateConversionRequest,
    id: ConversionId,
) -> Result<Response, ApiError> {
    let account_id = context.caller.account_id;
    account_lock(context.db, account_id.0).await?;
    let id = find_stored_id(context.db, account_id, id).await?;
    let stored = conversions::find(context.db, account_id, "event, currency", id).await?;
    let stored = stored.ok_or(ApiError::NotFound("conversion"))?;
    let event = EventType::from_name(stored.get("event")).unwrap_or(EventType::Sale);
    let correction = body.validate(context.caller.author()?, event, stored.get("currency"))?;
    let mut delta = TotalsDelta::default();
    match conversion_correct(context.db, account_id.0, id, &correction, &mut delta).await? {
        CorrectionOutcome::Corrected | CorrectionOutcome::Unchanged => {}
        CorrectionOutcome::NotFound => return Err(ApiError::NotFound("conversion")),
        CorrectionOutcome::IdentityTaken => return Err(ApiError::ConversionExists),
        CorrectionOutcome::TooManyCorrections => {
            return Err(ApiError::TooManyCorrections(MAX_CORRECTIONS));
        }
    }
    delta.apply(context.db).await?;
    Response::ok(&ConversionWithHistory::load(context.db, account_id, id).await?)
}
