//! The audit trail of requests: what an operation says of its change, and the row that the
//! pipeline writes in the transaction of the request.
//!
//! An operation that changes one object has the object before and after, as its GET answers it,
//! and the row has what differs. An operation that changes many has a summary: numbers, and the
//! first ids. Secrets are digests, and contacts' numbers are masked ([`redact`]); the size of
//! a value is limited (`postgres::audit`).

mod declaration;
mod difference;
mod entry;
mod kind;
mod redaction;
mod summary;

pub use declaration::Audited;
pub use difference::keep_differences;
pub use entry::{AuditEntry, Change, NotedChange, UserActor};
pub use kind::ObjectKind;
pub use redaction::{mask_contacts, mask_phone, redact};
pub use summary::{MAX_SUMMARY_IDS, summarise};
