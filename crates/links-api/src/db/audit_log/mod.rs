//! The table `audit_log`. `postgres::audit` writes its rows; click-worker deletes old ones.

mod erase;
mod select;

pub use erase::{erase_conversions, erase_links, erase_number};
pub use select::{AuditFilter, AuditReader, select_before};
