//! Load with known content: clicks, conversions and new links at a fixed rate. It keeps what
//! every response acknowledged, and compares that with Postgres afterwards.
//!
//! Each request has a number: `sub1` of a click, which also appears in its destination, or
//! `txn_id` of a conversion. By it the audit finds the rows of each request.

mod audit;
mod client;
mod expectations;
mod sample;

pub use audit::{Audit, ToleratedLoss};
pub use client::{Load, Target, Traffic};
pub use expectations::{Expectations, ExpectedClick, ExpectedConversion, Link};
pub use sample::{Failure, Sample, Summary};
