#![doc = include_str!("../README.md")]

pub mod advisory_lock;
pub mod copy;
pub mod indexes;
pub mod migrations;
pub mod pool;
