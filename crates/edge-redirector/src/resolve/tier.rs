//! The in-process cache of one kind of record.

use std::{
    hash::Hash,
    sync::Arc,
    time::{Duration, Instant},
};

use moka::{Expiry, future::Cache};

use super::{Found, Limits, Unresolved, trust::Trust};

/// Records by key; `None` is "there is none", kept for a shorter time.
pub(super) struct Tier<K, V> {
    cache: Cache<K, Option<Arc<V>>>,
    trust: Arc<Trust>,
}

impl<K, V> Tier<K, V>
where
    K: Clone + Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    pub fn new(limits: &Limits, trust: Arc<Trust>) -> Self {
        let lifetimes = Lifetimes {
            ttl: limits.ttl,
            negative_ttl: limits.negative_ttl,
        };
        Self {
            cache: Cache::builder()
                .max_capacity(limits.entries)
                .expire_after(lifetimes)
                .build(),
            trust,
        }
    }

    /// Concurrent look-ups of a key share one `load`; a failure is not kept.
    /// While changes may be missed, what is kept is only what is left when
    /// nothing else answers.
    pub async fn get(
        &self,
        key: K,
        load: impl AsyncFnOnce(K) -> Result<Option<V>, Unresolved>,
    ) -> Found<V> {
        let kept = self.cache.get(&key).await;
        match kept {
            Some(found) if self.trust.holds() => return Ok(found),
            Some(_) => self.cache.invalidate(&key).await,
            None => {}
        }
        let before = self.trust.generation();
        // Boxed: a hit should not make room for what a miss needs.
        let loading = Box::pin(load(key.clone()));
        let init = async { Ok(loading.await?.map(Arc::new)) };
        let found = Box::pin(self.cache.try_get_with(key.clone(), init)).await;
        if before != self.trust.generation() {
            // Something changed meanwhile, perhaps this: what was read before
            // the change must not outlive it.
            self.cache.invalidate(&key).await;
        }
        match (found, kept) {
            (Ok(found), _) => Ok(found),
            (Err(_), Some(kept)) => {
                if before == self.trust.generation() {
                    self.cache.insert(key, kept.clone()).await;
                }
                Ok(kept)
            }
            (Err(error), None) => Err(Unresolved::clone(&error)),
        }
    }

    pub async fn forget(&self, key: &K) {
        self.cache.invalidate(key).await;
    }

    pub fn forget_all(&self) {
        self.cache.invalidate_all();
    }
}

struct Lifetimes {
    ttl: Duration,
    negative_ttl: Duration,
}

impl<K, V> Expiry<K, Option<Arc<V>>> for Lifetimes {
    fn expire_after_create(&self, _: &K, found: &Option<Arc<V>>, _: Instant) -> Option<Duration> {
        Some(match found {
            Some(_) => self.ttl,
            None => self.negative_ttl,
        })
    }

    fn expire_after_update(
        &self,
        key: &K,
        found: &Option<Arc<V>>,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(key, found, now)
    }
}
