//! A circuit breaker: after a failure, calls to a dependency are refused for a moment, so
//! that callers get their error at once instead of each waiting for a timeout.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Clones share one state.
#[derive(Debug, Clone)]
pub struct CircuitBreaker {
    open_for: Duration,
    created: Instant,
    /// The circuit is open until so many milliseconds after `created`; 0 if it is closed,
    /// that is, if the last call succeeded.
    open_until_ms: Arc<AtomicU64>,
}

impl CircuitBreaker {
    /// `open_for` is how long calls are refused after a failure.
    pub fn new(open_for: Duration) -> Self {
        Self {
            open_for,
            created: Instant::now(),
            open_until_ms: Arc::default(),
        }
    }

    /// Whether a call may be made now. Once the circuit has been open for its time, one
    /// caller may try the dependency, and the circuit stays open for the others: if the
    /// dependency is still frozen, only that one waits for it.
    pub fn allow_call(&self) -> bool {
        self.allow_call_at(self.created.elapsed())
    }

    /// Closes the circuit.
    pub fn record_success(&self) {
        self.open_until_ms.store(0, Ordering::Relaxed);
    }

    /// Opens the circuit, or keeps it open for longer.
    pub fn record_failure(&self) {
        self.record_failure_at(self.created.elapsed());
    }

    fn allow_call_at(&self, now: Duration) -> bool {
        let open_until_ms = self.open_until_ms.load(Ordering::Relaxed);
        if open_until_ms == 0 {
            return true;
        }
        let order = Ordering::Relaxed;
        let next_ms = milliseconds(now + self.open_for);
        open_until_ms <= milliseconds(now)
            && self
                .open_until_ms
                .compare_exchange(open_until_ms, next_ms, order, order)
                .is_ok()
    }

    fn record_failure_at(&self, now: Duration) {
        let open_until_ms = milliseconds(now + self.open_for);
        self.open_until_ms.store(open_until_ms, Ordering::Relaxed);
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_one_caller_in_each_interval_may_try() {
        let breaker = CircuitBreaker::new(Duration::from_millis(500));
        let allow_call = |ms| breaker.allow_call_at(Duration::from_millis(ms));
        assert!(allow_call(0) && allow_call(0));
        breaker.record_failure_at(Duration::from_millis(100));
        assert!(!allow_call(100) && !allow_call(599));
        assert!(allow_call(600));
        // The call of 600 ms has not ended, so the others wait another interval.
        assert!(!allow_call(600) && !allow_call(1_099));
        assert!(allow_call(1_100));
        breaker.record_success();
        assert!(allow_call(1_100) && allow_call(1_100));
    }

    #[test]
    fn clones_share_their_failures() {
        let breaker = CircuitBreaker::new(Duration::from_secs(60));
        breaker.clone().record_failure();
        assert!(!breaker.allow_call());
        breaker.clone().record_success();
        assert!(breaker.allow_call());
    }
}
