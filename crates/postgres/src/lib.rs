#![doc = include_str!("../README.md")]

pub mod advisory_lock;
pub mod copy;
mod indexes;
pub mod migrations;
pub mod pool;
