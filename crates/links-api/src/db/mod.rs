//! The tables: a module for each, with its rows and queries. Queries take a client or a
//! transaction first and know no request.

pub mod accounts;
pub mod api_keys;
pub mod audit_log;
pub mod campaigns;
pub mod changes;
pub mod clicks;
pub mod conversions;
pub mod costs;
pub mod coupons;
pub mod creatives;
pub mod domain_checks;
pub mod domains;
pub mod exchange_rates;
pub mod filters;
pub mod import_targets;
pub mod invitations;
pub mod link_totals;
pub mod links;
pub mod lists;
pub mod mail_outbox;
pub mod members;
pub mod messages;
pub mod offers;
pub mod one_time_tokens;
mod placeholders;
pub mod postback_log;
pub mod postbacks;
mod row_lock;
pub mod second_factors;
mod select_page;
pub mod sessions;
pub mod users;
mod write_row;

use placeholders::placeholders;
pub use row_lock::RowLock;
pub use select_page::{ListQuery, select_page};
use write_row::{insert_row, update_row};
