//! Conversions: exported by cursor (the v2 API), and recorded by affiliates'
//! clients (the affiliate API).

mod list;
mod object;
mod postback;
mod track;

use crate::http::Operation;

pub use object::{COLUMNS, ConversionObject};

pub fn operations() -> Vec<Operation> {
    vec![list::operation(), track::operation(), postback::operation()]
}
