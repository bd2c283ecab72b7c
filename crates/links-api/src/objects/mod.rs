//! JSON and images that more than one resource shows.

pub mod click;
pub mod conversion;
pub mod destination;
pub mod finding;
pub mod qr;
pub mod user;
