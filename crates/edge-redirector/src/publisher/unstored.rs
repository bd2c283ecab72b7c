//! What is published and not known to be stored.
//!
//! A confirm says that a message is on a queue. Queues can be deleted, purged and
//! lost with their broker. So a worker says with a receipt what is in Postgres, and
//! until then a record stays in the spool. What no receipt came for, though one
//! came for something later, is a gap; a gap that lasts is sent again. When nothing
//! comes after it, the last message is sent again in the place of something later.
//! Storing is idempotent, so what was sent again for nothing costs a look.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::spool::Position;

/// A gap is waited for twice as long each time, up to this many doublings.
const MAX_DOUBLINGS: u32 = 5;

/// From a position up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub start: Position,
    pub end: Position,
}

/// Names a message: the records of one partition in a range of the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageId {
    pub partition: u16,
    pub range: Range,
}

/// What is not known to be stored, by partition. Each partition has a queue of its own,
/// and what is later in one queue says nothing of another.
#[derive(Debug)]
pub struct UnstoredByPartition(Vec<Unstored>);

impl UnstoredByPartition {
    /// `patience` is how long a gap may last.
    pub fn new(n_partitions: u16, patience: Duration, now: Instant) -> Self {
        let partitions = 0..n_partitions;
        Self(partitions.map(|_| Unstored::new(patience, now)).collect())
    }

    pub fn published(&mut self, id: MessageId, now: Instant) {
        if let Some(partition) = self.0.get_mut(usize::from(id.partition)) {
            partition.published(id.range, now);
        }
    }

    pub fn stored(&mut self, id: MessageId, now: Instant) {
        if let Some(partition) = self.0.get_mut(usize::from(id.partition)) {
            partition.stored(id.range, now);
        }
    }

    /// These records cannot be read any more: they are not sent again.
    pub fn give_up(&mut self, id: MessageId) {
        if let Some(partition) = self.0.get_mut(usize::from(id.partition)) {
            partition.remove(id.range);
        }
    }

    /// The first record that is not known to be stored.
    pub fn first(&self) -> Option<Position> {
        self.0.iter().filter_map(Unstored::first).min()
    }

    /// What is to be sent again now; `None` if there is nothing, or not yet.
    pub fn due(&mut self, now: Instant) -> Option<MessageId> {
        let mut partitions = (0..).zip(&mut self.0);
        partitions.find_map(|(partition, unstored)| {
            let range = unstored.due(now)?;
            Some(MessageId { partition, range })
        })
    }

    /// What is before a position is not in the spool any more.
    pub fn forget_before(&mut self, position: Position) {
        for partition in &mut self.0 {
            partition.forget_before(position);
        }
    }
}

/// What is published and not known to be stored of one partition, by ranges of the spool.
#[derive(Debug)]
struct Unstored {
    /// By their starts; they do not overlap. Those that touch have waited differently: a
    /// gap that is sent again is not the beginning of what comes after it.
    ranges: BTreeMap<Position, Rest>,
    /// The furthest end that a receipt named.
    furthest: Position,
    /// The furthest message.
    last: Option<Range>,
    /// Since when nothing was published or receipted, and how often the last
    /// message was sent again since then.
    quiet: Waiting,
    patience: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Rest {
    end: Position,
    /// Since when something later is stored.
    gap: Option<Waiting>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    since: Instant,
    tries: u32,
}

impl Waiting {
    fn since(since: Instant) -> Self {
        Self { since, tries: 0 }
    }

    /// Whether it is time to try, which begins another wait.
    fn is_over(&mut self, patience: Duration, now: Instant) -> bool {
        let wait = patience * 2_u32.pow(self.tries.min(MAX_DOUBLINGS));
        let is_over = now.saturating_duration_since(self.since) >= wait;
        if is_over {
            *self = Self {
                since: now,
                tries: self.tries + 1,
            };
        }
        is_over
    }
}

impl Unstored {
    /// `patience` is how long a gap may last.
    fn new(patience: Duration, now: Instant) -> Self {
        Self {
            ranges: BTreeMap::new(),
            furthest: Position::default(),
            last: None,
            quiet: Waiting::since(now),
            patience,
        }
    }

    /// A message with these records was published, for the first time or again.
    fn published(&mut self, message: Range, now: Instant) {
        if self.last.is_none_or(|last| last.end < message.end) {
            self.last = Some(message);
            self.quiet = Waiting::since(now);
        }
        // What was published before goes on waiting as it does.
        let before: Vec<_> = self.overlapping(message).collect();
        let mut start = message.start;
        for (other, rest) in before {
            self.insert_new(start, other);
            start = start.max(rest.end);
        }
        self.insert_new(start, message.end);
    }

    /// Records that were not published before, if there are any.
    fn insert_new(&mut self, mut start: Position, end: Position) {
        if start >= end {
            return;
        }
        // Together with what was published just before and is no gap either.
        if let Some((&previous, rest)) = self.ranges.range(..start).next_back()
            && rest.end == start
            && rest.gap.is_none()
        {
            start = previous;
        }
        self.ranges.insert(start, Rest { end, gap: None });
    }

    /// A worker has stored these records, or dead-lettered them.
    fn stored(&mut self, stored: Range, now: Instant) {
        self.remove(stored);
        self.furthest = self.furthest.max(stored.end);
        self.quiet = Waiting::since(now);
        for range in self.ranges.values_mut() {
            if range.end <= self.furthest {
                range.gap.get_or_insert(Waiting::since(now));
            }
        }
    }

    /// Takes out what lies in a range.
    fn remove(&mut self, range: Range) {
        let overlapping: Vec<_> = self.overlapping(range).collect();
        for (start, rest) in overlapping {
            self.ranges.remove(&start);
            if start < range.start {
                let end = range.start;
                self.ranges.insert(start, Rest { end, ..rest });
            }
            if range.end < rest.end {
                self.ranges.insert(range.end, rest);
            }
        }
    }

    /// The ranges that have something in common with one, in order.
    fn overlapping(&self, range: Range) -> impl Iterator<Item = (Position, Rest)> {
        let first = self.ranges.range(..=range.start).next_back();
        let first = first.filter(|(_, rest)| rest.end > range.start);
        let from = first.map_or(range.start, |(&start, _)| start);
        let ranges = self.ranges.range(from..range.end.max(from));
        ranges.map(|(&start, &rest)| (start, rest))
    }

    /// The first record that is not known to be stored.
    fn first(&self) -> Option<Position> {
        self.ranges.first_key_value().map(|(&start, _)| start)
    }

    /// What is to be sent again now; `None` if there is nothing, or not yet.
    fn due(&mut self, now: Instant) -> Option<Range> {
        for (&start, rest) in &mut self.ranges {
            if let Some(gap) = &mut rest.gap
                && gap.is_over(self.patience, now)
            {
                return Some(Range {
                    start,
                    end: rest.end,
                });
            }
        }
        let last = self.last?;
        let (_, tail) = self.ranges.last_key_value()?;
        // If the last one is stored, the others are gaps.
        (tail.end == last.end && self.quiet.is_over(self.patience, now)).then_some(last)
    }

    /// What is before a position is not in the spool any more.
    fn forget_before(&mut self, position: Position) {
        while let Some(entry) = self.ranges.first_entry()
            && *entry.key() < position
        {
            let rest = entry.remove();
            if position < rest.end {
                self.ranges.insert(position, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn range(start: u64, end: u64) -> Range {
        let position = |offset| Position { segment: 1, offset };
        Range {
            start: position(start),
            end: position(end),
        }
    }

    fn offset(position: Option<Position>) -> Option<u64> {
        position.map(|position| position.offset)
    }

    /// A clock that a test moves.
    struct Clock(Instant);

    impl Clock {
        fn after(&mut self, seconds: u64) -> Instant {
            self.0 += Duration::from_secs(seconds);
            self.0
        }
    }

    fn start() -> (Clock, Unstored) {
        let clock = Clock(Instant::now());
        let unstored = Unstored::new(PATIENCE, clock.0);
        (clock, unstored)
    }

    #[test]
    fn what_is_stored_in_order_is_gone() {
        let (mut clock, mut unstored) = start();
        for at in 0..10 {
            unstored.published(range(at * 10, at * 10 + 10), clock.after(1));
        }
        for at in 0..10 {
            assert_eq!(offset(unstored.first()), Some(at * 10));
            unstored.stored(range(at * 10, at * 10 + 10), clock.after(1));
        }
        assert_eq!(unstored.first(), None);
        assert_eq!(unstored.due(clock.after(1000)), None);
    }

    #[test]
    fn a_gap_that_lasts_is_sent_again_and_again_after_twice_as_long() {
        let (mut clock, mut unstored) = start();
        unstored.published(range(0, 10), clock.after(0));
        unstored.published(range(10, 20), clock.after(0));
        unstored.stored(range(10, 20), clock.after(1));
        assert_eq!(unstored.due(clock.after(29)), None);
        assert_eq!(unstored.due(clock.after(1)), Some(range(0, 10)));
        unstored.published(range(0, 10), clock.after(0));
        assert_eq!(unstored.due(clock.after(59)), None);
        assert_eq!(unstored.due(clock.after(1)), Some(range(0, 10)));
        unstored.stored(range(0, 10), clock.after(1));
        assert_eq!(unstored.first(), None);
    }

    #[test]
    fn what_is_sent_again_does_not_spread_to_what_is_not_due() {
        let (mut clock, mut unstored) = start();
        for at in 0..4 {
            unstored.published(range(at * 10, at * 10 + 10), clock.after(0));
        }
        unstored.stored(range(10, 20), clock.after(1));
        // Published much later, and touching each other.
        for at in 4..8 {
            unstored.published(range(at * 10, at * 10 + 10), clock.after(0));
        }
        assert_eq!(unstored.due(clock.after(30)), Some(range(0, 10)));
        // A batch that is sent again may end behind the gap.
        unstored.published(range(0, 40), clock.after(0));
        // For the last message nothing came either; for the rest of the tail it is too early.
        assert_eq!(unstored.due(clock.after(1)), Some(range(70, 80)));
        assert_eq!(unstored.due(clock.after(0)), None);
        unstored.stored(range(30, 40), clock.after(0));
        assert_eq!(unstored.due(clock.after(30)), Some(range(10, 20)));
        assert_eq!(unstored.due(clock.after(0)), Some(range(20, 30)));
        unstored.published(range(10, 30), clock.after(0));
        // The first gap again, after twice as long, and nothing of what touches it.
        assert_eq!(unstored.due(clock.after(30)), Some(range(0, 10)));
        assert_eq!(offset(unstored.first()), Some(0));
        unstored.stored(range(0, 80), clock.after(0));
        assert_eq!(unstored.first(), None);
    }

    #[test]
    fn what_cannot_be_read_any_more_is_given_up() {
        let (mut clock, mut unstored) = start();
        unstored.published(range(0, 30), clock.after(0));
        unstored.remove(range(10, 20));
        assert_eq!(offset(unstored.first()), Some(0));
        unstored.remove(range(0, 10));
        assert_eq!(offset(unstored.first()), Some(20));
        unstored.remove(range(0, 100));
        assert_eq!(unstored.first(), None);
        assert_eq!(unstored.due(clock.after(1000)), None);
    }

    #[test]
    fn partitions_do_not_wait_for_each_other() {
        let mut clock = Clock(Instant::now());
        let mut unstored = UnstoredByPartition::new(2, PATIENCE, clock.0);
        let message = |partition, start| MessageId {
            partition,
            range: range(start, start + 10),
        };
        for start in [0, 10, 20] {
            unstored.published(message(0, start), clock.after(0));
            unstored.published(message(1, start), clock.after(0));
        }
        // The second partition is far ahead: that is no gap of the first.
        for start in [0, 10, 20] {
            unstored.stored(message(1, start), clock.after(0));
        }
        assert_eq!(offset(unstored.first()), Some(0));
        unstored.stored(message(0, 0), clock.after(0));
        assert_eq!(offset(unstored.first()), Some(10));
        unstored.stored(message(0, 20), clock.after(0));
        assert_eq!(unstored.due(clock.after(29)), None);
        assert_eq!(unstored.due(clock.after(1)), Some(message(0, 10)));
        unstored.stored(message(0, 10), clock.after(0));
        assert_eq!(unstored.first(), None);
        // A receipt of a partition that is not there is nobody's.
        unstored.stored(message(2, 0), clock.after(0));
    }

    #[test]
    fn a_late_receipt_is_no_gap() {
        let (mut clock, mut unstored) = start();
        unstored.published(range(0, 20), clock.after(0));
        unstored.stored(range(10, 20), clock.after(0));
        unstored.stored(range(0, 10), clock.after(1));
        assert_eq!(unstored.due(clock.after(1000)), None);
    }

    #[test]
    fn when_nothing_comes_after_it_the_last_message_is_sent_again() {
        let (mut clock, mut unstored) = start();
        unstored.published(range(0, 10), clock.after(0));
        unstored.published(range(10, 20), clock.after(0));
        assert_eq!(unstored.due(clock.after(30)), Some(range(10, 20)));
        assert_eq!(unstored.due(clock.after(59)), None);
        assert_eq!(unstored.due(clock.after(1)), Some(range(10, 20)));
        // Its receipt makes a gap of the first.
        unstored.stored(range(10, 20), clock.after(0));
        assert_eq!(unstored.due(clock.after(30)), Some(range(0, 10)));
    }

    #[test]
    fn what_left_the_spool_is_forgotten() {
        let (mut clock, mut unstored) = start();
        unstored.published(range(0, 10), clock.after(0));
        unstored.published(range(20, 40), clock.after(0));
        unstored.forget_before(range(30, 30).start);
        assert_eq!(offset(unstored.first()), Some(30));
        unstored.forget_before(range(40, 40).start);
        assert_eq!(unstored.first(), None);
    }

    proptest! {
        /// Against a set of bytes.
        #[test]
        fn it_is_the_published_less_the_stored(
            steps in proptest::collection::vec((any::<bool>(), 0_u64..60, 1_u64..20), 0..60)
        ) {
            let (clock, mut unstored) = start();
            let mut bytes = BTreeSet::new();
            for (is_published, at, len) in steps {
                if is_published {
                    unstored.published(range(at, at + len), clock.0);
                    bytes.extend(at..at + len);
                } else {
                    unstored.stored(range(at, at + len), clock.0);
                    bytes.retain(|byte| !(at..at + len).contains(byte));
                }
                let found: BTreeSet<u64> = unstored
                    .ranges
                    .iter()
                    .flat_map(|(start, rest)| start.offset..rest.end.offset)
                    .collect();
                prop_assert_eq!(&found, &bytes);
                prop_assert_eq!(offset(unstored.first()), bytes.first().copied());
            }
        }
    }
}
