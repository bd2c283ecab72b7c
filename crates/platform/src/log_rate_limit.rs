//! A limit for log lines that a failure would write for every request: one line a second,
//! with the number of lines that were suppressed before it. Metrics count every failure.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

const INTERVAL: Duration = Duration::from_secs(1);

/// Lets one log line of its kind through in each second. It is meant for a `static` beside
/// the log line:
///
/// ```
/// # use platform::log_rate_limit::LogRateLimiter;
/// static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
/// if let Some(suppressed) = LOG_LIMIT.permit() {
///     tracing::warn!(suppressed, "reading from Redis failed");
/// }
/// ```
#[derive(Debug)]
pub struct LogRateLimiter {
    /// Time of the last permitted line in nanoseconds after `PROCESS_START`, plus 1; 0
    /// before the first line.
    last_permit: AtomicU64,
    suppressed: AtomicU64,
}

static PROCESS_START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl LogRateLimiter {
    #[expect(clippy::new_without_default, reason = "a static needs a const fn")]
    pub const fn new() -> Self {
        Self {
            last_permit: AtomicU64::new(0),
            suppressed: AtomicU64::new(0),
        }
    }

    /// `Some` if the line may be written now, with the number of lines suppressed since
    /// the last permitted one. `None` counts this line as suppressed.
    pub fn permit(&self) -> Option<u64> {
        self.permit_at(PROCESS_START.elapsed())
    }

    fn permit_at(&self, elapsed: Duration) -> Option<u64> {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let now = nanos(elapsed).saturating_add(1);
        let last_permit = self.last_permit.load(Ordering::Relaxed);
        let is_due = last_permit == 0 || now.saturating_sub(last_permit) >= nanos(INTERVAL);
        // Of several threads that find a line due, one writes it.
        let wins_race = || {
            self.last_permit
                .compare_exchange(last_permit, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        };
        if is_due && wins_race() {
            return Some(self.suppressed.swap(0, Ordering::Relaxed));
        }
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_second_is_permitted_with_the_number_of_suppressed_ones() {
        let limiter = LogRateLimiter::new();
        let permit_at = |ms| limiter.permit_at(Duration::from_millis(ms));
        assert_eq!(permit_at(0), Some(0));
        assert_eq!(permit_at(1), None);
        assert_eq!(permit_at(999), None);
        assert_eq!(permit_at(1000), Some(2));
        assert_eq!(permit_at(1500), None);
        assert_eq!(permit_at(9000), Some(1));
    }
}
