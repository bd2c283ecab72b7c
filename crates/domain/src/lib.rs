#![doc = include_str!("../README.md")]

pub mod attribution;
pub mod bot;
pub mod click;
pub mod host;
pub mod id;
pub mod macros;
pub mod query;
pub mod record;
