//! How far storing has come, for gauges that are right even when nothing is stored: metrics
//! that are observed at each commit do not change when there are no commits.

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

/// The progress of all consumers of a process. Clones share it.
#[derive(Clone)]
pub struct Progress {
    /// By consumer: the time of the oldest event that it has received and not stored, in
    /// milliseconds since 1970.
    oldest_ms: Arc<Mutex<HashMap<u64, i64>>>,
    last_commit_ms: Arc<AtomicI64>,
    next_consumer_id: Arc<AtomicU64>,
}

/// The progress of one consumer. Dropping it removes the consumer.
pub struct ConsumerProgress {
    progress: Progress,
    consumer_id: u64,
}

impl Progress {
    pub fn new() -> Self {
        Self {
            oldest_ms: Arc::default(),
            last_commit_ms: Arc::new(AtomicI64::new(Timestamp::now().as_millisecond())),
            next_consumer_id: Arc::default(),
        }
    }

    pub fn add_consumer(&self) -> ConsumerProgress {
        ConsumerProgress {
            progress: self.clone(),
            consumer_id: self.next_consumer_id.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Records that events were committed.
    pub fn record_commit(&self, now: Timestamp) {
        self.last_commit_ms
            .store(now.as_millisecond(), Ordering::Relaxed);
    }

    /// Sets the gauges periodically until `stopping` is cancelled.
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

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge needs no higher precision"
)]
fn seconds(ms: i64) -> f64 {
    ms.max(0) as f64 / 1000.0
}

impl ConsumerProgress {
    /// Sets the time of the oldest event that is received and not stored; `None` if there is
    /// none.
    pub fn set_oldest_unstored(&self, oldest: Option<Timestamp>) {
        let mut all = self.progress.lock();
        match oldest {
            Some(oldest) => all.insert(self.consumer_id, oldest.as_millisecond()),
            None => all.remove(&self.consumer_id),
        };
    }
}

impl Drop for ConsumerProgress {
    fn drop(&mut self) {
        self.set_oldest_unstored(None);
    }
}
