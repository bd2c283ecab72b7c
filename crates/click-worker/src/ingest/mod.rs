//! Writing events to Postgres: one transaction for each batch, which stores clicks and
//! conversions of some accounts with everything that follows from them. What is counted is
//! `ledger`'s; when a batch is written, and what happens when that fails, is `consumer`'s.
//!
//! The events of an account are stored under its lock. If another transaction has the lock,
//! the account is left out with all of its events, and the others are stored. There is one
//! statement for each table, whatever the size of the batch. Writing a batch again changes
//! nothing.

mod account_policy;
mod batch_transaction;
mod burst_minutes;
mod click_effects;
mod click_row;
mod clicks;
mod conversions;
mod devices;
mod error;
mod outcome;
pub mod partitions;
mod writer;

pub use error::{PARKING_REASONS, Remedy, StoreError};
pub use outcome::WriteOutcome;
pub use writer::{BatchWriter, WriteOptions};

/// The most accounts that one transaction writes. Each of them has a lock in the shared memory
/// of Postgres, which has room for `max_locks_per_transaction` times `max_connections`.
pub const MAX_ACCOUNTS: usize = 200;
