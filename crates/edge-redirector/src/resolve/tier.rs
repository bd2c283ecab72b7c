//! The in-process cache of one kind of record.

use std::{
    hash::Hash,
    sync::Arc,
    time::{Duration, Instant},
};

use moka::{Expiry, future::Cache};

use super::{Found, Limits, Unresolved};

/// Records by key; `None` is "there is none", kept for a shorter time.
pub(super) struct Tier<K, V> {
    cache: Cache<K, Option<Arc<V>>>,
}

impl<K, V> Tier<K, V>
where
    K: Clone + Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    pub fn new(limits: &Limits) -> Self {
        let lifetimes = Lifetimes {
            ttl: limits.ttl,
            negative_ttl: limits.negative_ttl,
        };
        Self {
            cache: Cache::builder()
                .max_capacity(limits.entries)
                .expire_after(lifetimes)
                .build(),
        }
    }

    /// Concurrent look-ups of a key share one `load`; a failure is not kept.
    pub async fn get(
        &self,
        key: K,
        load: impl AsyncFnOnce(K) -> Result<Option<V>, Unresolved>,
    ) -> Found<V> {
        if let Some(found) = self.cache.get(&key).await {
            return Ok(found);
        }
        // Boxed: a hit should not make room for what a miss needs.
        let loading = Box::pin(load(key.clone()));
        let init = async { Ok(loading.await?.map(Arc::new)) };
        let found = Box::pin(self.cache.try_get_with(key, init)).await;
        found.map_err(|error: Arc<Unresolved>| (*error).clone())
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
