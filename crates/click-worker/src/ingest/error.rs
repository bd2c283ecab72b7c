//! Why storing events fails, and what the caller should do then.

use postgres::pool::PoolError;
use tokio_postgres::error::SqlState;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("no connection to Postgres: {0}")]
    NoConnection(#[from] PoolError),
    #[error("Postgres did not answer in time")]
    NoAnswer,
    #[error("another transaction has the lock of the account")]
    AccountLocked,
    #[error("a partition of clicks cannot be created: {}", describe(.0))]
    NoPartition(tokio_postgres::Error),
    #[error("retention is about to drop the partition of the day")]
    PartitionDetached,
    #[error("Postgres failed: {}", describe(.0))]
    Failed(#[from] tokio_postgres::Error),
}

fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} ({})", error.message(), error.code().code()),
        None => error.to_string(),
    }
}

/// What to do with a batch that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Retry it as it is, for as long as it takes: it is an outage.
    Retry,
    /// Halve it, down to the event that Postgres will never accept, and dead-letter that.
    BisectAndReject,
    /// Halve it, down to the event that fails by itself at present, and park that with this
    /// reason.
    BisectAndPark(&'static str),
    /// Retry it without waiting for the account.
    SkipAccount,
}

/// The reasons for which events are parked, labels of a metric.
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
            Self::NoConnection(_) | Self::NoAnswer | Self::NoPartition(_) => Remedy::Retry,
            Self::AccountLocked => Remedy::SkipAccount,
            Self::PartitionDetached => Remedy::BisectAndPark("partition_detached"),
            Self::Failed(error) => error.code().map_or(Remedy::Retry, remedy_for_state),
        }
    }
}

/// An error of the data is one of the SQLSTATE classes 21 (a statement would change a row
/// twice), 22 (data exception) and 23 (integrity constraint). A missing partition is reported
/// as a check violation; the retry creates it.
fn remedy_for_state(state: &SqlState) -> Remedy {
    match state {
        state if *state == SqlState::CHECK_VIOLATION => Remedy::Retry,
        state if *state == SqlState::QUERY_CANCELED => Remedy::BisectAndPark("statement_timeout"),
        state if *state == SqlState::LOCK_NOT_AVAILABLE => Remedy::BisectAndPark("lock_timeout"),
        state if *state == SqlState::T_R_DEADLOCK_DETECTED => Remedy::BisectAndPark("deadlock"),
        state if *state == SqlState::T_R_SERIALIZATION_FAILURE => {
            Remedy::BisectAndPark("serialization_failure")
        }
        state => match state.code().get(..2) {
            Some("21" | "22" | "23") => Remedy::BisectAndReject,
            _ => Remedy::Retry,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sqlstate_has_its_remedy() {
        for (code, expected) in [
            ("22001", Remedy::BisectAndReject),
            ("23505", Remedy::BisectAndReject),
            ("21000", Remedy::BisectAndReject),
            ("23514", Remedy::Retry),
            ("57014", Remedy::BisectAndPark("statement_timeout")),
            ("55P03", Remedy::BisectAndPark("lock_timeout")),
            ("40P01", Remedy::BisectAndPark("deadlock")),
            ("40001", Remedy::BisectAndPark("serialization_failure")),
            ("57P01", Remedy::Retry),
            ("25P03", Remedy::Retry),
            ("53300", Remedy::Retry),
            ("25006", Remedy::Retry),
        ] {
            let remedy = remedy_for_state(&SqlState::from_code(code));
            assert_eq!(remedy, expected, "{code}");
            if let Remedy::BisectAndPark(reason) = remedy {
                assert!(PARKING_REASONS.contains(&reason), "{reason}");
            }
        }
    }
}
