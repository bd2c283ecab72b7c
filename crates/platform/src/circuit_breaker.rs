//! A dependency that has just failed is left alone for a moment: who asks it meanwhile is
//! answered at once that it is away, instead of waiting until that is found out once more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Clones share what they know.
#[derive(Debug, Clone)]
pub struct CircuitBreaker {
    pause: Duration,
    started: Instant,
    /// Milliseconds after `started` until which the dependency is left alone; 0 if its last
    /// answer was good.
    open_until_ms: Arc<AtomicU64>,
}

impl CircuitBreaker {
    /// `pause` is how long the dependency is left alone after a failure.
    pub fn new(pause: Duration) -> Self {
        Self {
            pause,
            started: Instant::now(),
            open_until_ms: Arc::default(),
        }
    }

    /// Whether the dependency may be asked. After a failure and a pause one caller may, to
    /// find out how it is, and the others may not: they would all wait for a frozen one.
    pub fn may_ask(&self) -> bool {
        self.may_ask_at(self.started.elapsed())
    }

    pub fn succeeded(&self) {
        self.open_until_ms.store(0, Ordering::Relaxed);
    }

    pub fn failed(&self) {
        self.failed_at(self.started.elapsed());
    }

    fn may_ask_at(&self, now: Duration) -> bool {
        let until_ms = self.open_until_ms.load(Ordering::Relaxed);
        if until_ms == 0 {
            return true;
        }
        let order = Ordering::Relaxed;
        until_ms <= milliseconds(now)
            && self
                .open_until_ms
                .compare_exchange(until_ms, milliseconds(now + self.pause), order, order)
                .is_ok()
    }

    fn failed_at(&self, now: Duration) {
        let until_ms = milliseconds(now + self.pause);
        self.open_until_ms.store(until_ms, Ordering::Relaxed);
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_one_caller_asks_in_each_pause() {
        let breaker = CircuitBreaker::new(Duration::from_millis(500));
        let may_ask = |ms| breaker.may_ask_at(Duration::from_millis(ms));
        assert!(may_ask(0) && may_ask(0));
        breaker.failed_at(Duration::from_millis(100));
        assert!(!may_ask(100) && !may_ask(599));
        assert!(may_ask(600));
        // It is under way, and has not been answered.
        assert!(!may_ask(600) && !may_ask(1_099));
        assert!(may_ask(1_100));
        breaker.succeeded();
        assert!(may_ask(1_100) && may_ask(1_100));
    }

    #[test]
    fn clones_know_of_each_others_failures() {
        let breaker = CircuitBreaker::new(Duration::from_secs(60));
        breaker.clone().failed();
        assert!(!breaker.may_ask());
        breaker.clone().succeeded();
        assert!(breaker.may_ask());
    }
}
