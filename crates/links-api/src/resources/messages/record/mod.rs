//! `POST /api/v2/messages`: records messages that a platform has composed and sent by itself, so
//! that they count as sends.
//!
//! Each row is handled on its own. Rows and links are locked before the account is: erasing a
//! contact takes its locks in the same order.

mod comparison;
mod handler;
mod links;
mod named_link;
mod request;
mod response;
mod targets;

pub use handler::record_messages;
pub use request::{MAX_MESSAGES, RecordRequest};
pub use response::RecordResponse;
