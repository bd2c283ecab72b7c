//! Whether the cached records are up to date, and where to read a record first.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared by all record caches and by the task that follows the record changes.
#[derive(Debug, Default)]
pub(super) struct CacheFreshness {
    /// This process learns of record changes, from the channel or from the origin.
    feed_is_live: AtomicBool,
    /// Redis may have old records, and the origin answers.
    prefers_origin: AtomicBool,
    /// How many record changes this process has learned of.
    generation: AtomicU64,
}

impl CacheFreshness {
    /// Whether cached records may be used without asking for them again.
    pub fn feed_is_live(&self) -> bool {
        self.feed_is_live.load(Ordering::Acquire)
    }

    pub fn set_feed_live(&self, is_live: bool) {
        self.feed_is_live.store(is_live, Ordering::Release);
    }

    /// Whether to read records from the origin before Redis.
    pub fn prefers_origin(&self) -> bool {
        self.prefers_origin.load(Ordering::Acquire)
    }

    pub fn set_prefers_origin(&self, prefers: bool) {
        self.prefers_origin.store(prefers, Ordering::Release);
    }

    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Must be called before a record is invalidated. A lookup that read the record before
    /// the change then either caches it before the invalidation, which removes it, or sees
    /// the new generation and removes it itself.
    pub fn bump_generation(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}
