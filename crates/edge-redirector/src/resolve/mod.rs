//! Finds links, with the account, list, offer and campaign that they depend on, and coupons: in
//! the in-process cache, else in Redis, else at the origin. Whether a link is available and where
//! it leads is left to `domain` and to `click`.
//!
//! Concurrent lookups of one key share one request. "No such record" is cached briefly, a
//! failure is not cached. While the origin and Redis do not answer, expired entries of the
//! cache are used.

mod error;
mod feed_completeness;
mod freshness;
mod invalidation;
mod memory_size;
mod name_caches;
mod name_lookups;
mod origin;
mod record_cache;
mod remote;
mod resolved_link;
mod resolver;

pub use error::LookupError;
pub use invalidation::follow_record_changes;
pub use name_caches::OfferOwner;
pub use origin::{Origin, OriginError};
pub use record_cache::CacheLimits;
pub use resolved_link::{ParsedOffer, ResolvedLink};
pub use resolver::{Limits, Resolver, check_readiness};
