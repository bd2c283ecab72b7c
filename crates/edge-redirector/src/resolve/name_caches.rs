//! Caches of names that identify a link only indirectly: a short id without its domain in a
//! postback, and a slug in another case. Looking up the link itself is left to `resolver`.

use std::sync::Arc;

use domain::id::ShortId;

use super::{
    freshness::CacheFreshness,
    record_cache::{CacheLimits, RecordCache},
};

pub(super) struct NameCaches {
    /// The short domains with a link of this id, among those that a postback to this host
    /// can mean.
    pub short_domains_by_id: RecordCache<(String, ShortId), Vec<String>>,
    /// The only slug of this host that equals this id in upper or lower case.
    pub slugs_in_any_case: RecordCache<(String, ShortId), ShortId>,
}

impl NameCaches {
    pub fn new(limits: &CacheLimits, freshness: &Arc<CacheFreshness>) -> Self {
        Self {
            short_domains_by_id: RecordCache::new(limits, 0.02, freshness.clone()),
            slugs_in_any_case: RecordCache::new(limits, 0.02, freshness.clone()),
        }
    }

    pub fn mark_all_stale(&self) {
        self.short_domains_by_id.mark_all_stale();
        self.slugs_in_any_case.mark_all_stale();
    }
}
