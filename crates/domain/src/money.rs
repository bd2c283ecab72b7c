//! Money: decimal, never floating point.

use rust_decimal::Decimal;

/// Decimals that an offer's payout may have.
pub const PAYOUT_DECIMALS: usize = 4;
/// Decimals that a postback's revenue may have: networks report fractions.
pub const REVENUE_DECIMALS: usize = 8;

/// An amount of 0 or more: at most 9 digits before the point, and `max_decimals`
/// behind it.
pub fn parse(text: &str, max_decimals: usize) -> Option<Decimal> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let is_written_so =
        (1..=9).contains(&whole.len()) && digits(whole) && digits(decimals) && !text.ends_with('.');
    // A JSON number is written with a zero behind the point, as in 12.0.
    let decimals = decimals.trim_end_matches('0');
    if !is_written_so || decimals.len() > max_decimals {
        return None;
    }
    format!("{whole}.{decimals:0<1}").parse().ok()
}

/// With at least 2 decimals, as in 12.50.
pub fn format(amount: Decimal) -> String {
    let mut amount = amount.normalize();
    if amount.scale() < 2 {
        amount.rescale(2);
    }
    amount.to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("12.5", Some("12.50"))]
    #[case("0", Some("0.00"))]
    #[case("12.0", Some("12.00"))]
    #[case("0.1234", Some("0.1234"))]
    #[case("0.12340000", Some("0.1234"))]
    #[case("999999999.9999", Some("999999999.9999"))]
    #[case("1000000000", None)]
    #[case("0.12345", None)]
    #[case("-1", None)]
    #[case("+1", None)]
    #[case("1e3", None)]
    #[case("NaN", None)]
    #[case("", None)]
    #[case(".5", None)]
    #[case("5.", None)]
    #[case("1,5", None)]
    #[case("٣", None)]
    fn money_is_decimal(#[case] given: &str, #[case] expected: Option<&str>) {
        let found = parse(given, PAYOUT_DECIMALS).map(format);
        assert_eq!(found.as_deref(), expected);
    }

    #[rstest]
    #[case("0.12345678", Some("0.12345678"))]
    #[case("0.123456789", None)]
    #[case("1e400", None)]
    #[case("Infinity", None)]
    fn revenue_has_more_decimals(#[case] given: &str, #[case] expected: Option<&str>) {
        let found = parse(given, REVENUE_DECIMALS).map(format);
        assert_eq!(found.as_deref(), expected);
    }
}
