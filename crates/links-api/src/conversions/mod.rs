//! Conversions: exported by cursor (surface A), and recorded by affiliates'
//! clients (surface B).

mod list;
mod object;
mod postback;
mod track;

use crate::http::Operation;

pub use object::{COLUMNS, ConversionObject};

pub fn operations() -> Vec<Operation> {
    vec![list::operation(), track::operation(), postback::operation()]
}
