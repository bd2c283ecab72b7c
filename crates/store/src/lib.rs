#![doc = include_str!("../README.md")]

pub mod advisory_locks;
pub mod copy;
pub(crate) mod indexes;
pub mod ledger;
pub mod migrations;
pub mod pool;
