//! The in-process cache of one kind of record.

use std::{
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use moka::{Expiry, future::Cache};

use super::{error::LookupError, freshness::CacheFreshness, memory_size::MemorySize};

/// How long a caller waits for a fresh record where there is a stale one. Too short: stale
/// records are used although the fresh ones could be read. Too long: redirects take that
/// long while Redis or the origin is silent.
const REFRESH_TIMEOUT: Duration = Duration::from_millis(500);
/// The same while no record changes arrive: neither Redis nor the origin sends them, so
/// neither is likely to answer.
const REFRESH_TIMEOUT_WITHOUT_FEED: Duration = Duration::from_millis(150);
/// How long a record is kept while neither Redis nor the origin answers: a redirector
/// without either continues with the records that it has.
const MAX_STALENESS: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the result of a lookup stays for the callers that wait for it.
const IN_FLIGHT_RESULT_TTL: Duration = Duration::from_secs(1);
/// Bytes that the cache itself needs for an entry.
const ENTRY_OVERHEAD_BYTES: usize = 160;

/// Limits of the record caches.
pub struct CacheLimits {
    /// Approximate bytes of all cached records.
    pub max_bytes: u64,
    /// How long a record is used before it is read again.
    pub ttl: Duration,
    /// How long "no such record" is cached.
    pub negative_ttl: Duration,
}

/// A lookup that failed, and the stale record of the cache, if there is one.
pub(super) struct FailedLookup<V> {
    pub error: LookupError,
    pub stale: Option<Arc<V>>,
}

/// Caches records by key, and for a shorter time that there is no record.
pub(super) struct RecordCache<K, V> {
    entries: Cache<K, Entry<V>>,
    /// Lookups that are in flight: callers that want the same key share one.
    in_flight: Cache<K, Option<Arc<V>>>,
    /// How often all entries were marked stale. Older entries are used only if the
    /// lookup fails.
    generation: AtomicU64,
    ttl: Duration,
    freshness: Arc<CacheFreshness>,
}

/// The result of a lookup: a record, or that there is none.
struct Entry<V> {
    record: Option<Arc<V>>,
    bytes: u32,
    /// When the lookup began.
    looked_up_at: Instant,
    /// [`RecordCache::generation`] when the lookup began.
    generation: u64,
}

impl<V> Clone for Entry<V> {
    fn clone(&self) -> Self {
        Self {
            record: self.record.clone(),
            ..*self
        }
    }
}

impl<K, V> RecordCache<K, V>
where
    K: MemorySize + Clone + Hash + Eq + Send + Sync + 'static,
    V: MemorySize + Send + Sync + 'static,
{
    /// `share` is this cache's fraction of the bytes of all record caches.
    pub fn new(limits: &CacheLimits, share: f64, freshness: Arc<CacheFreshness>) -> Self {
        let expiry = EntryExpiry {
            negative_ttl: limits.negative_ttl,
        };
        let max_bytes = limits.max_bytes as f64 * share;
        Self {
            entries: Cache::builder()
                .weigher(|_, entry: &Entry<V>| entry.bytes)
                .max_capacity(max_bytes as u64)
                .expire_after(expiry)
                .build(),
            in_flight: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(IN_FLIGHT_RESULT_TTL)
                .build(),
            generation: AtomicU64::new(0),
            ttl: limits.ttl,
            freshness,
        }
    }

    /// Returns the cached record if it is fresh, else the result of `load`, else, if that
    /// fails or takes too long, the stale record (stale-if-error). Concurrent calls for a
    /// key share one `load`. A failure is not cached.
    pub async fn get(
        &self,
        key: K,
        load: impl AsyncFnOnce(K) -> Result<Option<V>, LookupError>,
    ) -> Result<Option<Arc<V>>, LookupError> {
        match self.get_or_stale(key, load).await {
            Ok(record) => Ok(record),
            Err(FailedLookup {
                stale: Some(stale), ..
            }) => Ok(Some(stale)),
            Err(FailedLookup { error, .. }) => Err(error),
        }
    }

    /// As [`get`](Self::get), for callers that check a stale record before they use it.
    pub async fn get_or_stale(
        &self,
        key: K,
        load: impl AsyncFnOnce(K) -> Result<Option<V>, LookupError>,
    ) -> Result<Option<Arc<V>>, FailedLookup<V>> {
        let entry = self.entries.get(&key).await;
        if let Some(entry) = &entry
            && self.is_fresh(entry)
        {
            return Ok(entry.record.clone());
        }
        // Boxed so that the future of a hit has no room for what a miss needs.
        let loading = Box::pin(self.load(key, load));
        let stale = entry.and_then(|entry| entry.record);
        let result = match &stale {
            None => loading.await,
            Some(_) => {
                let refresh_timeout = match self.freshness.feed_is_live() {
                    true => REFRESH_TIMEOUT,
                    false => REFRESH_TIMEOUT_WITHOUT_FEED,
                };
                let result = tokio::time::timeout(refresh_timeout, loading).await;
                result.unwrap_or(Err(LookupError::Timeout))
            }
        };
        result.map_err(|error| FailedLookup { error, stale })
    }

    /// The cached record, fresh or stale.
    pub async fn get_cached(&self, key: &K) -> Option<Arc<V>> {
        self.entries.get(key).await?.record
    }

    fn is_fresh(&self, entry: &Entry<V>) -> bool {
        self.freshness.feed_is_live()
            && entry.generation == self.generation.load(Ordering::Acquire)
            && entry.looked_up_at.elapsed() < self.ttl
    }

    async fn load(
        &self,
        key: K,
        load: impl AsyncFnOnce(K) -> Result<Option<V>, LookupError>,
    ) -> Result<Option<Arc<V>>, LookupError> {
        // Only the caller that runs the lookup caches its result, as of the time when the
        // lookup began: callers that join it do not know what has changed since.
        let lookup = async {
            let changes_before = self.freshness.generation();
            let generation = self.generation.load(Ordering::Acquire);
            let looked_up_at = Instant::now();
            let record = load(key.clone()).await?.map(Arc::new);
            let bytes = key.memory_size()
                + record.as_deref().map_or(0, MemorySize::memory_size)
                + ENTRY_OVERHEAD_BYTES;
            let entry = Entry {
                record: record.clone(),
                bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
                looked_up_at,
                generation,
            };
            self.entries.insert(key.clone(), entry).await;
            if changes_before != self.freshness.generation() {
                // A record changed meanwhile, perhaps this one: what was read before the
                // change must not stay in the cache.
                self.entries.invalidate(&key).await;
            }
            Ok(record)
        };
        let result = self.in_flight.try_get_with(key.clone(), lookup).await;
        self.in_flight.invalidate(&key).await;
        result.map_err(|error| LookupError::clone(&error))
    }

    /// Removes a record that has changed.
    pub async fn invalidate(&self, key: &K) {
        self.entries.invalidate(key).await;
        self.in_flight.invalidate(key).await;
    }

    /// Marks all records stale, since any of them may have changed. They stay for the time
    /// while their lookups fail.
    pub fn mark_all_stale(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.in_flight.invalidate_all();
    }

    pub async fn is_empty(&self) -> bool {
        self.entries.run_pending_tasks().await;
        self.entries.entry_count() == 0
    }
}

/// When the cache removes an entry.
struct EntryExpiry {
    negative_ttl: Duration,
}

impl<K, V> Expiry<K, Entry<V>> for EntryExpiry {
    fn expire_after_create(&self, _: &K, entry: &Entry<V>, _: Instant) -> Option<Duration> {
        Some(match entry.record {
            Some(_) => MAX_STALENESS,
            None => self.negative_ttl,
        })
    }

    fn expire_after_update(
        &self,
        key: &K,
        entry: &Entry<V>,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(key, entry, now)
    }
}
