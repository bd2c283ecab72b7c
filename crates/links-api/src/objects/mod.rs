//! JSON that more than one resource shows.

pub mod finding;
