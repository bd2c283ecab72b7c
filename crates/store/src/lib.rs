#![doc = include_str!("../README.md")]

pub mod migrations;
pub mod pool;
