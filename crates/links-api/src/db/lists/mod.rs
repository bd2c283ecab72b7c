//! The table `lists`: sending lists.

mod active;
mod crud;
mod senders;

pub use active::{ActiveList, find_active};
pub use crud::{
    ListDomains, ListFields, ListRow, ListStatus, find, insert, mark_deleted, select_page, update,
};
pub use senders::{ListSender, find_by_ids_or_senders};
