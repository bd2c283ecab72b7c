//! A row of an import of costs: its columns, and what it says.

use domain::{
    conversion::parse_currency,
    cost::{CostModel, CostRange},
};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Deserialize;

use super::time::ValidTime;
use crate::{
    db::costs::CostTargetKind,
    error::ApiError,
    fields::{AmountField, Text, non_empty},
};

/// The fields of [`CostImportRow`].
pub const COLUMNS: [&str; 9] = [
    "link_id",
    "offer_id",
    "list_id",
    "campaign_id",
    "from",
    "until",
    "model",
    "amount",
    "currency",
];
pub const NOT_A_MODEL: &str = "it is not one of cpc, cpa, per_day";
const NOT_ONE_TARGET: &str =
    "exactly one of link_id, offer_id, list_id and campaign_id is required";

/// A cost to import. Exactly one of link_id, offer_id, list_id and campaign_id is required.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostImportRow {
    /// A short id, or lnk_ and a code.
    link_id: Option<Text>,
    offer_id: Option<Text>,
    /// The number of a sending list.
    list_id: Option<IdText>,
    campaign_id: Option<Text>,
    /// The first day, as in 2026-03-01, or a time at a full quarter of an hour. Required.
    from: Option<Text>,
    /// The last day, or the time after the last. At most 366 days later. Required.
    until: Option<Text>,
    /// cpc, cpa or per_day. Required.
    model: Option<Text>,
    /// For a click, a conversion or a day: 0 or more, with at most 8 decimals. Required.
    amount: Option<AmountField>,
    /// The account's default currency by default.
    currency: Option<Text>,
}

/// The number of a row, as a number of JSON or as a text.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
enum IdText {
    Number(i64),
    Text(Text),
}

/// What a row says.
#[derive(Debug, Clone)]
pub struct ValidRow {
    /// As the row names it: it need not exist.
    pub kind: CostTargetKind,
    pub name: String,
    pub range: CostRange,
    pub currency: String,
}

impl CostImportRow {
    pub fn validate(&self, zone: &TimeZone, default_currency: &str) -> Result<ValidRow, ApiError> {
        let (kind, name) = self.target()?;
        let model = non_empty(&self.model).and_then(CostModel::parse);
        let model = model.ok_or_else(|| ApiError::invalid_field("model", NOT_A_MODEL))?;
        let currency = non_empty(&self.currency).map(|code| {
            let problem = "it is not a code as in USD";
            parse_currency(code).ok_or_else(|| ApiError::invalid_field("currency", problem))
        });
        let currency = currency.transpose()?;
        let currency = currency.unwrap_or_else(|| default_currency.to_owned());
        let time = ValidTime::parse(
            non_empty(&self.from).unwrap_or_default(),
            non_empty(&self.until).unwrap_or_default(),
            model,
            zone,
        )?;
        Ok(ValidRow {
            kind,
            name,
            range: CostRange {
                model,
                starts_at: time.starts_at,
                ends_at: time.ends_at,
                days: time.days,
                amount: self.amount(&currency)?,
            },
            currency,
        })
    }

    fn target(&self) -> Result<(CostTargetKind, String), ApiError> {
        let list_id = match &self.list_id {
            Some(IdText::Number(number)) => Some(number.to_string()),
            Some(IdText::Text(text)) => Some(text.as_str().to_owned()).filter(|t| !t.is_empty()),
            None => None,
        };
        let text = |text: &Option<Text>| non_empty(text).map(str::to_owned);
        let targets = [
            (CostTargetKind::Link, text(&self.link_id)),
            (CostTargetKind::Offer, text(&self.offer_id)),
            (CostTargetKind::List, list_id),
            (CostTargetKind::Campaign, text(&self.campaign_id)),
        ];
        let mut given = targets
            .into_iter()
            .filter_map(|(kind, name)| Some((kind, name?)));
        match (given.next(), given.next()) {
            (Some(target), None) => Ok(target),
            _ => Err(ApiError::invalid_field("link_id", NOT_ONE_TARGET)),
        }
    }

    fn amount(&self, currency: &str) -> Result<Decimal, ApiError> {
        let invalid = |problem: &str| ApiError::invalid_field("amount", problem);
        let amount = self.amount.as_ref().map(|amount| amount.read(currency));
        let amount = amount.transpose().map_err(invalid)?.flatten();
        let amount = amount.ok_or_else(|| invalid("it is required, such as \"0.05\""))?;
        if amount.is_negative {
            return Err(invalid("it is less than 0"));
        }
        if amount.is_rounded {
            return Err(invalid("it has more than 8 decimals"));
        }
        match amount.currency {
            Some(other) if other != currency => {
                Err(invalid("it is in another currency than `currency` says"))
            }
            _ => Ok(amount.amount),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_columns_are_the_fields() {
        let schema = schemars::schema_for!(CostImportRow).to_value();
        let fields = schema["properties"].as_object().unwrap();
        let mut columns = COLUMNS;
        columns.sort_unstable();
        let mut fields: Vec<_> = fields.keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, columns);
    }

    /// What is wrong with a row, or what it says.
    fn read(changes: &Value, zone: &str) -> String {
        let mut row = json!({
            "offer_id": "6789abcd1234ef5678901234", "from": "2026-03-08", "until": "2026-03-08",
            "model": "per_day", "amount": "12.5",
        });
        for (name, value) in changes.as_object().unwrap() {
            row[name] = value.clone();
        }
        let row: CostImportRow = serde_json::from_value(row).unwrap();
        let zone = jiff::tz::db().get(zone).unwrap();
        match row.validate(&zone, "USD") {
            Err(ApiError::InvalidField(error)) => error.field,
            Err(error) => error.code().to_owned(),
            Ok(row) => {
                let CostRange {
                    model,
                    starts_at,
                    ends_at,
                    days,
                    amount,
                } = row.range;
                let model = model.as_str();
                format!(
                    "{model} {starts_at} {ends_at} {days} {amount} {}",
                    row.currency
                )
            }
        }
    }

    #[rstest]
    #[case(json!({}), "UTC", "per_day 2026-03-08T00:00:00Z 2026-03-09T00:00:00Z 1 12.5 USD")]
    // Clocks are put forward.
    #[case(
        json!({ "until": "2026-03-09" }),
        "America/New_York",
        "per_day 2026-03-08T05:00:00Z 2026-03-10T04:00:00Z 2 12.5 USD"
    )]
    #[case(
        json!({ "model": "cpc", "from": "2026-03-08T00:15:00Z", "until": "2026-03-08T00:30:00Z" }),
        "UTC",
        "cpc 2026-03-08T00:15:00Z 2026-03-08T00:30:00Z 1 12.5 USD"
    )]
    #[case(
        json!({ "model": "cpa", "amount": "€ 5", "currency": "eur" }),
        "UTC",
        "cpa 2026-03-08T00:00:00Z 2026-03-09T00:00:00Z 1 5 EUR"
    )]
    #[case(
        json!({ "until": "2027-03-08" }),
        "UTC",
        "per_day 2026-03-08T00:00:00Z 2027-03-09T00:00:00Z 366 12.5 USD"
    )]
    fn a_row_is_a_price_for_a_time(
        #[case] changes: Value,
        #[case] zone: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(read(&changes, zone), expected);
    }

    #[rstest]
    #[case(json!({ "offer_id": null }), "link_id")]
    #[case(json!({ "list_id": 5 }), "link_id")]
    #[case(json!({ "model": null }), "model")]
    #[case(json!({ "model": "cpm" }), "model")]
    #[case(json!({ "from": null }), "from")]
    #[case(json!({ "from": "yesterday" }), "from")]
    #[case(json!({ "from": "2026-03-08T00:00:00Z" }), "from")]
    #[case(json!({ "until": "2026-03-09T00:00:00Z" }), "until")]
    #[case(json!({ "model": "cpc", "from": "2026-03-08T00:00:01Z" }), "from")]
    #[case(json!({ "model": "cpc", "until": "2026-03-08T00:07:00Z" }), "until")]
    #[case(json!({ "until": "2026-03-07" }), "until")]
    #[case(json!({ "until": "2027-03-09" }), "until")]
    #[case(json!({ "model": "cpc", "until": "2027-03-10T00:00:00Z" }), "until")]
    #[case(json!({ "amount": null }), "amount")]
    #[case(json!({ "amount": "-1" }), "amount")]
    #[case(json!({ "amount": "0.123456789" }), "amount")]
    #[case(json!({ "amount": "€5" }), "amount")]
    #[case(json!({ "amount": "many" }), "amount")]
    #[case(json!({ "currency": "US" }), "currency")]
    fn a_row_that_cannot_be_stored_says_why(#[case] changes: Value, #[case] field: &str) {
        assert_eq!(read(&changes, "UTC"), field);
    }
}
