#![doc = include_str!("../README.md")]

pub mod advisory_lock;
mod backfills;
pub mod copy;
pub mod indexes;
pub mod migrations;
pub mod pool;
