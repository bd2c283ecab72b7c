//! `POST /api/v2/messages/status`: what networks report about the delivery of messages.

mod handler;
mod request;
mod response;

pub use handler::report_message_statuses;
pub use request::{MAX_REPORTS, StatusesRequest};
pub use response::StatusesResponse;
