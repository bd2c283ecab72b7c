//! The log of postbacks on its way to links-api: entries wait in memory, and a task posts them.
//!
//! No request waits for it or fails by it. What has no room, in [`budget`] or [`buffer`], is
//! counted by account, and an entry with the verdict `suppressed` says how many there were.

mod budget;
mod buffer;
mod sender;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use domain::{
    id::{AccountId, PostbackId},
    postback::{PostbackVerdict, log::LoggedPostback},
};

use crate::metrics::{LogEntryResult, Metrics};
use budget::LogBudget;
pub use budget::LoggedSender;
use buffer::LogBuffer;
pub use sender::LogSender;

/// How often the numbers of suppressed postbacks become entries.
const SUPPRESSED_INTERVAL: Duration = Duration::from_secs(10);
/// Accounts whose suppressed postbacks are counted apart. Those of further ones are counted
/// as those of no account.
const MAX_SUPPRESSED_ACCOUNTS: usize = 1_000;

pub struct PostbackLog {
    started_at: Instant,
    state: Mutex<LogState>,
    metrics: Metrics,
}

struct LogState {
    budget: LogBudget,
    buffer: LogBuffer,
    n_suppressed: HashMap<Option<AccountId>, u32>,
    suppressed_logged_at: Duration,
}

impl PostbackLog {
    pub fn new(metrics: Metrics) -> Self {
        let state = LogState {
            budget: LogBudget::default(),
            buffer: LogBuffer::default(),
            n_suppressed: HashMap::new(),
            suppressed_logged_at: Duration::ZERO,
        };
        Self {
            started_at: Instant::now(),
            state: Mutex::new(state),
            metrics,
        }
    }

    /// Adds the entry that `build` returns, which is called only if the sender has not had its
    /// share of the log.
    pub fn record(&self, sender: LoggedSender, build: impl FnOnce() -> LoggedPostback) {
        let now = self.started_at.elapsed();
        let is_admitted = self.state().budget.admit(sender, now);
        if !is_admitted {
            self.metrics
                .count_log_entries(LogEntryResult::RateLimited, 1);
            self.state().suppress(sender.account_id, 1);
            return;
        }
        let mut line = Vec::with_capacity(512);
        build().write_line(&mut line);
        let mut state = self.state();
        if !state.buffer.push(line) {
            self.metrics
                .count_log_entries(LogEntryResult::BufferFull, 1);
            state.suppress(sender.account_id, 1);
        }
    }

    /// Adds entries for the postbacks that were suppressed, if it is time for that or
    /// `is_stopping`.
    fn record_suppressed(&self, is_stopping: bool) {
        let now = self.started_at.elapsed();
        let mut state = self.state();
        if !is_stopping && now < state.suppressed_logged_at + SUPPRESSED_INTERVAL {
            return;
        }
        state.suppressed_logged_at = now;
        for (account_id, n_suppressed) in std::mem::take(&mut state.n_suppressed) {
            let unix_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
            let id = PostbackId::generate(unix_ms, &mut rand::rng());
            let entry = LoggedPostback {
                account_id,
                n_suppressed: Some(n_suppressed),
                ..LoggedPostback::new(id, PostbackVerdict::Suppressed)
            };
            let mut line = Vec::new();
            entry.write_line(&mut line);
            if !state.buffer.push(line) {
                state.suppress(account_id, n_suppressed);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogState {
    fn suppress(&mut self, account_id: Option<AccountId>, n_postbacks: u32) {
        let has_room = self.n_suppressed.len() < MAX_SUPPRESSED_ACCOUNTS
            || self.n_suppressed.contains_key(&account_id);
        let account_id = account_id.filter(|_| has_room);
        let n_suppressed = self.n_suppressed.entry(account_id).or_default();
        *n_suppressed = n_suppressed
            .saturating_add(n_postbacks)
            .min(i32::MAX.unsigned_abs());
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    fn open_log() -> PostbackLog {
        PostbackLog::new(Metrics::register(&mut Registry::default()))
    }

    fn sender(account_id: Option<AccountId>, last_octet: u8) -> LoggedSender {
        LoggedSender {
            address: [203, 0, 113, last_octet].into(),
            account_id,
            is_refused: true,
        }
    }

    fn entry() -> LoggedPostback {
        let id = PostbackId::generate(1, &mut rand::rng());
        LoggedPostback::new(id, PostbackVerdict::Ignored)
    }

    #[test]
    fn a_flood_of_refused_postbacks_is_sampled_and_counted() {
        let log = open_log();
        let account = Some(AccountId(7));
        for _ in 0..10_000 {
            log.record(sender(account, 1), entry);
        }
        let n_buffered = log.state().buffer.n_entries();
        assert!((60..200).contains(&n_buffered), "{n_buffered}");
        let n_suppressed = log.state().n_suppressed[&account] as usize;
        assert_eq!(n_buffered + n_suppressed, 10_000);

        log.record_suppressed(true);
        let (batch, n_lines) = log.state().buffer.first_batch().unwrap();
        assert_eq!(n_lines, n_buffered + 1);
        let text = String::from_utf8(batch).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["verdict"], "suppressed");
        assert_eq!(last["account_id"], 7);
        assert_eq!(last["n_suppressed"], n_suppressed);
        assert!(log.state().n_suppressed.is_empty());
    }

    #[test]
    fn the_accounts_whose_suppressed_postbacks_are_counted_are_bounded() {
        let log = open_log();
        for id in 0..5_000 {
            log.state().suppress(Some(AccountId(id)), 1);
        }
        let state = log.state();
        assert_eq!(state.n_suppressed.len(), MAX_SUPPRESSED_ACCOUNTS + 1);
        assert_eq!(state.n_suppressed[&None], 4_000);
    }
}
