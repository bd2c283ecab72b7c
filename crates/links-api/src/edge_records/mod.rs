//! The records that redirectors read. Records of new links are written to Redis at once, by
//! [`crate::edge_cache`]. The [`relay`] brings changed records to Redis and tells redirectors
//! of them, by numbered [`delivery`] batches. The [`origin`] answers for what Redis does not
//! have, and takes the log of postbacks ([`posted_entries`]). Relay and origin read records from
//! Postgres by the [`loader`].

mod accounts;
mod campaigns;
mod coupons;
mod delivery;
mod hosts;
mod links;
mod lists;
mod loader;
mod offers;
mod origin;
mod postback_settings;
mod posted_entries;
mod relay;

pub use delivery::RelayTarget;
pub use origin::configure;
pub use relay::Relay;
