//! Times in bodies and queries: RFC 3339.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::text::Text;
use crate::error::ApiError;

/// The earliest and the latest time that is accepted: years of four digits, less the days that
/// a time zone may shift. Postgres and time zones cannot represent times beyond them.
pub const EARLIEST: jiff::Timestamp = jiff::Timestamp::constant(-62_135_510_400, 0);
pub const LATEST: jiff::Timestamp = jiff::Timestamp::constant(253_401_955_200, 0);

/// Problem of a field whose text is not a time, to complete "... is not valid: ".
pub const NOT_A_TIME: &str = "it is not a time as in 2026-03-01T00:00:00Z, of the years 1 to 9999";

/// A time as JSON, with milliseconds: `2026-03-01T05:00:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, JsonSchema)]
#[schemars(transparent)]
pub struct Timestamp(
    #[schemars(with = "String", extend("format" = "date-time"))] pub jiff::Timestamp,
);

/// A time as JSON without a fraction, as the documented products show it:
/// `2026-03-01T05:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub struct WholeSeconds(
    #[schemars(with = "String", extend("format" = "date-time"))] pub jiff::Timestamp,
);

/// What is smaller is cut off.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_milliseconds().0)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for WholeSeconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds = Timestamp(self.0)
            .to_milliseconds()
            .0
            .as_millisecond()
            .div_euclid(1_000);
        let time = jiff::Timestamp::from_second(seconds).unwrap_or(self.0);
        serializer.collect_str(&format_args!("{time:.0}"))
    }
}

impl Timestamp {
    /// The time to the millisecond before it, as JSON shows it.
    pub fn to_milliseconds(self) -> Self {
        let unix_ms = self.0.as_nanosecond().div_euclid(1_000_000);
        let unix_ms = i64::try_from(unix_ms).unwrap_or_default();
        Self(jiff::Timestamp::from_millisecond(unix_ms).unwrap_or(self.0))
    }

    /// Parses a time that must lie in the future. An empty text, which clears the value, is
    /// `None`.
    pub fn parse_future(
        field: &'static str,
        text: &Text,
        now: jiff::Timestamp,
    ) -> Result<Option<jiff::Timestamp>, ApiError> {
        if text.as_str().is_empty() {
            return Ok(None);
        }
        let time = parse(text.as_str());
        let time = time.ok_or_else(|| ApiError::invalid_field(field, NOT_A_TIME))?;
        if time <= now {
            return Err(ApiError::invalid_field(field, "it must lie in the future"));
        }
        // Postgres stores microseconds, and the response has what is stored.
        let time = jiff::Timestamp::from_microsecond(time.as_microsecond());
        time.map(Some).map_err(ApiError::internal)
    }
}

/// A time as a text of a query, where it has no schema of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryTime(pub jiff::Timestamp);

impl<'de> Deserialize<'de> for QueryTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = parse(&text).ok_or_else(|| de::Error::custom(NOT_A_TIME))?;
        Ok(Self(time))
    }
}

impl JsonSchema for QueryTime {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "QueryTime".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// Parses a time by RFC 3339, from [`EARLIEST`] to [`LATEST`].
pub fn parse(text: &str) -> Option<jiff::Timestamp> {
    let time = text.parse().ok()?;
    (EARLIEST..=LATEST).contains(&time).then_some(time)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_limits_are_days_inside_of_the_years_1_to_9999() {
        assert_eq!(EARLIEST.to_string(), "0001-01-02T00:00:00Z");
        assert_eq!(LATEST.to_string(), "9999-12-28T00:00:00Z");
    }

    #[rstest]
    #[case(
        "2026-03-01T05:00:00Z",
        "2026-03-01T05:00:00.000Z",
        "2026-03-01T05:00:00Z"
    )]
    #[case(
        "2026-03-01T05:00:00.1Z",
        "2026-03-01T05:00:00.100Z",
        "2026-03-01T05:00:00Z"
    )]
    #[case(
        "2026-03-01T05:00:00.999999Z",
        "2026-03-01T05:00:00.999Z",
        "2026-03-01T05:00:00Z"
    )]
    #[case(
        "1969-12-31T23:59:59.9999Z",
        "1969-12-31T23:59:59.999Z",
        "1969-12-31T23:59:59Z"
    )]
    #[case(
        "0001-01-02T00:00:00Z",
        "0001-01-02T00:00:00.000Z",
        "0001-01-02T00:00:00Z"
    )]
    fn what_is_smaller_than_shown_is_cut_off(
        #[case] time: &str,
        #[case] milliseconds: &str,
        #[case] seconds: &str,
    ) {
        let time: jiff::Timestamp = time.parse().unwrap();
        assert_eq!(serde_json::json!(Timestamp(time)), milliseconds);
        assert_eq!(serde_json::json!(WholeSeconds(time)), seconds);
    }

    #[rstest]
    #[case("2026-03-01T00:00:00Z", true)]
    #[case("2026-03-01T00:00:00.123456789+05:30", true)]
    #[case("1969-12-31T23:59:59Z", true)]
    #[case("0001-01-02T00:00:00Z", true)]
    #[case("9999-12-28T00:00:00Z", true)]
    #[case("0001-01-01T23:59:59Z", false)]
    #[case("0000-01-01T00:00:00Z", false)]
    #[case("-000001-01-01T00:00:00Z", false)]
    #[case("-009999-01-02T01:59:59Z", false)]
    #[case("9999-12-28T00:00:00.000000001Z", false)]
    #[case("9999-12-31T23:59:59Z", false)]
    #[case("+010000-01-01T00:00:00Z", false)]
    #[case("2026-02-30T00:00:00Z", false)]
    #[case("2026-03-01", false)]
    #[case("infinity", false)]
    #[case("é", false)]
    #[case("", false)]
    fn a_time_is_one_that_can_be_stored(#[case] text: &str, #[case] is_time: bool) {
        assert_eq!(parse(text).is_some(), is_time, "{text}");
    }
}
