//! A row of an import: its columns, and what it says.

use domain::{
    conversion::{ConversionStatus, EventType, MAX_TXN_ID_BYTES, parse_currency},
    event::check_event_time,
    id::{ClickId, OfferId},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::input;
use crate::{
    db::import_targets::ImportTerms,
    error::{ApiError, RowFailure},
    fields::{
        AmountField, Text,
        amount::ReadAmount,
        non_empty,
        timestamp::{self, NOT_A_TIME},
    },
};

/// The fields of [`ImportRow`].
pub const COLUMNS: [&str; 11] = [
    "converted_at",
    "event",
    "status",
    "txn_id",
    "click_id",
    "link_id",
    "offer_id",
    "message_id",
    "amount",
    "currency",
    "refund_id",
];

/// A conversion to import. Exactly one of click_id, link_id and offer_id is required.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportRow {
    /// When it happened, as in 2026-03-01T00:00:00Z. Required.
    converted_at: Option<Text>,
    /// sale (by default), lead, rebill, refund, chargeback, install, signup, trial or an event
    /// of your own.
    event: Option<Text>,
    /// approved (by default), pending, rejected or reversed.
    status: Option<Text>,
    /// The transaction. Required unless click_id is given.
    #[schemars(length(max = 255))]
    txn_id: Option<Text>,
    click_id: Option<Text>,
    /// A short id, or lnk_ and a code.
    link_id: Option<Text>,
    offer_id: Option<Text>,
    /// The message that it is credited to. With offer_id only.
    #[schemars(length(max = 255))]
    message_id: Option<Text>,
    /// Without one, the offer's payout counts.
    amount: Option<AmountField>,
    /// The account's default currency by default.
    currency: Option<Text>,
    /// Your name of a refund or chargeback, of which a transaction may have several.
    #[schemars(length(max = 255))]
    refund_id: Option<Text>,
}

/// What a row says.
#[derive(Debug, Clone)]
pub struct ValidRow {
    pub converted_at: Timestamp,
    pub event: EventType,
    pub status: Option<ConversionStatus>,
    pub txn_id: Option<String>,
    pub refund_id: Option<String>,
    pub target: RowTarget,
    pub amount: Option<ReadAmount>,
    pub currency: Option<String>,
}

/// What a row is a conversion of.
#[derive(Debug, Clone)]
pub enum RowTarget {
    Click(ClickId),
    /// A link's short id or `lnk_...`.
    Link(String),
    Offer {
        offer_id: OfferId,
        message_id: Option<String>,
    },
}

impl ImportRow {
    pub fn validate(&self, terms: &ImportTerms, now: Timestamp) -> Result<ValidRow, RowFailure> {
        let row = self.read(terms, now);
        row.map_err(|error| RowFailure::from(&error))
    }

    fn read(&self, terms: &ImportTerms, now: Timestamp) -> Result<ValidRow, ApiError> {
        let converted_at = non_empty(&self.converted_at).unwrap_or_default();
        let converted_at = timestamp::parse(converted_at)
            .ok_or_else(|| ApiError::invalid_field("converted_at", NOT_A_TIME))?;
        let is_kept = terms.raw_since.is_none_or(|since| since <= converted_at);
        if check_event_time(converted_at, now).is_err() || !is_kept {
            let problem = "it is more than 400 days ago, or longer ago than the account keeps \
                           conversions, or more than a day ahead";
            return Err(ApiError::invalid_field("converted_at", problem));
        }
        let named = |field: &'static str, text: &Option<Text>| bounded(field, text);
        let event = non_empty(&self.event).unwrap_or("sale");
        let event = EventType::from_name(event)
            .ok_or_else(|| ApiError::invalid_field("event", input::NOT_AN_EVENT))?;
        let status = non_empty(&self.status).map(|name| {
            ConversionStatus::parse(name)
                .ok_or_else(|| ApiError::invalid_field("status", input::NOT_A_STATUS))
        });
        let currency = non_empty(&self.currency).map(|code| {
            parse_currency(code)
                .ok_or_else(|| ApiError::invalid_field("currency", input::NOT_A_CURRENCY))
        });
        let currency = currency.transpose()?;
        let amount = input::read_amount(
            self.amount.as_ref(),
            currency.as_deref(),
            &terms.default_currency,
            event,
        );
        let amount = amount.map_err(|problem| ApiError::invalid_field("amount", problem))?;
        let target = self.target()?;
        let txn_id = named("txn_id", &self.txn_id)?;
        if txn_id.is_none() && !matches!(target, RowTarget::Click(_)) {
            let problem = "it is required unless `click_id` is given";
            return Err(ApiError::invalid_field("txn_id", problem));
        }
        let refund_id = named("refund_id", &self.refund_id)?;
        if refund_id.is_some() && !event.is_reversal() {
            let problem = "it is not empty, and the event is neither refund nor chargeback";
            return Err(ApiError::invalid_field("refund_id", problem));
        }
        let currency_of_amount = || amount.as_ref().and_then(|read| read.currency.clone());
        Ok(ValidRow {
            converted_at,
            event,
            status: status.transpose()?,
            txn_id,
            refund_id,
            target,
            currency: currency.or_else(currency_of_amount),
            amount,
        })
    }

    fn target(&self) -> Result<RowTarget, ApiError> {
        let message_id = bounded("message_id", &self.message_id)?;
        let ids = (
            non_empty(&self.click_id),
            non_empty(&self.link_id),
            non_empty(&self.offer_id),
        );
        let target = match ids {
            (Some(id), None, None) => {
                let id = ClickId::parse(id);
                let invalid = |error| ApiError::invalid_field("click_id", format!("{error}"));
                RowTarget::Click(id.map_err(invalid)?)
            }
            (None, Some(id), None) => RowTarget::Link(id.to_owned()),
            (None, None, Some(id)) => {
                let id = OfferId::parse(id);
                let invalid = |error| ApiError::invalid_field("offer_id", format!("{error}"));
                let offer_id = id.map_err(invalid)?;
                return Ok(RowTarget::Offer {
                    offer_id,
                    message_id,
                });
            }
            _ => {
                let problem = "exactly one of click_id, link_id and offer_id is required";
                return Err(ApiError::invalid_field("link_id", problem));
            }
        };
        match message_id {
            None => Ok(target),
            Some(_) => Err(ApiError::invalid_field(
                "message_id",
                "it can only be given together with `offer_id`",
            )),
        }
    }
}

/// A text of at most 255 bytes without control characters.
fn bounded(field: &'static str, text: &Option<Text>) -> Result<Option<String>, ApiError> {
    let text = non_empty(text);
    if text.is_some_and(|text| text.len() > MAX_TXN_ID_BYTES || text.contains(char::is_control)) {
        let problem = "it exceeds 255 bytes or has control characters";
        return Err(ApiError::invalid_field(field, problem));
    }
    Ok(text.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    const OFFER: &str = "6789abcd1234ef5678901234";

    #[test]
    fn the_columns_are_the_fields() {
        let schema = schemars::schema_for!(ImportRow).to_value();
        let fields = schema["properties"].as_object().unwrap();
        let mut columns = COLUMNS;
        columns.sort_unstable();
        let mut fields: Vec<_> = fields.keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, columns);
    }

    #[rstest]
    #[case(json!({}), "ok")]
    #[case(json!({ "converted_at": null }), "converted_at")]
    #[case(json!({ "converted_at": "yesterday" }), "converted_at")]
    #[case(json!({ "converted_at": "2024-03-10T00:00:00Z" }), "converted_at")]
    #[case(json!({ "converted_at": "2026-03-08T00:00:00Z" }), "converted_at")]
    #[case(json!({ "converted_at": "2026-03-19T00:00:00Z" }), "converted_at")]
    #[case(json!({ "event": "First Deposit" }), "ok")]
    #[case(json!({ "event": "?" }), "event")]
    #[case(json!({ "status": "accepted" }), "status")]
    #[case(json!({ "currency": "US" }), "currency")]
    #[case(json!({ "amount": "many" }), "amount")]
    #[case(json!({ "amount": "-5" }), "amount")]
    #[case(json!({ "amount": "-5", "event": "refund" }), "ok")]
    #[case(json!({ "amount": "€5", "currency": "USD" }), "amount")]
    #[case(json!({ "txn_id": null }), "txn_id")]
    #[case(json!({ "txn_id": "a\nb" }), "txn_id")]
    #[case(json!({ "refund_id": "r" }), "refund_id")]
    #[case(json!({ "offer_id": "x" }), "offer_id")]
    #[case(json!({ "offer_id": null }), "link_id")]
    #[case(json!({ "link_id": "Ab3kX9q" }), "link_id")]
    #[case(json!({ "link_id": "Ab3kX9q", "offer_id": null }), "ok")]
    #[case(json!({ "link_id": "Ab3kX9q", "offer_id": null, "message_id": "m" }), "message_id")]
    #[case(json!({ "message_id": "m" }), "ok")]
    #[case(json!({ "click_id": "x", "offer_id": null }), "click_id")]
    fn a_row_that_cannot_be_stored_says_why(#[case] changes: Value, #[case] expected: &str) {
        let mut row = json!({
            "converted_at": "2026-03-10T00:00:00Z", "txn_id": "1", "offer_id": OFFER,
        });
        for (name, value) in changes.as_object().unwrap() {
            row[name] = value.clone();
        }
        let row: ImportRow = serde_json::from_value(row).unwrap();
        let terms = ImportTerms {
            default_currency: "USD".to_owned(),
            raw_since: "2026-03-09T00:00:00Z".parse().ok(),
        };
        let now = "2026-03-17T00:00:00Z".parse().unwrap();
        let found = match row.validate(&terms, now) {
            Ok(_) => "ok".to_owned(),
            Err(failure) => failure.field.unwrap_or_default(),
        };
        assert_eq!(found, expected);
    }
}
