//! The ends of periods: days of a time zone, or times.

#![warn(clippy::indexing_slicing)]

use jiff::{
    Timestamp, ToSpan as _,
    civil::Date,
    tz::{TimeZone, db},
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::timestamp;
use crate::error::ApiError;

/// Parses the parameter `tz`, the time zone of days. It is UTC by default.
pub fn parse_zone(name: Option<&str>) -> Result<TimeZone, ApiError> {
    let problem = "it is not a time zone as in America/New_York";
    match name {
        None => Ok(TimeZone::UTC),
        Some(name) => db()
            .get(name)
            .map_err(|_| ApiError::invalid_field("tz", problem)),
    }
}

/// Which end of a period a day stands for.
#[derive(Debug, Clone, Copy)]
pub enum RangeEnd {
    Start,
    End,
}

/// Problem of a field whose text is neither a day nor a time, to complete "... is not valid: ".
const NOT_A_MOMENT: &str = "it is neither a day as in 2026-03-01 nor a time as in \
                            2026-03-01T00:00:00Z, of the years 1 to 9999";

/// The start of a period as a text of a query: a day (UTC) or a time.
pub type QueryStart = QueryMoment<false>;

/// The end of a period as a text of a query: the last day (UTC) or the time after the last.
pub type QueryEnd = QueryMoment<true>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryMoment<const IS_END: bool>(pub Timestamp);

impl<'de, const IS_END: bool> Deserialize<'de> for QueryMoment<IS_END> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let end = match IS_END {
            true => RangeEnd::End,
            false => RangeEnd::Start,
        };
        let time = moment(&text, &TimeZone::UTC, end);
        time.map(Self)
            .ok_or_else(|| de::Error::custom(NOT_A_MOMENT))
    }
}

impl<const IS_END: bool> JsonSchema for QueryMoment<IS_END> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "QueryMoment".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// Parses a day, which stands for its start or its end, or a time.
pub fn parse_moment(
    field: &str,
    text: &str,
    zone: &TimeZone,
    end: RangeEnd,
) -> Result<Timestamp, ApiError> {
    moment(text, zone, end).ok_or_else(|| ApiError::invalid_field(field, NOT_A_MOMENT))
}

fn moment(text: &str, zone: &TimeZone, end: RangeEnd) -> Option<Timestamp> {
    timestamp::parse(text).or_else(|| {
        let day = parse_day(text)?;
        Some(match end {
            RangeEnd::Start => start_of_day(day, zone),
            RangeEnd::End => start_of_day(day.saturating_add(1.day()), zone),
        })
    })
}

/// Parses a day as in 2026-03-01, of the years 1 to 9999.
pub fn parse_day(text: &str) -> Option<Date> {
    let day = Date::strptime("%Y-%m-%d", text).ok();
    day.filter(|day| (1..=9999).contains(&day.year()))
}

/// The start of a day in a zone, which is not always at midnight. The first and the last days of
/// the calendar start at the first and the last time that is accepted.
pub fn start_of_day(day: Date, zone: &TimeZone) -> Timestamp {
    let beyond = if day.year() > 1 {
        timestamp::LATEST
    } else {
        timestamp::EARLIEST
    };
    day.to_zoned(zone.clone())
        .and_then(|time| time.start_of_day())
        .map_or(beyond, |start| start.timestamp())
        .clamp(timestamp::EARLIEST, timestamp::LATEST)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("-009999-01-02T01:59:59Z")]
    #[case("-009999-01-02")]
    #[case("-9999-01-02")]
    #[case("0000-12-31")]
    #[case("9999-12-31T00:00:00Z")]
    #[case("10000-01-01")]
    #[case("+010000-01-01")]
    #[case("2026-13-01")]
    #[case("2026-02-29")]
    #[case("é026-02-01")]
    #[case("٢٠٢٦-٠١-٠١")]
    #[case("")]
    fn what_is_no_day_is_refused(#[case] text: &str) {
        for zone in ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"] {
            let zone = db().get(zone).unwrap();
            for end in [RangeEnd::Start, RangeEnd::End] {
                assert!(parse_moment("from", text, &zone, end).is_err(), "{text}");
            }
        }
    }
}
