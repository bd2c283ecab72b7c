//! Caches of names that identify a record only indirectly: a short id without its domain in a
//! postback, a slug in another case, a host, and the `external_id` of an offer. Looking up the
//! record itself is left to `resolver`.

use std::sync::Arc;

use domain::id::{AccountId, OfferId, ShortId};

use super::{
    freshness::CacheFreshness,
    memory_size::MemorySize,
    record_cache::{CacheLimits, RecordCache},
};

/// Whose offers an `external_id` can mean.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OfferOwner {
    Account(AccountId),
    /// Any account, for offers with the secret that has this digest (SHA-256 in hexadecimal
    /// digits).
    SecretDigest(String),
}

impl MemorySize for (OfferOwner, String) {
    fn memory_size(&self) -> usize {
        let owner_len = match &self.0 {
            OfferOwner::Account(_) => 0,
            OfferOwner::SecretDigest(digest) => digest.len(),
        };
        size_of::<Self>() + owner_len + self.1.len()
    }
}

pub(super) struct NameCaches {
    /// The short domains with a link of this id, among those that a postback to this host
    /// can mean.
    pub short_domains_by_id: RecordCache<(String, ShortId), Vec<String>>,
    /// The only slug of this host that equals this id in upper or lower case.
    pub slugs_in_any_case: RecordCache<(String, ShortId), ShortId>,
    /// The account that holds a host.
    pub accounts_by_host: RecordCache<String, AccountId>,
    /// The offers with this `external_id`, at most two.
    pub offers_by_external_id: RecordCache<(OfferOwner, String), Vec<OfferId>>,
}

impl NameCaches {
    pub fn new(limits: &CacheLimits, freshness: &Arc<CacheFreshness>) -> Self {
        Self {
            short_domains_by_id: RecordCache::new(limits, 0.02, freshness.clone()),
            slugs_in_any_case: RecordCache::new(limits, 0.02, freshness.clone()),
            accounts_by_host: RecordCache::new(limits, 0.01, freshness.clone()),
            offers_by_external_id: RecordCache::new(limits, 0.01, freshness.clone()),
        }
    }

    pub fn mark_all_stale(&self) {
        self.short_domains_by_id.mark_all_stale();
        self.slugs_in_any_case.mark_all_stale();
        self.accounts_by_host.mark_all_stale();
        self.offers_by_external_id.mark_all_stale();
    }
}
