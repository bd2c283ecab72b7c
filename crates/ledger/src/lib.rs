#![doc = include_str!("../README.md")]

mod account_lock;
mod click_facts;
pub mod conversions;
pub mod erase;
pub mod facts;
pub mod keys;
pub mod message_clicks;
mod planner;
pub mod reclassify;
pub mod retention;
pub mod totals;
mod unnest;
pub mod value_totals;

pub use account_lock::{account_lock, account_try_lock_all};
pub use click_facts::ClickFacts;
pub use planner::planner_parameters;
