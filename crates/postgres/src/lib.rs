#![doc = include_str!("../README.md")]

pub mod advisory_lock;
pub mod audit;
mod backfills;
pub mod copy;
pub mod indexes;
pub mod migrations;
pub mod pool;
