//! Links of the v2 API, and what links of both APIs share.

mod bulk;
mod create;
mod find;
mod get;
mod list;
pub mod mint;
pub mod object;
pub mod qr;
pub mod request;
mod shorten;
pub mod update;

pub use find::link_find_keys;

use crate::http::Operation;

pub fn operations() -> Vec<Operation> {
    let mut operations = vec![
        create::operation(),
        shorten::operation(),
        bulk::operation(),
        list::operation(),
        get::operation(),
    ];
    operations.extend(update::operations());
    operations.extend(qr::operations());
    operations
}
