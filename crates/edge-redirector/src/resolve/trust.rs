//! Whether this replica hears of changes, from whom, and how many it has heard of.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared by all tiers and the task that follows the changes.
#[derive(Debug, Default)]
pub(super) struct Trust {
    hears: AtomicBool,
    /// Redis may have old records, and the origin answers.
    prefers_origin: AtomicBool,
    generation: AtomicU64,
}

impl Trust {
    pub fn holds(&self) -> bool {
        self.hears.load(Ordering::Acquire)
    }

    pub fn set(&self, hears: bool) {
        self.hears.store(hears, Ordering::Release);
    }

    /// Whether the origin is asked before Redis.
    pub fn prefers_origin(&self) -> bool {
        self.prefers_origin.load(Ordering::Acquire)
    }

    pub fn set_prefers_origin(&self, prefers: bool) {
        self.prefers_origin.store(prefers, Ordering::Release);
    }

    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Before anything is forgotten: a look-up that read the record before
    /// the change either puts it where it is then forgotten, or sees this.
    pub fn advance(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}
