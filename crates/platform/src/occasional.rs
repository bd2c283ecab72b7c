//! Log lines that a failure would write for every request: one a second says it as
//! well, with the number of those it stands for. Metrics count them all.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

const INTERVAL: Duration = Duration::from_secs(1);

/// What may be said once an interval.
#[derive(Debug)]
pub struct Occasional {
    /// Nanoseconds after `START`, and 1; 0 before the first.
    said: AtomicU64,
    left_out: AtomicU64,
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Occasional {
    #[expect(clippy::new_without_default, reason = "it is for statics")]
    pub const fn new() -> Self {
        Self {
            said: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// Whether to say it now: `Some` with how many were left out before.
    pub fn now(&self) -> Option<u64> {
        self.at(START.elapsed())
    }

    fn at(&self, elapsed: Duration) -> Option<u64> {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let now = nanos(elapsed).saturating_add(1);
        let said = self.said.load(Ordering::Relaxed);
        let is_due = said == 0 || now.saturating_sub(said) >= nanos(INTERVAL);
        let is_ours = || {
            self.said
                .compare_exchange(said, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        };
        if is_due && is_ours() {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_an_interval_with_the_number_of_the_others() {
        let occasional = Occasional::new();
        let at = |ms| occasional.at(Duration::from_millis(ms));
        assert_eq!(at(0), Some(0));
        assert_eq!(at(1), None);
        assert_eq!(at(999), None);
        assert_eq!(at(1000), Some(2));
        assert_eq!(at(1500), None);
        assert_eq!(at(9000), Some(1));
    }
}
