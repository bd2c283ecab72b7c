//! Bursts: more clicks in a short time than a person makes.
//!
//! Two clicks are of one person if the visitor (address and user agent) and the contact
//! whose links were clicked are the same. The visitor alone does not tell people apart: a
//! carrier or a proxy like Opera Mini's gives thousands of them one address and one user
//! agent, and a message that is sent to all of them has them click in the same seconds.
//! Different contacts are different people. Only where a link has no contact, a person is
//! the visitor.
//!
//! A click is in a burst if the window can be placed in time so that it contains the click
//! and enough others. That is a property of the set of clicks: the order in which they
//! arrive does not matter, and more clicks never make fewer bursts.

use jiff::{SignedDuration, Timestamp};

/// The thresholds of the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BurstRule {
    /// How many clicks of one person make a burst: 2 or more.
    pub min_clicks: usize,
    /// The longest time from the first of these clicks to the last.
    pub window: SignedDuration,
}

impl BurstRule {
    /// For each of one person's clicks, whether it is in a burst. `times` must ascend.
    pub fn clicks_in_bursts(&self, times: &[Timestamp]) -> Vec<bool> {
        let mut is_in_burst = vec![false; times.len()];
        let mut marked_end = 0;
        for first in 0..times.len() {
            let last = first + self.min_clicks - 1;
            if times
                .get(last)
                .is_some_and(|time| time.duration_since(times[first]) <= self.window)
            {
                is_in_burst[first.max(marked_end)..=last].fill(true);
                marked_end = last + 1;
            }
        }
        is_in_burst
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const RULE: BurstRule = BurstRule {
        min_clicks: 3,
        window: SignedDuration::from_secs(10),
    };

    fn times(seconds: &[i64]) -> Vec<Timestamp> {
        let time = |second: &i64| Timestamp::from_second(1_795_000_000 + second).unwrap();
        seconds.iter().map(time).collect()
    }

    #[rstest]
    #[case(&[], &[])]
    #[case(&[0], &[])]
    #[case(&[0, 1], &[])]
    #[case(&[0, 1, 2], &[0, 1, 2])]
    #[case(&[0, 5, 10], &[0, 5, 10])]
    #[case(&[0, 5, 11], &[])]
    // The clicks would lie in two windows if windows started at fixed times.
    #[case(&[7, 9, 11, 30], &[7, 9, 11])]
    #[case(&[0, 9, 10, 18, 40], &[0, 9, 10, 18])]
    fn enough_clicks_within_the_window_are_a_burst(
        #[case] seconds: &[i64],
        #[case] expected: &[i64],
    ) {
        let are_in_burst = RULE.clicks_in_bursts(&times(seconds));
        let in_burst: Vec<_> = seconds
            .iter()
            .zip(are_in_burst)
            .filter_map(|(second, is_in_burst)| is_in_burst.then_some(*second))
            .collect();
        assert_eq!(in_burst, expected);
    }

    proptest! {
        #[test]
        fn the_result_is_that_of_trying_a_window_from_every_click(
            mut seconds in prop::collection::vec(0_i64..60, 0..25),
            min_clicks in 2_usize..6,
        ) {
            seconds.sort_unstable();
            let times = times(&seconds);
            let rule = BurstRule { min_clicks, ..RULE };
            let within = |from: Timestamp, time: &Timestamp| {
                *time >= from && time.duration_since(from) <= rule.window
            };
            let expected: Vec<bool> = times.iter().map(|time| {
                times.iter().any(|from| {
                    within(*from, time)
                        && times.iter().filter(|other| within(*from, other)).count() >= min_clicks
                })
            }).collect();
            prop_assert_eq!(rule.clicks_in_bursts(&times), expected);
        }
    }
}
