//! Amounts of conversions in bodies, read as those of postbacks are.

use domain::postback::{AmountUnit, amount::AmountText};
use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::DecimalText;

/// An amount, as a text or as a JSON number. It is not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmountField(String);

/// An amount that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadAmount {
    /// 0 or more.
    pub amount: Decimal,
    pub is_negative: bool,
    /// Whether it had more than 8 decimals, and was rounded.
    pub is_rounded: bool,
    /// The currency that stands beside the number, as in `€ 12.50`.
    pub currency: Option<String>,
}

/// The problem of an amount that cannot be read, to complete "... is not valid: ".
pub const NOT_AN_AMOUNT: &str = "it is not a decimal number that has one meaning, as in 12.50";

impl AmountField {
    /// Reads the amount. `currency` is the one that the request names, or else the account's.
    /// `None` for an empty text.
    pub fn read(&self, currency: &str) -> Result<Option<ReadAmount>, &'static str> {
        let text = self.0.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let parsed = AmountText::parse(text).ok_or(NOT_AN_AMOUNT)?;
        let currency = parsed.currency.as_deref().unwrap_or(currency);
        let read = parsed.read(currency, AmountUnit::Major);
        let read = read.ok_or(NOT_AN_AMOUNT)?;
        Ok(Some(ReadAmount {
            amount: read.amount,
            is_negative: parsed.is_negative && !read.amount.is_zero(),
            is_rounded: read.is_rounded,
            currency: parsed.currency,
        }))
    }
}

impl<'de> Deserialize<'de> for AmountField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DecimalText::deserialize(deserializer).map(|DecimalText(text)| Self(text))
    }
}

impl JsonSchema for AmountField {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "number" }] })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(r#""12.50""#, Some("12.5"))]
    #[case("12.5", Some("12.5"))]
    #[case("-3", Some("-3"))]
    #[case(r#""1,234.50""#, Some("1234.5"))]
    #[case(r#""€ 5""#, Some("5 EUR"))]
    #[case(r#""""#, None)]
    #[case(r#""1,234""#, Some("error"))]
    #[case(r#""many""#, Some("error"))]
    fn an_amount_is_read_where_it_has_one_meaning(
        #[case] json: &str,
        #[case] expected: Option<&str>,
    ) {
        let field: AmountField = serde_json::from_str(json).unwrap();
        let read = match field.read("USD") {
            Ok(read) => read.map(|read| {
                let sign = if read.is_negative { "-" } else { "" };
                let currency = read.currency.map(|code| format!(" {code}"));
                format!("{sign}{}{}", read.amount, currency.unwrap_or_default())
            }),
            Err(_) => Some("error".to_owned()),
        };
        assert_eq!(read.as_deref(), expected);
    }
}
