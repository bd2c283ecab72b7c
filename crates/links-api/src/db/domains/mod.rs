//! The table `domains`: short domains and click domains. The columns of the checks that run in
//! the background are those of `domain_checks`.

mod crud;
mod for_links;

pub use crud::{
    DomainKind, DomainRow, DomainStatus, Ownership, SettableDomainStatus, count_pending, delete,
    find, find_with_account, insert, request_check, select_page, set_ownership, update_status,
};
pub use for_links::{ShortDomain, find_active_short, find_default, find_id};
