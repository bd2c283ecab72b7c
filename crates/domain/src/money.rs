//! Amounts of money: decimal, never floating point.

use rust_decimal::Decimal;

/// The most decimals that an offer's payout may have.
pub const PAYOUT_DECIMALS: usize = 4;
/// The most decimals that a postback's revenue may have. Networks report fractions of cents.
pub const REVENUE_DECIMALS: usize = 8;

/// Parses an amount of 0 or more with at most 9 digits before the point and `max_decimals` behind
/// it. Zeros at the end do not count as decimals. `None` for any other text.
pub fn parse(text: &str, max_decimals: usize) -> Option<Decimal> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_amount = (1..=9).contains(&whole.len())
        && are_digits(whole)
        && are_digits(decimals)
        && !text.ends_with('.');
    // Programs write JSON numbers with a zero behind the point, as in 12.0.
    let decimals = decimals.trim_end_matches('0');
    if !is_amount || decimals.len() > max_decimals {
        return None;
    }
    format!("{whole}.{decimals:0<1}").parse().ok()
}

/// The amount with as many decimals as it needs and at least 2, as in 12.50.
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
    fn a_payout_is_decimal_with_at_most_4_decimals(
        #[case] text: &str,
        #[case] expected: Option<&str>,
    ) {
        let amount = parse(text, PAYOUT_DECIMALS).map(format);
        assert_eq!(amount.as_deref(), expected);
    }

    #[rstest]
    #[case("0.12345678", Some("0.12345678"))]
    #[case("0.123456789", None)]
    #[case("1e400", None)]
    #[case("Infinity", None)]
    fn revenue_has_at_most_8_decimals(#[case] text: &str, #[case] expected: Option<&str>) {
        let amount = parse(text, REVENUE_DECIMALS).map(format);
        assert_eq!(amount.as_deref(), expected);
    }
}
