//! The times that clients name.

use jiff::Timestamp;

/// The first and the last time that is taken: years of four digits. Beyond them Postgres
/// or a time zone cannot follow.
pub const EARLIEST: Timestamp = Timestamp::constant(-62_135_510_400, 0);
pub const LATEST: Timestamp = Timestamp::constant(253_401_955_200, 0);

/// What is wrong with a text that is no time.
pub const NOT_A_TIME: &str = "it is not a time as in 2026-03-01T00:00:00Z, of the years 1 to 9999";

/// A time by RFC 3339.
pub fn parse(text: &str) -> Option<Timestamp> {
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
