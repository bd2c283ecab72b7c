//! The unacknowledged ranges of one partition: what is published and not known to be
//! stored, and which range is due to be resent.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{super::message::SpoolRange, resend_timer::ResendTimer};
use crate::spool::Position;

#[derive(Debug)]
pub(super) struct UnacknowledgedRanges {
    /// By their starts; they do not overlap. Adjacent ranges stay apart where their timers
    /// differ: resending a gap must not resend the range behind it.
    ranges: BTreeMap<Position, PendingRange>,
    /// The highest end that a receipt named.
    highest_stored: Position,
    /// The message with the highest end.
    last_published: Option<SpoolRange>,
    /// Runs since the last receipt or the last message that was published for the first
    /// time; when it fires, the last message is resent.
    idle_timer: ResendTimer,
    resend_after: Duration,
}

#[derive(Debug, Clone, Copy)]
struct PendingRange {
    end: Position,
    /// Runs since a later range was stored; `None` if there is no such range.
    gap_timer: Option<ResendTimer>,
}

impl UnacknowledgedRanges {
    /// `resend_after` is how long a gap may last before it is resent.
    pub fn new(resend_after: Duration, now: Instant) -> Self {
        Self {
            ranges: BTreeMap::new(),
            highest_stored: Position::default(),
            last_published: None,
            idle_timer: ResendTimer::start(now),
            resend_after,
        }
    }

    /// Adds the events of a message, whether it is published for the first time or resent.
    pub fn add_published(&mut self, message: SpoolRange, now: Instant) {
        if self
            .last_published
            .is_none_or(|last| last.end < message.end)
        {
            self.last_published = Some(message);
            self.idle_timer = ResendTimer::start(now);
        }
        // Ranges that were published before keep their timers.
        let published_before: Vec<_> = self.overlapping(message).collect();
        let mut start = message.start;
        for (pending_start, pending) in published_before {
            self.insert_new(start, pending_start);
            start = start.max(pending.end);
        }
        self.insert_new(start, message.end);
    }

    /// Inserts events that were not published before; does nothing if the range is empty.
    fn insert_new(&mut self, mut start: Position, end: Position) {
        if start >= end {
            return;
        }
        // Merges with the range just before, unless that is a gap.
        if let Some((&previous_start, previous)) = self.ranges.range(..start).next_back()
            && previous.end == start
            && previous.gap_timer.is_none()
        {
            start = previous_start;
        }
        let new = PendingRange {
            end,
            gap_timer: None,
        };
        self.ranges.insert(start, new);
    }

    /// Removes the events of a receipt: a worker has stored or dead-lettered them. Starts
    /// the gap timers of the ranges before them.
    pub fn remove_stored(&mut self, stored: SpoolRange, now: Instant) {
        self.remove(stored);
        self.highest_stored = self.highest_stored.max(stored.end);
        self.idle_timer = ResendTimer::start(now);
        for pending in self.ranges.values_mut() {
            if pending.end <= self.highest_stored {
                pending.gap_timer.get_or_insert(ResendTimer::start(now));
            }
        }
    }

    /// Removes the events in a range.
    pub fn remove(&mut self, range: SpoolRange) {
        let overlapping: Vec<_> = self.overlapping(range).collect();
        for (start, pending) in overlapping {
            self.ranges.remove(&start);
            if start < range.start {
                let end = range.start;
                self.ranges.insert(start, PendingRange { end, ..pending });
            }
            if range.end < pending.end {
                self.ranges.insert(range.end, pending);
            }
        }
    }

    /// The pending ranges that overlap with `range`, in order.
    fn overlapping(&self, range: SpoolRange) -> impl Iterator<Item = (Position, PendingRange)> {
        let first = self.ranges.range(..=range.start).next_back();
        let first = first.filter(|(_, pending)| pending.end > range.start);
        let start = first.map_or(range.start, |(&start, _)| start);
        let ranges = self.ranges.range(start..range.end.max(start));
        ranges.map(|(&start, &pending)| (start, pending))
    }

    /// The first unacknowledged event.
    pub fn first(&self) -> Option<Position> {
        self.ranges.first_key_value().map(|(&start, _)| start)
    }

    /// A range to resend now, or `None` if none is due. Restarts the timer of the range.
    pub fn next_to_resend(&mut self, now: Instant) -> Option<SpoolRange> {
        for (&start, pending) in &mut self.ranges {
            if let Some(gap_timer) = &mut pending.gap_timer
                && gap_timer.fire_if_due(self.resend_after, now)
            {
                return Some(SpoolRange {
                    start,
                    end: pending.end,
                });
            }
        }
        let last_message = self.last_published?;
        let (_, last_pending) = self.ranges.last_key_value()?;
        // Once the last message is stored, all other ranges are gaps.
        let is_pending = last_pending.end == last_message.end;
        (is_pending && self.idle_timer.fire_if_due(self.resend_after, now)).then_some(last_message)
    }

    /// Removes what lies before a position, since the spool has deleted it.
    pub fn remove_before(&mut self, position: Position) {
        while let Some(entry) = self.ranges.first_entry()
            && *entry.key() < position
        {
            let pending = entry.remove();
            if position < pending.end {
                self.ranges.insert(position, pending);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const RESEND_AFTER: Duration = Duration::from_secs(30);

    fn range(start: u64, end: u64) -> SpoolRange {
        let position = |offset| Position { segment: 1, offset };
        SpoolRange {
            start: position(start),
            end: position(end),
        }
    }

    fn offset(position: Option<Position>) -> Option<u64> {
        position.map(|position| position.offset)
    }

    /// A clock that tests advance, in seconds.
    struct Clock(Instant);

    impl Clock {
        fn advance(&mut self, seconds: u64) -> Instant {
            self.0 += Duration::from_secs(seconds);
            self.0
        }
    }

    fn new_ranges() -> (Clock, UnacknowledgedRanges) {
        let clock = Clock(Instant::now());
        let ranges = UnacknowledgedRanges::new(RESEND_AFTER, clock.0);
        (clock, ranges)
    }

    #[test]
    fn ranges_that_are_stored_in_order_are_removed() {
        let (mut clock, mut ranges) = new_ranges();
        for i in 0..10 {
            ranges.add_published(range(i * 10, i * 10 + 10), clock.advance(1));
        }
        for i in 0..10 {
            assert_eq!(offset(ranges.first()), Some(i * 10));
            ranges.remove_stored(range(i * 10, i * 10 + 10), clock.advance(1));
        }
        assert_eq!(ranges.first(), None);
        assert_eq!(ranges.next_to_resend(clock.advance(1000)), None);
    }

    #[test]
    fn a_gap_is_resent_each_time_after_twice_as_long() {
        let (mut clock, mut ranges) = new_ranges();
        ranges.add_published(range(0, 10), clock.advance(0));
        ranges.add_published(range(10, 20), clock.advance(0));
        ranges.remove_stored(range(10, 20), clock.advance(1));
        assert_eq!(ranges.next_to_resend(clock.advance(29)), None);
        assert_eq!(ranges.next_to_resend(clock.advance(1)), Some(range(0, 10)));
        ranges.add_published(range(0, 10), clock.advance(0));
        assert_eq!(ranges.next_to_resend(clock.advance(59)), None);
        assert_eq!(ranges.next_to_resend(clock.advance(1)), Some(range(0, 10)));
        ranges.remove_stored(range(0, 10), clock.advance(1));
        assert_eq!(ranges.first(), None);
    }

    #[test]
    fn resending_a_gap_does_not_resend_the_ranges_beside_it() {
        let (mut clock, mut ranges) = new_ranges();
        for i in 0..4 {
            ranges.add_published(range(i * 10, i * 10 + 10), clock.advance(0));
        }
        ranges.remove_stored(range(10, 20), clock.advance(1));
        // These are published after the receipt, and each begins where the one before ends.
        for i in 4..8 {
            ranges.add_published(range(i * 10, i * 10 + 10), clock.advance(0));
        }
        assert_eq!(ranges.next_to_resend(clock.advance(30)), Some(range(0, 10)));
        // A batch that is resent may end behind the gap.
        ranges.add_published(range(0, 40), clock.advance(0));
        // The last message has no receipt either; the others after the gap are not due.
        assert_eq!(ranges.next_to_resend(clock.advance(1)), Some(range(70, 80)));
        assert_eq!(ranges.next_to_resend(clock.advance(0)), None);
        ranges.remove_stored(range(30, 40), clock.advance(0));
        assert_eq!(
            ranges.next_to_resend(clock.advance(30)),
            Some(range(10, 20))
        );
        assert_eq!(ranges.next_to_resend(clock.advance(0)), Some(range(20, 30)));
        ranges.add_published(range(10, 30), clock.advance(0));
        // The first gap is due again, after twice as long, without the ranges beside it.
        assert_eq!(ranges.next_to_resend(clock.advance(30)), Some(range(0, 10)));
        assert_eq!(offset(ranges.first()), Some(0));
        ranges.remove_stored(range(0, 80), clock.advance(0));
        assert_eq!(ranges.first(), None);
    }

    #[test]
    fn removed_ranges_are_not_resent() {
        let (mut clock, mut ranges) = new_ranges();
        ranges.add_published(range(0, 30), clock.advance(0));
        ranges.remove(range(10, 20));
        assert_eq!(offset(ranges.first()), Some(0));
        ranges.remove(range(0, 10));
        assert_eq!(offset(ranges.first()), Some(20));
        ranges.remove(range(0, 100));
        assert_eq!(ranges.first(), None);
        assert_eq!(ranges.next_to_resend(clock.advance(1000)), None);
    }

    #[test]
    fn a_late_receipt_leaves_no_gap() {
        let (mut clock, mut ranges) = new_ranges();
        ranges.add_published(range(0, 20), clock.advance(0));
        ranges.remove_stored(range(10, 20), clock.advance(0));
        ranges.remove_stored(range(0, 10), clock.advance(1));
        assert_eq!(ranges.next_to_resend(clock.advance(1000)), None);
    }

    #[test]
    fn the_last_message_is_resent_when_nothing_is_published_after_it() {
        let (mut clock, mut ranges) = new_ranges();
        ranges.add_published(range(0, 10), clock.advance(0));
        ranges.add_published(range(10, 20), clock.advance(0));
        assert_eq!(
            ranges.next_to_resend(clock.advance(30)),
            Some(range(10, 20))
        );
        assert_eq!(ranges.next_to_resend(clock.advance(59)), None);
        assert_eq!(ranges.next_to_resend(clock.advance(1)), Some(range(10, 20)));
        // Its receipt makes the first message a gap.
        ranges.remove_stored(range(10, 20), clock.advance(0));
        assert_eq!(ranges.next_to_resend(clock.advance(30)), Some(range(0, 10)));
    }

    #[test]
    fn ranges_that_the_spool_deleted_are_removed() {
        let (mut clock, mut ranges) = new_ranges();
        ranges.add_published(range(0, 10), clock.advance(0));
        ranges.add_published(range(20, 40), clock.advance(0));
        ranges.remove_before(range(30, 30).start);
        assert_eq!(offset(ranges.first()), Some(30));
        ranges.remove_before(range(40, 40).start);
        assert_eq!(ranges.first(), None);
    }

    proptest! {
        /// Compares the ranges with a set of bytes.
        #[test]
        fn the_ranges_are_the_published_bytes_without_the_stored_ones(
            steps in proptest::collection::vec((any::<bool>(), 0_u64..60, 1_u64..20), 0..60)
        ) {
            let (clock, mut ranges) = new_ranges();
            let mut bytes = BTreeSet::new();
            for (is_published, start, len) in steps {
                if is_published {
                    ranges.add_published(range(start, start + len), clock.0);
                    bytes.extend(start..start + len);
                } else {
                    ranges.remove_stored(range(start, start + len), clock.0);
                    bytes.retain(|byte| !(start..start + len).contains(byte));
                }
                let pending_bytes: BTreeSet<u64> = ranges
                    .ranges
                    .iter()
                    .flat_map(|(start, pending)| start.offset..pending.end.offset)
                    .collect();
                prop_assert_eq!(&pending_bytes, &bytes);
                prop_assert_eq!(offset(ranges.first()), bytes.first().copied());
            }
        }
    }
}
