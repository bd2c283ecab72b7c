//! The period of a report, and the time zone of its days.

#![warn(clippy::indexing_slicing)]

use jiff::{SignedDuration, Timestamp, ToSpan as _, tz::TimeZone};
use ledger::totals::{BUCKET_SECONDS, bucket_start};

use crate::{
    error::ApiError,
    fields::moment::{RangeEnd, parse_moment, parse_zone, start_of_day},
};

/// Days of a report whose query names no period, the last of which is today.
const DEFAULT_DAYS: i64 = 30;

/// A period in a zone. It consists of whole quarters of an hour.
#[derive(Debug, Clone)]
pub struct Period {
    /// The first time that belongs to it.
    pub from: Timestamp,
    /// The first time that no longer belongs to it.
    pub to: Timestamp,
    pub zone: TimeZone,
    pub zone_name: String,
}

impl Period {
    /// Parses the parameters `from`, `to` and `tz`.
    pub fn parse(
        from: Option<&str>,
        to: Option<&str>,
        zone_name: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let zone = parse_zone(zone_name)?;
        let today = now.to_zoned(zone.clone()).date();
        let to = match to {
            None => start_of_day(today.saturating_add(1.day()), &zone),
            Some(text) => parse_moment("to", text, &zone, RangeEnd::End)?,
        };
        let from = match from {
            None => {
                let last = (to - SignedDuration::from_millis(1))
                    .to_zoned(zone.clone())
                    .date();
                start_of_day(last.saturating_sub((DEFAULT_DAYS - 1).days()), &zone)
            }
            Some(text) => parse_moment("from", text, &zone, RangeEnd::Start)?,
        };
        if from >= to {
            return Err(ApiError::invalid_field(
                "from",
                "it is not before the time that `to` names",
            ));
        }
        let almost_a_bucket =
            SignedDuration::from_secs(BUCKET_SECONDS) - SignedDuration::from_millis(1);
        Ok(Self {
            from: bucket_start(from),
            to: bucket_start(to.saturating_add(almost_a_bucket).unwrap_or(to)),
            zone,
            zone_name: zone_name.unwrap_or("UTC").to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::db;

    use super::*;

    #[test]
    fn all_zones_keep_to_quarters_of_an_hour() {
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let mut n_zones = 0;
        for name in db().available() {
            let zone = db().get(name.as_str()).unwrap();
            let offset = zone.to_offset(now).seconds();
            assert_eq!(i64::from(offset) % BUCKET_SECONDS, 0, "{name}");
            n_zones += 1;
        }
        assert!(n_zones > 400, "{n_zones}");
    }
}
