//! Rows of `clicks` and `conversions` for exports: filtered, and page by page by their time or in
//! the order in which they were stored.

mod filter;
mod select;

pub use filter::{FactFilter, FilterValues};
pub use select::{CLICKS, CONVERSIONS, FactPage, select_page, select_since};
