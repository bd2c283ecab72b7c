//! The framework of the API's operations. It knows no resource.
//!
//! An operation is declared once, as an [`Operation`]: a method, a path, a handler, and what
//! the document says of it. The server, the checks before the handler ([`pipeline`]) and the
//! OpenAPI document ([`openapi`]) are all made of the declaration. What the operation takes
//! from a request is known from the types of the handler's arguments ([`handler`]), so that the
//! document cannot differ from what is parsed.
//!
//! A complete operation, with its test:
//!
//! ```ignore
#![doc = include_str!("example.rs")]
//! ```

mod audited;
mod body;
mod client_request;
mod contacts;
mod context;
mod csv;
mod current;
mod etag;
#[cfg(test)]
mod example;
mod export;
mod found;
mod handler;
mod idempotency;
mod import_rows;
mod input;
mod openapi;
mod openapi_errors;
mod openapi_schemas;
mod operation;
mod operation_parts;
mod paging;
mod panic_response;
mod path_parameter;
mod pipeline;
mod query;
mod response;
mod span;

pub use body::{RawRequestBody, RequestBody, read_limited};
pub use context::RequestContext;
pub use csv::Csv;
pub use export::{ExportQuery, FormatQuery};
pub use idempotency::delete_expired as delete_expired_idempotency_keys;
pub use import_rows::{ImportedRows, RowFormat};
pub use openapi::{ApiInfo, OtherOperations, document};
pub use operation::{Access, Operation};
pub use operation_parts::Content;
pub use paging::{
    AffiliatePageMeta, AffiliatePageQuery, ListPage, NextPage, PageQuery, PageRequest,
};
pub use path_parameter::PathParameter;
pub use pipeline::{configure, default_service};
pub use query::{BoundedInteger, IdNumber, QueryParameters};
pub use response::Response;
pub(crate) use response::success_body;
pub use span::trace_request;
