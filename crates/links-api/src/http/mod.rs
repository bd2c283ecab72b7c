//! What every operation of the API has in common: it is declared once, with
//! its path, scope, form and errors, and the server, the checks before its
//! handler and the OpenAPI document are all made of that declaration.

mod context;
pub mod docs_ui;
mod export;
mod idempotency;
mod openapi;
mod operation;
mod paging;
mod path;
mod pipeline;
mod response;
pub mod time;

pub use context::{DecimalText, RequestContext, Timestamp};
pub use export::Export;
pub use idempotency::delete_expired as delete_expired_idempotency_keys;
pub use openapi::document;
pub use operation::{Content, Operation, Parameter};
pub use paging::{AffiliatePageMeta, ListQuery, PageRequest, Pagination};
pub use pipeline::{configure, default_service};
pub use response::Response;
