//! The fields of a conversion as they are sent, in a body or a query, and their validation.

use domain::{
    conversion::{DEFAULT_CURRENCY, EventType, MAX_TXN_ID_BYTES, parse_currency},
    id::ClickId,
    money::{self, PAYOUT_DECIMALS},
};
use rust_decimal::Decimal;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::error::{ApiError, FieldError};

const MAX_EMAIL: usize = 254;

/// A conversion before validation. An absent or empty field is `None`.
#[derive(Debug, Default)]
pub struct ConversionInput {
    pub click_id: Option<String>,
    pub order_id: Option<String>,
    pub amount: Option<String>,
    pub currency: Option<String>,
    pub event_type: Option<String>,
    pub customer_email: Option<String>,
    pub metadata: Option<Value>,
}

/// A conversion that can be recorded.
#[derive(Debug)]
pub struct ValidatedConversion {
    pub click_id: ClickId,
    pub order_id: String,
    pub amount: Decimal,
    pub currency: String,
    pub event: EventType,
    pub customer_email_hash: Option<String>,
    pub metadata: Option<Value>,
}

impl ConversionInput {
    /// The error has all invalid fields.
    pub fn validate(self) -> Result<ValidatedConversion, ApiError> {
        let mut errors = Vec::new();
        let mut require = |name: &str, example: &str, value: &Option<String>| {
            if value.is_none() {
                errors.push(FieldError::new(
                    name,
                    format!("it is required, such as {example}"),
                ));
            }
        };
        require(
            "click_id",
            "01a11d5c-1e7b-7123-8123-456789abcdef",
            &self.click_id,
        );
        require("order_id", "order-1", &self.order_id);
        require("amount", "12.50", &self.amount);
        let click_id = self.click_id.map(|id| ClickId::parse(&id));
        if let Some(Err(error)) = &click_id {
            errors.push(FieldError::new("click_id", error.to_string()));
        }
        if self.order_id.as_deref().is_some_and(|id| !is_order_id(id)) {
            let problem = "it exceeds 255 bytes or has control characters";
            errors.push(FieldError::new("order_id", problem));
        }
        let amount = self.amount.map(|text| money::parse(&text, PAYOUT_DECIMALS));
        if amount == Some(None) {
            let problem = "it is not a decimal number of 0 or more with at most 4 decimals";
            errors.push(FieldError::new("amount", problem));
        }
        let currency = match &self.currency {
            None => Some(DEFAULT_CURRENCY.to_owned()),
            Some(text) => parse_currency(text),
        };
        if currency.is_none() {
            errors.push(FieldError::new("currency", "it is not a code as in USD"));
        }
        let event = self.event_type.as_deref().unwrap_or("sale");
        let event = EventType::parse_one_of(event, &EventType::AFFILIATE_EVENTS);
        if event.is_none() {
            let problem = "it is not one of sale, lead, signup, trial";
            errors.push(FieldError::new("event_type", problem));
        }
        let email = self.customer_email.map(|email| email.trim().to_lowercase());
        if email.as_deref().is_some_and(|email| !is_email(email)) {
            errors.push(FieldError::new("customer_email", "it is not an address"));
        }
        match (click_id, self.order_id, amount.flatten(), currency, event) {
            (Some(Ok(click_id)), Some(order_id), Some(amount), Some(currency), Some(event))
                if errors.is_empty() =>
            {
                Ok(ValidatedConversion {
                    click_id,
                    order_id,
                    amount,
                    currency,
                    event,
                    customer_email_hash: email.map(|email| hash(&email)),
                    metadata: self.metadata,
                })
            }
            _ => Err(ApiError::Validation(errors)),
        }
    }
}

fn is_order_id(text: &str) -> bool {
    text.len() <= MAX_TXN_ID_BYTES && !text.chars().any(char::is_control)
}

fn is_email(text: &str) -> bool {
    text.contains('@') && text.chars().count() <= MAX_EMAIL
}

/// The form in which an address is stored.
fn hash(email: &str) -> String {
    domain::hex::encode(&Sha256::digest(email))
}
