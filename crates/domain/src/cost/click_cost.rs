//! The cost of a single click, as a traffic source writes it into the URL: the price of a bid in
//! place of a macro.

use std::borrow::Cow;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    conversion::DEFAULT_CURRENCY,
    postback::{amount::AmountText, is_no_amount},
};

/// Which parameter of the URLs of clicks is their cost, by the account or the link. Whoever clicks
/// can write it, so no click costs more than a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClickCostRule {
    /// The name of the parameter in the query.
    pub parameter: String,
    /// The currency of the amounts, if it is not the account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The most that a click costs.
    pub max: Decimal,
}

/// What a click costs by its URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClickCost<'a> {
    /// 0 or more.
    #[schemars(with = "String")]
    pub amount: Decimal,
    /// ISO 4217, or the code of a cryptocurrency.
    pub currency: Cow<'a, str>,
}

/// Why the parameter of a click is no cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClickCostError {
    /// A macro that the traffic source did not replace, or a word for nothing.
    NoValue,
    /// It is no number, or one with two meanings.
    Unreadable,
    Negative,
    /// It names another currency than the rule.
    OtherCurrency,
    /// It is higher than the limit.
    AboveMax,
}

impl ClickCostError {
    /// In the order of the variants: a variant is an index into it.
    pub const ALL: [Self; 5] = [
        Self::NoValue,
        Self::Unreadable,
        Self::Negative,
        Self::OtherCurrency,
        Self::AboveMax,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoValue => "no_value",
            Self::Unreadable => "unreadable",
            Self::Negative => "negative",
            Self::OtherCurrency => "other_currency",
            Self::AboveMax => "above_max",
        }
    }
}

impl ClickCostRule {
    /// Reads the value of the parameter. `default_currency` is the account's, if it has one.
    pub fn read<'c>(
        &'c self,
        text: &str,
        default_currency: Option<&'c str>,
    ) -> Result<ClickCost<'c>, ClickCostError> {
        let currency = self.currency.as_deref().or(default_currency);
        let currency = currency.unwrap_or(DEFAULT_CURRENCY);
        let text = text.trim();
        if is_no_amount(text) {
            return Err(ClickCostError::NoValue);
        }
        let amount_text = AmountText::parse(text).ok_or(ClickCostError::Unreadable)?;
        if amount_text
            .currency
            .as_ref()
            .is_some_and(|named| named != currency)
        {
            return Err(ClickCostError::OtherCurrency);
        }
        let amount = amount_text.read_price(currency);
        let amount = amount.ok_or(ClickCostError::Unreadable)?;
        if amount_text.is_negative && !amount.is_zero() {
            return Err(ClickCostError::Negative);
        }
        if amount > self.max {
            return Err(ClickCostError::AboveMax);
        }
        Ok(ClickCost {
            amount,
            currency: Cow::Borrowed(currency),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn rule(currency: &str, max: &str) -> ClickCostRule {
        ClickCostRule {
            parameter: "cost".to_owned(),
            currency: Some(currency.to_owned()),
            max: max.parse().unwrap(),
        }
    }

    #[rstest]
    #[case("0.0123", "0.0123 USD")]
    #[case(".5", "0.5 USD")]
    #[case(",5", "0.5 USD")]
    #[case("2", "2 USD")]
    #[case("0", "0 USD")]
    #[case("-0", "0 USD")]
    #[case("0.00", "0 USD")]
    #[case(" 1.50 ", "1.5 USD")]
    #[case("+1.50", "1.5 USD")]
    #[case("1,50", "1.5 USD")]
    #[case("$0.07", "0.07 USD")]
    #[case("0.07 usd", "0.07 USD")]
    #[case("7e-3", "0.007 USD")]
    // The limit itself is a cost.
    #[case("37,00", "37 USD")]
    #[case("37.00000001", "above_max")]
    #[case("37.000000001", "37 USD")]
    #[case("1000000000", "above_max")]
    #[case("1e12", "above_max")]
    // A price has more decimals than its currency.
    #[case("0.0123456789", "0.01234568 USD")]
    #[case("0.000000001", "0 USD")]
    #[case("{bid}", "no_value")]
    #[case("{{bid}}", "no_value")]
    #[case("${AUCTION_PRICE}", "no_value")]
    #[case("[bid]", "no_value")]
    #[case("%%BID%%", "no_value")]
    #[case("__CPC__", "no_value")]
    #[case("null", "no_value")]
    #[case("  ", "no_value")]
    #[case("-0.05", "negative")]
    #[case("$-0.05", "negative")]
    #[case("-1000", "negative")]
    #[case("0.05 EUR", "other_currency")]
    #[case("€0.05", "other_currency")]
    #[case("-€0.05", "other_currency")]
    #[case("cheap", "unreadable")]
    #[case("1,234", "unreadable")]
    #[case("1e400", "unreadable")]
    #[case("0.05 0.05", "unreadable")]
    #[case("0x10", "unreadable")]
    #[case("\u{663}", "unreadable")]
    fn a_cost_is_read_or_its_error_is_named(#[case] text: &str, #[case] expected: &str) {
        let read = match rule("USD", "37").read(text, Some("EUR")) {
            Ok(cost) => format!("{} {}", cost.amount, cost.currency),
            Err(error) => error.as_str().to_owned(),
        };
        assert_eq!(read, expected);
    }

    #[rstest]
    #[case("2500000000", "VND", Some("2500000000"))]
    #[case("1,500", "VND", Some("1500"))]
    #[case("1.500", "VND", None)]
    #[case("0.5", "JPY", Some("0.5"))]
    #[case("0.00001234", "BTC", Some("0.00001234"))]
    fn the_currency_decides_where_a_number_has_two_meanings(
        #[case] text: &str,
        #[case] currency: &str,
        #[case] expected: Option<&str>,
    ) {
        let rule = rule(currency, "9999999999");
        let amount = rule
            .read(text, None)
            .ok()
            .map(|cost| cost.amount.to_string());
        assert_eq!(amount.as_deref(), expected);
    }

    #[test]
    fn a_rule_without_a_currency_has_that_of_the_account() {
        let rule = ClickCostRule {
            currency: None,
            ..rule("", "1")
        };
        for (default, text, expected) in [
            (Some("JPY"), "0.5", Ok("JPY")),
            (Some("JPY"), "$0.5", Err(ClickCostError::OtherCurrency)),
            (None, "$0.5", Ok("USD")),
        ] {
            let read = rule.read(text, default);
            let currency = read.as_ref().map(|cost| &*cost.currency);
            assert_eq!(currency.map_err(|error| *error), expected, "{text}");
        }
    }

    #[test]
    fn errors_have_the_same_names_in_events_and_columns() {
        for (index, error) in ClickCostError::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::json!(error), error.as_str());
            assert_eq!(error as usize, index);
        }
    }

    proptest! {
        #[test]
        fn no_text_costs_more_than_the_limit_or_less_than_nothing(
            text in r"[-+$€]?[0-9.,' eE{}a-z]{0,24}",
        ) {
            let rule = rule("USD", "2.5");
            if let Ok(cost) = rule.read(&text, None) {
                prop_assert!(cost.amount >= Decimal::ZERO && cost.amount <= rule.max);
                prop_assert!(cost.amount.scale() <= 8);
            }
        }
    }
}
