//! What a network says about the delivery of a message.
//!
//! Reports come in any order, and more than once. So the state of a message is the greatest of
//! its reports in the order of their rank, and a function of the set of reports:
//!
//! | the stored report | the other one | prevails |
//! |---|---|---|
//! | `sent` | a final status | the final status, whenever it happened |
//! | both are final, or both `sent` | | the later one by its time |
//! | | one has no time | the one with a time |
//! | | both have the same time, or none | `delivered`, then `undelivered`, then `failed` |
//!
//! A handset that has a message has it: that is why `delivered` is the first of a moment. But a
//! later final status prevails over it, since networks correct themselves.

use jiff::Timestamp;

/// What has become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeliveryStatus {
    /// It was handed over to the network, and nothing else is known.
    Sent,
    /// The network did not take it, or gave it up by itself.
    Failed,
    /// The network could not deliver it to the phone.
    Undelivered,
    /// The network has delivered it to the phone.
    Delivered,
}

/// How a delivered or failed message is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    Unknown,
    Delivered,
    /// Failed or undelivered.
    Failed,
}

/// One report about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryReport {
    pub status: DeliveryStatus,
    /// When it happened, by the network.
    pub at: Option<Timestamp>,
    /// The network's reason.
    pub reason: Option<String>,
}

impl DeliveryStatus {
    pub const ALL: [Self; 4] = [Self::Sent, Self::Failed, Self::Undelivered, Self::Delivered];

    fn is_final(self) -> bool {
        self != Self::Sent
    }

    pub fn outcome(self) -> DeliveryOutcome {
        match self {
            Self::Sent => DeliveryOutcome::Unknown,
            Self::Delivered => DeliveryOutcome::Delivered,
            Self::Failed | Self::Undelivered => DeliveryOutcome::Failed,
        }
    }
}

impl DeliveryReport {
    /// The state of a message of which nothing was reported.
    pub fn none() -> Self {
        Self {
            status: DeliveryStatus::Sent,
            at: None,
            reason: None,
        }
    }

    /// The report of which the state of the message is made: `self` or `other`.
    pub fn prevailing(self, other: Self) -> Self {
        if other.rank() > self.rank() {
            other
        } else {
            self
        }
    }

    /// The order of reports. The reason is its last part, so that two reports of one moment do
    /// not depend on the order of their arrival either.
    fn rank(&self) -> (bool, Option<Timestamp>, DeliveryStatus, Option<&str>) {
        let Self { status, at, reason } = self;
        (status.is_final(), *at, *status, reason.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// A report as in `delivered@5`, with a time in seconds.
    fn report(text: &str) -> DeliveryReport {
        let (status, at) = text.split_once('@').unwrap_or((text, ""));
        let status = match status {
            "sent" => DeliveryStatus::Sent,
            "failed" => DeliveryStatus::Failed,
            "undelivered" => DeliveryStatus::Undelivered,
            _ => DeliveryStatus::Delivered,
        };
        let at = at.parse().ok();
        DeliveryReport {
            status,
            at: at.map(|second| Timestamp::from_second(second).unwrap()),
            reason: None,
        }
    }

    #[rstest]
    #[case::final_after_sent("sent@5", "delivered@9", "delivered@9")]
    #[case::final_before_sent("sent@5", "failed@1", "failed@1")]
    #[case::final_without_time("sent@5", "undelivered", "undelivered")]
    #[case::later_failure("delivered@5", "failed@9", "failed@9")]
    #[case::earlier_failure("delivered@5", "failed@1", "delivered@5")]
    #[case::later_delivery("undelivered@5", "delivered@9", "delivered@9")]
    #[case::failure_without_time("delivered@5", "failed", "delivered@5")]
    #[case::delivery_without_time("failed@5", "delivered", "failed@5")]
    #[case::both_without_time("failed", "delivered", "delivered")]
    #[case::undelivered_and_failed("failed", "undelivered", "undelivered")]
    #[case::one_moment("delivered@5", "undelivered@5", "delivered@5")]
    #[case::later_sent("sent@5", "sent@9", "sent@9")]
    #[case::same("delivered@5", "delivered@5", "delivered@5")]
    fn one_of_two_reports_prevails(
        #[case] first: &str,
        #[case] second: &str,
        #[case] expected: &str,
    ) {
        let (first, second) = (report(first), report(second));
        let expected = report(expected);
        assert_eq!(first.clone().prevailing(second.clone()), expected);
        assert_eq!(second.prevailing(first), expected);
    }

    #[rstest]
    #[case(DeliveryStatus::Sent, DeliveryOutcome::Unknown)]
    #[case(DeliveryStatus::Delivered, DeliveryOutcome::Delivered)]
    #[case(DeliveryStatus::Failed, DeliveryOutcome::Failed)]
    #[case(DeliveryStatus::Undelivered, DeliveryOutcome::Failed)]
    fn undelivered_counts_as_failed(
        #[case] status: DeliveryStatus,
        #[case] expected: DeliveryOutcome,
    ) {
        assert_eq!(status.outcome(), expected);
    }

    fn reports() -> impl Strategy<Value = Vec<DeliveryReport>> {
        let status = prop::sample::select(DeliveryStatus::ALL.to_vec());
        let at = prop::option::of(0_i64..4);
        let reason = prop::option::of("[ab]");
        let report = (status, at, reason).prop_map(|(status, at, reason)| DeliveryReport {
            status,
            at: at.map(|second| Timestamp::from_second(second).unwrap()),
            reason,
        });
        prop::collection::vec(report, 0..8)
    }

    /// The state after reports that arrive one by one.
    fn state(reports: &[DeliveryReport]) -> DeliveryReport {
        let reports = reports.iter().cloned();
        reports.fold(DeliveryReport::none(), DeliveryReport::prevailing)
    }

    proptest! {
        #[test]
        fn the_state_depends_on_the_set_of_reports_alone(
            reports in reports(),
            order in any::<prop::sample::Index>(),
        ) {
            let expected = state(&reports);
            let mut other = reports.clone();
            other.reverse();
            prop_assert_eq!(&state(&other), &expected);
            if !reports.is_empty() {
                other.rotate_left(order.index(reports.len()));
                prop_assert_eq!(&state(&other), &expected);
                // A report that is repeated at any time changes nothing.
                other.push(reports[order.index(reports.len())].clone());
                prop_assert_eq!(&state(&other), &expected);
            }
        }
    }
}
