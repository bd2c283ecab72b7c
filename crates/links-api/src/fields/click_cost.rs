//! The field of accounts and links about the costs that clicks have in their URLs.

use domain::{
    conversion::parse_currency,
    cost::ClickCostRule,
    money::{self, PAYOUT_DECIMALS},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DecimalText, Text, non_empty};
use crate::error::ApiError;

/// The parameter that networks and trackers name most often.
const DEFAULT_PARAMETER: &str = "cost";
/// Characters of the name of a parameter.
const MAX_PARAMETER: usize = 64;

/// Which parameter of clicks is their cost. Without any field, none is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(rename = "ClickCostSetting")]
pub struct ClickCostField {
    /// The parameter of the URL, at most 64 characters; `cost` by default.
    #[schemars(length(max = 64))]
    parameter: Option<Text>,
    /// The currency of the amounts; the account's default currency by default.
    currency: Option<Text>,
    /// The most that a click costs: a decimal number over 0 with at most 4 decimals. Anybody can
    /// write a URL, so amounts above it count as no cost. Required.
    max: Option<DecimalText>,
}

/// Which parameter of clicks is their cost.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ClickCost")]
pub struct ClickCostObject {
    parameter: String,
    /// Null is the account's default currency.
    currency: Option<String>,
    /// The most that a click may cost: a decimal number such as 0.5.
    max: String,
}

impl From<ClickCostRule> for ClickCostObject {
    fn from(rule: ClickCostRule) -> Self {
        Self {
            parameter: rule.parameter,
            currency: rule.currency,
            max: money::format(rule.max),
        }
    }
}

impl ClickCostField {
    /// The rule; `None` for an object without a value. `field` is its name in the body.
    pub fn rule(&self, field: &str) -> Result<Option<ClickCostRule>, ApiError> {
        let invalid =
            |name: &str, problem: &str| ApiError::invalid_field(format!("{field}.{name}"), problem);
        let max = self.max.as_ref().map(|DecimalText(max)| max.as_str());
        let max = max.filter(|max| !max.is_empty());
        let (parameter, currency) = (non_empty(&self.parameter), non_empty(&self.currency));
        if max.is_none() && parameter.is_none() && currency.is_none() {
            return Ok(None);
        }
        let max = max.and_then(|max| money::parse(max, PAYOUT_DECIMALS));
        let max = max.filter(|max| !max.is_zero()).ok_or_else(|| {
            let problem = "a decimal number over 0 with at most 4 decimals is required, such as \
                           \"2.50\"";
            invalid("max", problem)
        })?;
        let parameter = parameter.unwrap_or(DEFAULT_PARAMETER);
        if parameter.chars().count() > MAX_PARAMETER || parameter.contains(char::is_control) {
            let problem = "it has more than 64 characters, or control characters";
            return Err(invalid("parameter", problem));
        }
        let currency = currency.map(|code| {
            let problem = "it is not a code as in USD";
            parse_currency(code).ok_or_else(|| invalid("currency", problem))
        });
        Ok(Some(ClickCostRule {
            parameter: parameter.to_owned(),
            currency: currency.transpose()?,
            max,
        }))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[rstest]
    #[case(json!({}), "none")]
    #[case(json!({ "parameter": "", "currency": "", "max": "" }), "none")]
    #[case(json!({ "max": "2.5" }), "cost default 2.5")]
    #[case(json!({ "max": 2.5 }), "cost default 2.5")]
    #[case(json!({ "max": "0.0001", "parameter": "my bid", "currency": "usd" }), "my bid USD 0.0001")]
    #[case(json!({ "parameter": "bid" }), "clickCost.max")]
    #[case(json!({ "currency": "EUR" }), "clickCost.max")]
    #[case(json!({ "max": "0" }), "clickCost.max")]
    #[case(json!({ "max": "-1" }), "clickCost.max")]
    #[case(json!({ "max": "1.23456" }), "clickCost.max")]
    #[case(json!({ "max": "much" }), "clickCost.max")]
    #[case(json!({ "max": "1", "currency": "XXX" }), "clickCost.currency")]
    #[case(json!({ "max": "1", "parameter": "x".repeat(64) }), &format!("{} default 1", "x".repeat(64)))]
    #[case(json!({ "max": "1", "parameter": "x".repeat(65) }), "clickCost.parameter")]
    #[case(json!({ "max": "1", "parameter": "a\nb" }), "clickCost.parameter")]
    fn a_setting_needs_a_limit(#[case] json: Value, #[case] expected: &str) {
        let field: ClickCostField = serde_json::from_value(json).unwrap();
        let found = match field.rule("clickCost") {
            Ok(None) => "none".to_owned(),
            Ok(Some(rule)) => {
                let currency = rule.currency.as_deref().unwrap_or("default");
                format!("{} {currency} {}", rule.parameter, rule.max.normalize())
            }
            Err(ApiError::InvalidField(error)) => error.field,
            Err(other) => format!("{other:?}"),
        };
        assert_eq!(found, expected);
    }
}
