//! Statistics of a few rounds: none of them assumes that times are normally distributed.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// How often the rounds are drawn again for an interval.
const N_RESAMPLES: usize = 2_000;

/// The middle value, or the mean of the two middle ones. 0 for no values.
pub fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The median of the distances from the median: how much the values spread, whatever one
/// or two outliers do.
pub fn median_absolute_deviation(values: &[f64]) -> f64 {
    let median_value = median(values);
    let distances: Vec<_> = values.iter().map(|v| (v - median_value).abs()).collect();
    median(&distances)
}

/// The smallest value that `share` (0 to 1) of the values do not exceed. 0 for no values.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let sorted = sorted(values);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank of a few thousand values"
    )]
    let rank = ((sorted.len() as f64 * share).ceil() as usize).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0.0)
}

/// The ratio of each round's two values. A round that was slow for both is not in it,
/// as it would be in the ratio of two medians.
pub fn ratios(values: &[f64], references: &[f64]) -> Vec<f64> {
    values.iter().zip(references).map(|(v, r)| v / r).collect()
}

/// The 95 % interval of the median by bootstrap: the values are drawn again, with
/// replacement, and the middle 95 % of the medians of the draws are kept. The same values
/// give the same interval.
pub fn bootstrap_interval(values: &[f64]) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let mut rng = StdRng::seed_from_u64(1);
    let mut draw = || -> Vec<f64> {
        let draws = values.iter().map(|_| rng.random_range(0..values.len()));
        draws.map(|index| values[index]).collect()
    };
    let medians: Vec<_> = (0..N_RESAMPLES).map(|_| median(&draw())).collect();
    (percentile(&medians, 0.025), percentile(&medians, 0.975))
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_value_or_the_mean_of_two() {
        for (values, expected) in [
            (&[][..], 0.0),
            (&[3.0], 3.0),
            (&[3.0, 1.0], 2.0),
            (&[9.0, 1.0, 5.0], 5.0),
            (&[4.0, 1.0, 100.0, 2.0], 3.0),
        ] {
            assert_eq!(median(values), expected, "{values:?}");
        }
    }

    #[test]
    fn an_outlier_does_not_change_the_spread() {
        assert_eq!(
            median_absolute_deviation(&[10.0, 11.0, 12.0, 13.0, 14.0]),
            1.0
        );
        assert_eq!(
            median_absolute_deviation(&[10.0, 11.0, 12.0, 13.0, 900.0]),
            1.0
        );
        assert_eq!(median_absolute_deviation(&[7.0]), 0.0);
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<_> = (1..=200).map(f64::from).collect();
        for (share, expected) in [(0.5, 100.0), (0.99, 198.0), (0.999, 200.0), (1.0, 200.0)] {
            assert_eq!(percentile(&values, share), expected, "{share}");
        }
        assert_eq!(percentile(&[5.0], 0.01), 5.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }

    #[test]
    fn a_round_that_is_slow_for_both_does_not_change_the_ratio() {
        let ratios = ratios(&[50.0, 25.0, 51.0], &[100.0, 50.0, 102.0]);
        assert_eq!(ratios, [0.5, 0.5, 0.5]);
    }

    #[test]
    fn the_interval_holds_the_median_and_narrows_with_the_spread() {
        let narrow = bootstrap_interval(&[1.0, 1.01, 0.99, 1.0, 1.02]);
        let wide = bootstrap_interval(&[1.0, 1.4, 0.6, 1.0, 1.2]);
        assert!(narrow.0 <= 1.0 && 1.0 <= narrow.1, "{narrow:?}");
        assert!(wide.1 - wide.0 > narrow.1 - narrow.0, "{wide:?} {narrow:?}");
        assert_eq!(bootstrap_interval(&[2.0, 2.0, 2.0]), (2.0, 2.0));
        assert_eq!(bootstrap_interval(&[2.0]), (2.0, 2.0));
    }
}
