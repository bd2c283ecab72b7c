//! `POST /api/v2/conversions/import`: many conversions at once, from CSV or JSON.

mod body;
mod handler;
mod piece;
mod response;
mod row;
mod targets;

pub use body::{ImportBody, MAX_BODY_MB, MAX_ROWS};
pub use handler::import_conversions;
pub use response::ImportResponse;
