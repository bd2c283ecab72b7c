//! What a handler gets of its request: the caller, the transaction and the outbox.

#![warn(clippy::indexing_slicing)]

use std::{ops::RangeInclusive, str::FromStr};

use actix_web::{HttpRequest, web::Query};
use postgres::pool::Transaction;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de};

use super::{path, time};
use crate::{
    auth::Caller,
    body::{self, Text},
    error::ApiError,
    outbox::Outbox,
    state::AppState,
};

/// An authenticated request with its transaction, which the pipeline commits if the handler
/// succeeds.
#[derive(Clone, Copy)]
pub struct RequestContext<'a> {
    pub db: &'a Transaction<'a>,
    pub caller: &'a Caller,
    pub state: &'a AppState,
    /// Record changes of this transaction.
    pub outbox: &'a Outbox<'a>,
    pub(super) request: &'a HttpRequest,
    pub(super) body: &'a [u8],
}

impl RequestContext<'_> {
    pub fn json<T: de::DeserializeOwned>(&self) -> Result<T, ApiError> {
        body::parse(self.body)
    }

    /// A parameter of the path, percent-decoded. One that cannot be an id is no resource's.
    pub fn path<T: FromStr>(&self, name: &str, resource: &'static str) -> Result<T, ApiError> {
        let text = self.request.match_info().get(name).unwrap_or_default();
        path::decode(text)
            .parse()
            .map_err(|_| ApiError::NotFound(resource))
    }

    /// A parameter of the query, the first of its name. Empty is absent.
    pub fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        let pairs = Query::<Vec<(String, String)>>::from_query(self.request.query_string())
            .map_err(|error| ApiError::invalid_field("query", error.to_string()))?;
        let value = pairs.into_inner().into_iter().find(|(key, _)| key == name);
        let value = value.map(|(_, value)| value).filter(|v| !v.is_empty());
        if value.as_ref().is_some_and(|value| value.contains('\0')) {
            return Err(ApiError::invalid_field(name, "U+0000 is not allowed"));
        }
        Ok(value)
    }

    pub fn integer(&self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let value = text.parse().ok().filter(|value| range.contains(value));
        let (min, max) = range.into_inner();
        value.map(Some).ok_or_else(|| {
            ApiError::invalid_field(name, format!("it is not an integer from {min} to {max}"))
        })
    }

    /// A time by RFC 3339.
    pub fn time(&self, name: &str) -> Result<Option<jiff::Timestamp>, ApiError> {
        let problem = || ApiError::invalid_field(name, time::NOT_A_TIME);
        let time = self
            .text(name)?
            .map(|text| time::parse(&text).ok_or_else(problem));
        time.transpose()
    }

    pub fn choice(
        &self,
        name: &str,
        choices: &[&'static str],
    ) -> Result<Option<&'static str>, ApiError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let choice = choices.iter().find(|choice| **choice == text);
        choice.map(|choice| Some(*choice)).ok_or_else(|| {
            ApiError::invalid_field(name, format!("it is not one of {}", choices.join(", ")))
        })
    }

    /// Has the rest of the transaction's queries planned by what is asked for: many
    /// of their conditions are about parameters that may be absent.
    pub async fn plan_by_values(&self) -> Result<(), ApiError> {
        let sql = "SET LOCAL plan_cache_mode = force_custom_plan";
        self.db.batch_execute(sql).await?;
        Ok(())
    }
}

/// A time in a body: RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Timestamp(
    #[schemars(with = "String", extend("format" = "date-time"))] pub jiff::Timestamp,
);

impl Timestamp {
    /// A time that lies ahead. `None` takes it away where there is one.
    pub fn ahead(
        field: &'static str,
        text: &Text,
        now: jiff::Timestamp,
    ) -> Result<Option<jiff::Timestamp>, ApiError> {
        if text.as_str().is_empty() {
            return Ok(None);
        }
        let time = time::parse(text.as_str());
        let time = time.ok_or_else(|| ApiError::invalid_field(field, time::NOT_A_TIME))?;
        if time <= now {
            return Err(ApiError::invalid_field(field, "it has passed"));
        }
        // What Postgres holds, and what is written back, are microseconds.
        let time = jiff::Timestamp::from_microsecond(time.as_microsecond());
        time.map(Some).map_err(ApiError::internal)
    }
}

/// A decimal number in a body, as text or as a JSON number. Empty takes it
/// away where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecimalText(pub String);

impl<'de> Deserialize<'de> for DecimalText {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a decimal number, or a text that is one")]
        enum Form {
            Number(serde_json::Number),
            Text(String),
        }
        Ok(Self(match Form::deserialize(deserializer)? {
            Form::Number(number) => number.to_string(),
            Form::Text(text) => text,
        }))
    }
}

impl JsonSchema for DecimalText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Decimal".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "number"],
            "pattern": r"^([0-9]{1,9}(\.[0-9]{1,4})?)?$",
            "minimum": 0,
            "maximum": 999_999_999,
            "multipleOf": 0.0001,
        })
    }
}
