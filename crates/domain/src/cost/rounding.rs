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

/// Rounds an amount to [`COST_DECIMALS`], half away from zero.
pub(super) fn round(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(COST_DECIMALS, RoundingStrategy::MidpointAwayFromZero)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

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
        let parse = |text: &str| -> Vec<Decimal> {
            text.split(' ')
                .filter(|word| !word.is_empty())
                .map(|word| word.parse().unwrap())
                .collect()
        };
        let mut rounded = parse(amounts);
        round_to_sum(&mut rounded);
        assert_eq!(rounded, parse(expected));
        let sum: Decimal = parse(amounts).iter().sum();
        assert_eq!(rounded.iter().sum::<Decimal>(), round(sum));
    }
}
