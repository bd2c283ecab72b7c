//! Bursts: more clicks in a short time than a person makes.
//!
//! Clicks are of one person if the visitor (address and user agent) and the contact
//! whose links were clicked are the same. The visitor alone does not tell people apart:
//! a carrier or a proxy like Opera Mini's gives thousands of them one address and one
//! user agent, and a message that is sent to all of them has them click in the same
//! seconds. Different contacts are different people. Only where a link has no contact
//! is a person the visitor.
//!
//! A click is in a burst if some stretch of time as long as the window holds it
//! and enough others. That is a property of the set of clicks, so that the order
//! in which they arrive does not matter, and more clicks never make fewer bursts.

use jiff::{SignedDuration, Timestamp};

/// What a burst is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BurstRule {
    /// Clicks that make one; 2 or more.
    pub clicks: usize,
    /// The time they are made in.
    pub window: SignedDuration,
}

impl BurstRule {
    /// Which of a person's clicks are in a burst. Their times must ascend.
    pub fn clicks_in_bursts(&self, times: &[Timestamp]) -> Vec<bool> {
        let mut is_burst = vec![false; times.len()];
        let mut marked_to = 0;
        for first in 0..times.len() {
            let last = first + self.clicks - 1;
            if times
                .get(last)
                .is_some_and(|time| time.duration_since(times[first]) <= self.window)
            {
                is_burst[first.max(marked_to)..=last].fill(true);
                marked_to = last + 1;
            }
        }
        is_burst
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const BURST: BurstRule = BurstRule {
        clicks: 3,
        window: SignedDuration::from_secs(10),
    };

    fn at(seconds: &[i64]) -> Vec<Timestamp> {
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
    // Across what would be a border of fixed windows.
    #[case(&[7, 9, 11, 30], &[7, 9, 11])]
    #[case(&[0, 9, 10, 18, 40], &[0, 9, 10, 18])]
    fn enough_clicks_within_the_window_are_a_burst(
        #[case] seconds: &[i64],
        #[case] expected: &[i64],
    ) {
        let found = BURST.clicks_in_bursts(&at(seconds));
        let found = seconds.iter().zip(found).filter(|(_, is_burst)| *is_burst);
        let found: Vec<_> = found.map(|(second, _)| *second).collect();
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn it_is_what_trying_every_stretch_finds(
            mut seconds in prop::collection::vec(0_i64..60, 0..25),
            clicks in 2_usize..6,
        ) {
            seconds.sort_unstable();
            let times = at(&seconds);
            let burst = BurstRule { clicks, ..BURST };
            let within = |from: Timestamp, time: &Timestamp| {
                *time >= from && time.duration_since(from) <= burst.window
            };
            let expected: Vec<bool> = times.iter().map(|time| {
                times.iter().any(|from| {
                    within(*from, time)
                        && times.iter().filter(|other| within(*from, other)).count() >= clicks
                })
            }).collect();
            prop_assert_eq!(burst.clicks_in_bursts(&times), expected);
        }
    }
}
