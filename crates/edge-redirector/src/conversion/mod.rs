//! Conversions: `/conv`, `/conv/offer`, `/conv/coupon`, `/pixel/<link_id>.gif` and
//! `/api/postbacks/<preset>`. They are recorded in the spool before they are answered, as clicks are. The rules of their parameters are left to
//! `domain::postback`, and finding their clicks to the worker.

mod authentication;
mod body;
mod endpoint;
mod event;
mod facts;
mod find_target;
mod handler;
mod log;
mod refusal;
mod response;
mod secret;
mod target;

pub use endpoint::Endpoint;
pub use handler::handle;
