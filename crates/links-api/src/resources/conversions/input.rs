//! The rules of the fields of corrections and imports.

use domain::{conversion::EventType, id::ConversionId};
use jiff::Timestamp;

use crate::fields::{AmountField, amount::ReadAmount};

pub const NOT_A_STATUS: &str = "it is not one of approved, pending, rejected, reversed";
pub const NOT_AN_EVENT: &str = "it is not a name with letters or digits";
pub const NOT_A_CURRENCY: &str = "it is not a code as in USD";
const NEGATIVE: &str = "it is less than 0, which only the amount of a refund or chargeback may be";
const OTHER_CURRENCY: &str = "it is in another currency than `currency` says";

/// Reads an amount of an event. `currency` is the one that is named beside it.
pub fn read_amount(
    amount: Option<&AmountField>,
    currency: Option<&str>,
    default_currency: &str,
    event: EventType,
) -> Result<Option<ReadAmount>, &'static str> {
    let Some(amount) = amount else {
        return Ok(None);
    };
    let Some(read) = amount.read(currency.unwrap_or(default_currency))? else {
        return Ok(None);
    };
    if read.is_negative && !event.is_reversal() {
        return Err(NEGATIVE);
    }
    match (&read.currency, currency) {
        (Some(one), Some(other)) if one != other => Err(OTHER_CURRENCY),
        _ => Ok(Some(read)),
    }
}

/// A new id of a conversion or an update of this time.
pub fn generate_id(time: Timestamp) -> ConversionId {
    let unix_ms = u64::try_from(time.as_millisecond()).unwrap_or(0);
    ConversionId::generate(unix_ms, &mut rand::rng())
}
