//! Rounding amounts so that their sum stays what it is.

use rust_decimal::{Decimal, RoundingStrategy};

/// The decimals of a cost.
pub const COST_DECIMALS: u32 = 8;

/// Rounds amounts to [`COST_DECIMALS`]. The rounded amounts add up to the rounded sum: each is
/// the difference of two rounded sums, so that none is off by more than one unit of the last
/// decimal.
pub fn round_to_sum<'a>(amounts: impl IntoIterator<Item = &'a mut Decimal>) {
    let mut sum = Decimal::ZERO;
    let mut rounded_sum = Decimal::ZERO;
    for amount in amounts {
        sum += *amount;
        let next = round(sum);
        *amount = next - rounded_sum;
        rounded_sum = next;
    }
}

/// Rounds amounts to [`COST_DECIMALS`], so that they add up to `total`, a rounded sum of the same
/// amounts that was computed in another way: where the exact sum is near the middle between
/// two rounded ones, the two ways may come to different sides. The last amount that is not zero
/// takes that unit. A total that is further away is not of these amounts, and is ignored.
pub fn round_to_total(amounts: &mut [&mut Decimal], total: Decimal) {
    let last = amounts.iter().rposition(|amount| !amount.is_zero());
    round_to_sum(amounts.iter_mut().map(|amount| &mut **amount));
    let difference = total - amounts.iter().map(|amount| **amount).sum::<Decimal>();
    let unit = Decimal::new(1, COST_DECIMALS);
    if let Some(last) = last.and_then(|last| amounts.get_mut(last))
        && difference.abs() <= unit
    {
        **last += difference;
    }
}

/// Rounds an amount to [`COST_DECIMALS`], half away from zero.
pub fn round(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(COST_DECIMALS, RoundingStrategy::MidpointAwayFromZero)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parse(text: &str) -> Vec<Decimal> {
        let words = text.split_whitespace();
        words.map(|word| word.parse().unwrap()).collect()
    }

    #[rstest]
    #[case("", "")]
    #[case("1.5 2.25", "1.5 2.25")]
    #[case(
        "3.3333333333 3.3333333333 3.3333333334",
        "3.33333333 3.33333334 3.33333333"
    )]
    #[case("0.000000004 0.000000004 0.000000004", "0 0.00000001 0")]
    #[case("0.000000005", "0.00000001")]
    #[case("-0.000000005", "-0.00000001")]
    fn rounded_amounts_add_up(#[case] amounts: &str, #[case] expected: &str) {
        let mut rounded = parse(amounts);
        round_to_sum(&mut rounded);
        assert_eq!(rounded, parse(expected));
        let sum: Decimal = parse(amounts).iter().sum();
        assert_eq!(rounded.iter().sum::<Decimal>(), round(sum));
    }

    #[rstest]
    // The exact sum is 0.000000015, and the amounts do not quite add up to it.
    #[case("0.0000000099999 0.000000005", "0.00000002", "0.00000001 0.00000001")]
    #[case("1 0.0000000049999 0", "1.00000001", "1 0.00000001 0")]
    #[case("1 0.0000000050001 0", "1", "1 0 0")]
    #[case("1 2", "3", "1 2")]
    #[case("", "0.00000001", "")]
    #[case("1 2", "4", "1 2")]
    fn rounded_amounts_add_up_to_a_total_that_is_one_unit_off(
        #[case] amounts: &str,
        #[case] total: &str,
        #[case] expected: &str,
    ) {
        let mut rounded = parse(amounts);
        let mut borrowed: Vec<_> = rounded.iter_mut().collect();
        round_to_total(&mut borrowed, total.parse().unwrap());
        assert_eq!(rounded, parse(expected));
    }
}
