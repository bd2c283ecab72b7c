//! Raw clicks: exported by cursor, and judged again.

#![warn(clippy::indexing_slicing)]

mod filter;
mod list;
mod object;
mod reclassify;

use crate::http::Operation;

pub use object::{ClickObject, columns};

pub fn operations() -> Vec<Operation> {
    vec![list::operation(), reclassify::operation()]
}
