//! What every operation of the API has in common: it is declared once, with
//! its path, scope, form and errors, and the server, the checks before its
//! handler and the OpenAPI document are all made of that declaration.

mod call;
mod export;
mod idempotency;
mod openapi;
mod operation;
mod page;
mod path;
mod serve;
pub mod time;

pub use call::{Answer, Call, DecimalText, Timestamp};
pub use export::Export;
pub use idempotency::forget_old as forget_old_idempotency_keys;
pub use openapi::document;
pub use operation::{Content, Operation, Parameter};
pub use page::{Listing, Page, Pagination};
pub use serve::{configure, default_service};
