//! The table `lists`: sending lists.

mod active;
mod crud;

pub use active::{ActiveList, find_active};
pub use crud::{
    ListDomains, ListFields, ListRow, ListStatus, find, insert, mark_deleted, select_page, update,
};
