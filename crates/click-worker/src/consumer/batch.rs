//! A batch of events on its way into Postgres.

use jiff::Timestamp;

use super::decode::RejectedEvent;
use crate::{event::Event, ingest::MAX_ACCOUNTS};

/// An event that was received and is not stored yet.
pub struct PendingEvent {
    /// The message that contains it.
    pub delivery_tag: u64,
    pub event: Box<Event>,
    /// Its account, or that of the click that it names. `None` if that click is not stored.
    pub account_id: Option<i64>,
}

/// What became of the events of a batch.
#[derive(Default)]
pub struct BatchResult {
    /// The messages of the events that are stored or parked, one entry for each event.
    pub settled: Vec<u64>,
    /// Events that can never be stored, with their messages.
    pub rejected: Vec<(u64, RejectedEvent)>,
    /// Events of accounts whose lock was not free. They are retried with the next batch.
    pub contended: Vec<PendingEvent>,
}

/// The time of the oldest event.
pub fn oldest_time(events: &[PendingEvent]) -> Option<Timestamp> {
    events.iter().map(|pending| pending.event.time()).min()
}

/// Splits events into batches that have no more accounts than a transaction may have. All
/// events of an account are in one batch.
pub fn split_by_accounts(mut events: Vec<PendingEvent>) -> Vec<Vec<PendingEvent>> {
    events.sort_by_key(|pending| pending.account_id);
    let mut batches: Vec<Vec<PendingEvent>> = Vec::new();
    let mut n_accounts = 0;
    for pending in events {
        let batch = match batches.last_mut() {
            Some(batch) => batch,
            None => batches.push_mut(Vec::new()),
        };
        let is_new_account = batch
            .last()
            .is_none_or(|last| last.account_id != pending.account_id);
        n_accounts += usize::from(is_new_account);
        if n_accounts > MAX_ACCOUNTS {
            n_accounts = 1;
            batches.push(vec![pending]);
        } else {
            batch.push(pending);
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn pending(account_id: Option<i64>) -> PendingEvent {
        let line = r#"{"click_id":"01a11d5c-1e7b-7123-8123-456789abcdef","account_id":1,
            "link_key":1,"link_id":"Ab3kX9q","ip":"203.0.113.9"}"#;
        PendingEvent {
            delivery_tag: 1,
            event: Box::new(Event::parse_stored_line(line.as_bytes()).unwrap()),
            account_id,
        }
    }

    #[test]
    fn a_batch_has_no_more_accounts_than_a_transaction_may_lock() {
        for n_accounts in [0, 1, 199, 200, 201, 1000] {
            let events = (0..3).flat_map(|_| (0..n_accounts).map(|id| pending(Some(id))));
            let batches = split_by_accounts(events.collect());
            let accounts = |batch: &Vec<PendingEvent>| -> BTreeSet<_> {
                batch.iter().map(|event| event.account_id).collect()
            };
            assert!(
                batches
                    .iter()
                    .all(|batch| accounts(batch).len() <= MAX_ACCOUNTS)
            );
            let n_events: usize = batches.iter().map(Vec::len).sum();
            assert_eq!(n_events, usize::try_from(n_accounts).unwrap() * 3);
            let n_in_batches: usize = batches.iter().map(|batch| accounts(batch).len()).sum();
            assert_eq!(
                n_in_batches,
                usize::try_from(n_accounts).unwrap(),
                "each account is in one batch"
            );
        }
    }
}
