//! The resources of the API: a folder for each, whose `mod.rs` lists its operations. They know
//! nothing of each other; what two of them need stands in a layer below.

pub mod accounts;
pub mod affiliate_links;
pub mod api_keys;
pub mod audit_trail;
pub mod campaigns;
pub mod clicks;
pub mod contacts;
pub mod conversions;
pub mod costs;
pub mod coupons;
pub mod creatives;
pub mod domains;
pub mod links;
pub mod lists;
pub mod macros;
pub mod me;
pub mod messages;
pub mod offers;
pub mod postbacks;
pub mod rates;
pub mod reports;
pub mod sessions;
pub mod users;
