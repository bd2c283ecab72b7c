//! The table `postback_log`. Redirectors post its entries; click-worker deletes them.

mod erase;
mod insert;
mod owners;
mod select;

pub use erase::erase_contact;
pub use insert::{NewLogEntry, insert};
pub use owners::{
    AccountSettings, find_accounts_of_hosts, load_account_settings, load_offer_secrets,
};
pub use select::{LogFilter, LogOwner, select_before};
