//! What goes wrong when events are stored, and what is done about it.

use postgres::pool::PoolError;
use tokio_postgres::error::SqlState;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("no connection to Postgres: {0}")]
    NoConnection(#[from] PoolError),
    #[error("Postgres does not answer")]
    NoAnswer,
    #[error("somebody else holds the account")]
    AccountHeld,
    #[error("a partition of clicks cannot be made: {}", described(.0))]
    NoPartition(tokio_postgres::Error),
    #[error("the day is about to be removed")]
    PartitionDetached,
    #[error("Postgres failed: {}", described(.0))]
    Failed(#[from] tokio_postgres::Error),
}

fn described(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} ({})", error.message(), error.code().code()),
        None => error.to_string(),
    }
}

/// What is done with a batch that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// An outage: the batch is tried again as it is, for as long as it takes.
    TryAgain,
    /// The batch is halved, down to the event that Postgres refuses for good: it is
    /// dead-lettered.
    SplitAndRefuse,
    /// The batch is halved, down to the event that fails by itself for the time being:
    /// it is parked with this reason.
    SplitAndPark(&'static str),
    /// The batch is tried again without waiting for the account.
    LeaveAccount,
}

/// The reasons for which events are parked.
pub const PARKING_REASONS: [&str; 5] = [
    "statement_timeout",
    "lock_timeout",
    "deadlock",
    "serialization_failure",
    "partition_detached",
];

impl StoreError {
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::NoConnection(_) | Self::NoAnswer | Self::NoPartition(_) => Remedy::TryAgain,
            Self::AccountHeld => Remedy::LeaveAccount,
            Self::PartitionDetached => Remedy::SplitAndPark("partition_detached"),
            Self::Failed(error) => error.code().map_or(Remedy::TryAgain, remedy),
        }
    }
}

/// SQLSTATE class 21 is two rows for one place in a statement, 22 data exceptions, 23
/// integrity constraints. A missing partition is a check violation, and is made good by
/// trying again.
fn remedy(state: &SqlState) -> Remedy {
    match state {
        state if *state == SqlState::CHECK_VIOLATION => Remedy::TryAgain,
        state if *state == SqlState::QUERY_CANCELED => Remedy::SplitAndPark("statement_timeout"),
        state if *state == SqlState::LOCK_NOT_AVAILABLE => Remedy::SplitAndPark("lock_timeout"),
        state if *state == SqlState::T_R_DEADLOCK_DETECTED => Remedy::SplitAndPark("deadlock"),
        state if *state == SqlState::T_R_SERIALIZATION_FAILURE => {
            Remedy::SplitAndPark("serialization_failure")
        }
        state => match state.code().get(..2) {
            Some("21" | "22" | "23") => Remedy::SplitAndRefuse,
            _ => Remedy::TryAgain,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_a_remedy() {
        for (code, expected) in [
            ("22001", Remedy::SplitAndRefuse),
            ("23505", Remedy::SplitAndRefuse),
            ("21000", Remedy::SplitAndRefuse),
            ("23514", Remedy::TryAgain),
            ("57014", Remedy::SplitAndPark("statement_timeout")),
            ("55P03", Remedy::SplitAndPark("lock_timeout")),
            ("40P01", Remedy::SplitAndPark("deadlock")),
            ("40001", Remedy::SplitAndPark("serialization_failure")),
            ("57P01", Remedy::TryAgain),
            ("25P03", Remedy::TryAgain),
            ("53300", Remedy::TryAgain),
            ("25006", Remedy::TryAgain),
        ] {
            let remedy = remedy(&SqlState::from_code(code));
            assert_eq!(remedy, expected, "{code}");
            if let Remedy::SplitAndPark(reason) = remedy {
                assert!(PARKING_REASONS.contains(&reason), "{reason}");
            }
        }
    }
}
