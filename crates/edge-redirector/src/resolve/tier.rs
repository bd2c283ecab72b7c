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

use super::{Found, Limits, Unresolved, bytes::Bytes, trust::Trust};

/// How long those wait who have a record already, but one that has to be asked for again.
/// Too short: records are used that could have been read anew. Too long: so long do
/// redirects take while Redis or the origin is silent.
const WAIT_BESIDE_KEPT: Duration = Duration::from_millis(500);
/// The same while no changes are heard, since neither Redis nor the origin tells them.
const WAIT_WHILE_CUT_OFF: Duration = Duration::from_millis(150);
/// How long a record is kept that cannot be asked for again: a redirector that is cut off
/// goes on with what it has.
const KEPT_WITHOUT_ANSWER: Duration = Duration::from_secs(24 * 60 * 60);
/// Results of look-ups are handed to those who wait for them, and kept no longer.
const HANDED_OVER: Duration = Duration::from_secs(1);
/// Bytes of bookkeeping for an entry.
const ENTRY_BYTES: usize = 160;

/// A record, or that there is none, as it was when it was asked for.
struct Kept<V> {
    found: Option<Arc<V>>,
    bytes: u32,
    asked_at: Instant,
    /// [`Tier::generation`] then.
    generation: u64,
}

impl<V> Clone for Kept<V> {
    fn clone(&self) -> Self {
        Self {
            found: self.found.clone(),
            ..*self
        }
    }
}

/// Records by key; "there is none" is kept for a shorter time.
pub(super) struct Tier<K, V> {
    kept: Cache<K, Kept<V>>,
    /// Look-ups that are under way, so that those who want the same share one.
    loading: Cache<K, Option<Arc<V>>>,
    /// Counts how often everything was forgotten: what was kept before is only what is
    /// left when nothing answers.
    generation: AtomicU64,
    ttl: Duration,
    trust: Arc<Trust>,
}

impl<K, V> Tier<K, V>
where
    K: Bytes + Clone + Hash + Eq + Send + Sync + 'static,
    V: Bytes + Send + Sync + 'static,
{
    /// `share` of the bytes that all tiers may have.
    pub fn new(limits: &Limits, share: f64, trust: Arc<Trust>) -> Self {
        let lifetimes = Lifetimes {
            negative_ttl: limits.negative_ttl,
        };
        let max_bytes = limits.bytes as f64 * share;
        Self {
            kept: Cache::builder()
                .weigher(|_, kept: &Kept<V>| kept.bytes)
                .max_capacity(max_bytes as u64)
                .expire_after(lifetimes)
                .build(),
            loading: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(HANDED_OVER)
                .build(),
            generation: AtomicU64::new(0),
            ttl: limits.ttl,
            trust,
        }
    }

    /// Concurrent look-ups of a key share one `load`; a failure is not kept. A record that
    /// is too old, or of a time of which changes may have been missed, is asked for again,
    /// and is what is left if nothing answers soon.
    pub async fn get(
        &self,
        key: K,
        load: impl AsyncFnOnce(K) -> Result<Option<V>, Unresolved>,
    ) -> Found<V> {
        match self.get_or_kept(key, load).await {
            Ok(found) => Ok(found),
            Err(NoAnswer {
                kept: Some(kept), ..
            }) => Ok(Some(kept)),
            Err(NoAnswer { error, .. }) => Err(error),
        }
    }

    /// The same, for callers that look at what is left before they use it.
    pub async fn get_or_kept(
        &self,
        key: K,
        load: impl AsyncFnOnce(K) -> Result<Option<V>, Unresolved>,
    ) -> Result<Option<Arc<V>>, NoAnswer<V>> {
        let kept = self.kept.get(&key).await;
        if let Some(kept) = &kept
            && self.is_current(kept)
        {
            return Ok(kept.found.clone());
        }
        // Boxed: a hit should not make room for what a miss needs.
        let loading = Box::pin(self.load(key, load));
        let kept = kept.and_then(|kept| kept.found);
        let found = match &kept {
            None => loading.await,
            Some(_) => {
                let wait = match self.trust.holds() {
                    true => WAIT_BESIDE_KEPT,
                    false => WAIT_WHILE_CUT_OFF,
                };
                let found = tokio::time::timeout(wait, loading).await;
                found.unwrap_or_else(|_| Err(Unresolved("no answer in time".to_owned())))
            }
        };
        found.map_err(|error| NoAnswer { error, kept })
    }

    /// What is kept of a key, however old.
    pub async fn kept(&self, key: &K) -> Option<Arc<V>> {
        self.kept.get(key).await?.found
    }

    fn is_current(&self, kept: &Kept<V>) -> bool {
        self.trust.holds()
            && kept.generation == self.generation.load(Ordering::Acquire)
            && kept.asked_at.elapsed() < self.ttl
    }

    async fn load(
        &self,
        key: K,
        load: impl AsyncFnOnce(K) -> Result<Option<V>, Unresolved>,
    ) -> Found<V> {
        // Only what one caller of them reads is kept, as of the time when it began to: those
        // who join it do not know what has changed since.
        let init = async {
            let changes = self.trust.generation();
            let generation = self.generation.load(Ordering::Acquire);
            let asked_at = Instant::now();
            let found = load(key.clone()).await?.map(Arc::new);
            let bytes = key.bytes() + found.as_deref().map_or(0, Bytes::bytes) + ENTRY_BYTES;
            let kept = Kept {
                found: found.clone(),
                bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
                asked_at,
                generation,
            };
            self.kept.insert(key.clone(), kept).await;
            if changes != self.trust.generation() {
                // Something changed meanwhile, perhaps this: what was read before the
                // change must not outlive it.
                self.kept.invalidate(&key).await;
            }
            Ok(found)
        };
        let found = self.loading.try_get_with(key.clone(), init).await;
        self.loading.invalidate(&key).await;
        found.map_err(|error| Unresolved::clone(&error))
    }

    /// This record has changed.
    pub async fn forget(&self, key: &K) {
        self.kept.invalidate(key).await;
        self.loading.invalidate(key).await;
    }

    /// Any record may have changed: all are asked for again, and are kept until something
    /// answers.
    pub fn forget_all(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.loading.invalidate_all();
    }

    /// Whether there is any record.
    pub async fn is_empty(&self) -> bool {
        self.kept.run_pending_tasks().await;
        self.kept.entry_count() == 0
    }
}

/// Nothing answers, and what is kept from before.
pub(super) struct NoAnswer<V> {
    pub error: Unresolved,
    pub kept: Option<Arc<V>>,
}

struct Lifetimes {
    negative_ttl: Duration,
}

impl<K, V> Expiry<K, Kept<V>> for Lifetimes {
    fn expire_after_create(&self, _: &K, kept: &Kept<V>, _: Instant) -> Option<Duration> {
        Some(match kept.found {
            Some(_) => KEPT_WITHOUT_ANSWER,
            None => self.negative_ttl,
        })
    }

    fn expire_after_update(
        &self,
        key: &K,
        kept: &Kept<V>,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(key, kept, now)
    }
}
