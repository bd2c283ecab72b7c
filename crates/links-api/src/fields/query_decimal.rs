//! A decimal number in a query.

use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A decimal number in a query.
#[derive(Debug, Clone, Copy)]
pub struct QueryDecimal(pub Decimal);

impl<'de> Deserialize<'de> for QueryDecimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.parse().ok();
        let problem = "it is not a decimal number as in 12.50";
        number.map(Self).ok_or_else(|| de::Error::custom(problem))
    }
}

impl JsonSchema for QueryDecimal {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "QueryDecimal".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }
}
