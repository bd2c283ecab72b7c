//! Waiting longer after each failure in a row.

use std::time::Duration;

/// Waits that double from 100 ms to 5 s: a short interruption costs little, and after a
/// long outage the services do not all return at the same moment.
#[derive(Debug, Default)]
pub struct Backoff {
    n_failures: u32,
}

impl Backoff {
    const SHORTEST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);

    /// Counts one more failure and returns how long to wait after it.
    pub fn next_wait(&mut self) -> Duration {
        let wait = Self::SHORTEST.saturating_mul(1 << self.n_failures.min(16));
        self.n_failures = self.n_failures.saturating_add(1);
        wait.min(Self::LONGEST)
    }

    /// Records a success, after which the next wait is short again.
    pub fn reset(&mut self) {
        self.n_failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_until_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..8).map(|_| backoff.next_wait().as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.reset();
        assert_eq!(backoff.next_wait().as_millis(), 100);
    }
}
