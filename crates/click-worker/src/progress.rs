//! How far storing has come, for the gauges that say so while it stands still: an
//! observation at a commit says nothing when there are no commits.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// How often the gauges are set.
const INTERVAL: Duration = Duration::from_secs(1);

/// Shared by all consumers of a process.
#[derive(Clone)]
pub struct Progress {
    /// By consumer: when the oldest event happened that it has in hand, in milliseconds
    /// since 1970.
    oldest_ms: Arc<Mutex<HashMap<u64, i64>>>,
    last_commit_ms: Arc<AtomicI64>,
    next_consumer: Arc<AtomicU64>,
}

/// One consumer's part of it; dropped, it has nothing in hand.
pub struct InHand {
    progress: Progress,
    consumer: u64,
}

impl Progress {
    pub fn new() -> Self {
        Self {
            oldest_ms: Arc::default(),
            last_commit_ms: Arc::new(AtomicI64::new(Timestamp::now().as_millisecond())),
            next_consumer: Arc::default(),
        }
    }

    pub fn consumer(&self) -> InHand {
        InHand {
            progress: self.clone(),
            consumer: self.next_consumer.fetch_add(1, Ordering::Relaxed),
        }
    }

    pub fn committed(&self, now: Timestamp) {
        self.last_commit_ms
            .store(now.as_millisecond(), Ordering::Relaxed);
    }

    /// Sets the gauges until stopping.
    pub async fn run(self, metrics: Metrics, stopping: CancellationToken) -> anyhow::Result<()> {
        loop {
            let now_ms = Timestamp::now().as_millisecond();
            let oldest_ms = self.lock().values().min().copied();
            metrics
                .oldest_unstored
                .set(oldest_ms.map_or(0.0, |oldest_ms| seconds(now_ms - oldest_ms)));
            let committed_ms = self.last_commit_ms.load(Ordering::Relaxed);
            metrics.since_commit.set(seconds(now_ms - committed_ms));
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = stopping.cancelled() => return Ok(()),
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, i64>> {
        self.oldest_ms
            .lock()
            .expect("no code panics while it holds this lock")
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge has no use for more")]
fn seconds(ms: i64) -> f64 {
    ms.max(0) as f64 / 1000.0
}

impl InHand {
    /// The oldest event in hand happened at this time; `None` if there is none.
    pub fn set(&self, oldest: Option<Timestamp>) {
        let mut all = self.progress.lock();
        match oldest {
            Some(oldest) => all.insert(self.consumer, oldest.as_millisecond()),
            None => all.remove(&self.consumer),
        };
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.set(None);
    }
}
