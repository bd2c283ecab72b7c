//! Load of known content: it clicks, buys and creates links at a fixed rate, keeps what
//! every answer promised, and compares that with Postgres afterwards.
//!
//! Each request has a number of its own, which a click carries to the destination
//! and into its row as `sub1`, and a conversion as its `txn_id`. So the audit knows of
//! each row which request it is of, and of each request how many rows it has.

mod audit;
mod client;
mod expectations;
mod sample;

pub use audit::{Audit, ToleratedLoss};
pub use client::{Load, Target, Traffic};
pub use expectations::{Expectations, ExpectedClick, ExpectedConversion, Link};
pub use sample::{Failure, Sample, Summary};
