//! The result of a fault, and whether it is passed.

use std::time::Duration;

use super::profile::Profile;
use crate::{
    lag::Lags,
    load::{Audit, Summary},
};

/// Which failures of redirects a fault may cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Redirects {
    /// No redirect fails.
    Answer,
    /// Connections may be refused, but accepted requests are answered.
    MayBeRefused,
    /// Requests in flight on a killed process fail.
    MayFail,
}

/// What was measured during the fault, and what the audit found afterwards.
pub struct Outcome {
    pub redirects: Summary,
    pub conversions: Summary,
    pub mints: Summary,
    /// Clicks that redirectors counted as unrecorded.
    pub n_unrecorded: usize,
    pub audit: Audit,
    /// Time from the end of the fault until everything acknowledged by then was stored.
    pub recovery: Option<Duration>,
    pub lags: Option<Lags>,
    pub is_passed: bool,
}

impl Outcome {
    pub(super) fn judge(&mut self, allowed: Redirects, profile: Profile) {
        let is_allowed = match allowed {
            Redirects::Answer => self.redirects.n_failed() == 0,
            Redirects::MayBeRefused => self.audit.n_unanswered == 0,
            Redirects::MayFail => true,
        };
        if !is_allowed {
            self.audit.violations.push(format!(
                "redirects failed: {:?}, and {} were recorded and not answered",
                self.redirects.failures, self.audit.n_unanswered
            ));
        }
        if self.redirects.n == 0 {
            self.audit.violations.push("there was no load".to_owned());
        }
        let p99_ms = self.redirects.p99_ms;
        if allowed == Redirects::Answer
            && let Some(max_ms) = profile.max_p99_ms
            && p99_ms > max_ms
        {
            self.audit
                .violations
                .push(format!("p99 is {p99_ms:.1} ms, more than {max_ms} ms"));
        }
        if let Some(lags) = &self.lags {
            let (max_ms, n_lost) = (lags.max_ms(), lags.n_lost);
            if profile.max_lag_ms.is_some_and(|limit| max_ms > limit) || n_lost > 0 {
                self.audit.violations.push(format!(
                    "clicks of other accounts were stored {max_ms} ms late, and {n_lost} not at all"
                ));
            }
        }
        if self.recovery.is_none() {
            self.audit.violations.push("it did not recover".to_owned());
        }
        self.is_passed = self.audit.is_clean();
    }
}
