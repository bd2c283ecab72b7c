//! Published events for which no worker has sent a store receipt.
//!
//! A confirm says that a message is on a queue. Queues can be deleted, purged and
//! lost with their broker. So a worker says with a receipt what is in Postgres, and
//! until then an event stays in the spool. A range without a receipt is a gap once a later
//! range has one; a gap that lasts longer than `RESEND_AFTER_MS` is resent. When nothing is
//! published after the last message, no later receipt can show a gap, so the last message
//! itself is resent after that time. Storing is idempotent, so a needless resend costs only
//! the worker's lookup.

mod ranges;
mod resend_timer;

use std::time::{Duration, Instant};

use super::message::MessageId;
use crate::spool::Position;
use ranges::UnacknowledgedRanges;

/// The unacknowledged ranges of each partition. Each partition has a queue of its own,
/// and a receipt for one queue says nothing about another.
#[derive(Debug)]
pub struct UnacknowledgedByPartition(Vec<UnacknowledgedRanges>);

impl UnacknowledgedByPartition {
    /// `resend_after` is how long a gap may last before it is resent.
    pub fn new(n_partitions: u16, resend_after: Duration, now: Instant) -> Self {
        let partitions = 0..n_partitions;
        Self(
            partitions
                .map(|_| UnacknowledgedRanges::new(resend_after, now))
                .collect(),
        )
    }

    /// Adds the events of a message, whether it is published for the first time or resent.
    pub fn add_published(&mut self, id: MessageId, now: Instant) {
        if let Some(ranges) = self.0.get_mut(usize::from(id.partition)) {
            ranges.add_published(id.range, now);
        }
    }

    /// Removes the events of a receipt.
    pub fn remove_stored(&mut self, id: MessageId, now: Instant) {
        if let Some(ranges) = self.0.get_mut(usize::from(id.partition)) {
            ranges.remove_stored(id.range, now);
        }
    }

    /// Removes events that cannot be read any more, so that they are not resent.
    pub fn remove_unreadable(&mut self, id: MessageId) {
        if let Some(ranges) = self.0.get_mut(usize::from(id.partition)) {
            ranges.remove(id.range);
        }
    }

    /// The first unacknowledged event.
    pub fn first(&self) -> Option<Position> {
        self.0.iter().filter_map(UnacknowledgedRanges::first).min()
    }

    /// A range to resend now, or `None` if none is due. Restarts the timer of the range.
    pub fn next_to_resend(&mut self, now: Instant) -> Option<MessageId> {
        let mut partitions = (0..).zip(&mut self.0);
        partitions.find_map(|(partition, ranges)| {
            let range = ranges.next_to_resend(now)?;
            Some(MessageId { partition, range })
        })
    }

    /// Removes what lies before a position, since the spool has deleted it.
    pub fn remove_before(&mut self, position: Position) {
        for ranges in &mut self.0 {
            ranges.remove_before(position);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::message::SpoolRange, *};

    #[test]
    fn a_receipt_of_one_partition_makes_no_gap_in_another() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut unacknowledged = UnacknowledgedByPartition::new(2, Duration::from_secs(30), start);
        let position = |offset| Position { segment: 1, offset };
        let message = |partition, start| MessageId {
            partition,
            range: SpoolRange {
                start: position(start),
                end: position(start + 10),
            },
        };
        for offset in [0, 10, 20] {
            unacknowledged.add_published(message(0, offset), at(0));
            unacknowledged.add_published(message(1, offset), at(0));
        }
        for offset in [0, 10, 20] {
            unacknowledged.remove_stored(message(1, offset), at(0));
        }
        assert_eq!(unacknowledged.first(), Some(position(0)));
        unacknowledged.remove_stored(message(0, 0), at(0));
        assert_eq!(unacknowledged.first(), Some(position(10)));
        unacknowledged.remove_stored(message(0, 20), at(0));
        assert_eq!(unacknowledged.next_to_resend(at(29)), None);
        assert_eq!(unacknowledged.next_to_resend(at(30)), Some(message(0, 10)));
        unacknowledged.remove_stored(message(0, 10), at(30));
        assert_eq!(unacknowledged.first(), None);
        // A receipt of a partition that does not exist has no effect.
        unacknowledged.remove_stored(message(2, 0), at(30));
    }
}
