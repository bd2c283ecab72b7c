//! A timer that fires again and again, each time after twice as long.

use std::time::{Duration, Instant};

/// The interval doubles at most this often.
const MAX_DOUBLINGS: u32 = 5;

/// When a range is resent, and how often it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResendTimer {
    started_at: Instant,
    n_resends: u32,
}

impl ResendTimer {
    pub fn start(now: Instant) -> Self {
        Self {
            started_at: now,
            n_resends: 0,
        }
    }

    /// Returns whether the timer is due; if so, starts it again with the doubled interval.
    pub fn fire_if_due(&mut self, resend_after: Duration, now: Instant) -> bool {
        let interval = resend_after * 2_u32.pow(self.n_resends.min(MAX_DOUBLINGS));
        let is_due = now.saturating_duration_since(self.started_at) >= interval;
        if is_due {
            *self = Self {
                started_at: now,
                n_resends: self.n_resends + 1,
            };
        }
        is_due
    }
}
