//! A message: the events of one partition from one batch of the spool, and the id by which
//! receipts name it.

use std::collections::BTreeMap;

use domain::partition::partition_of_line;
use lapin::types::ShortString;

use crate::spool::{Batch, Position};

/// A range of one segment of the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolRange {
    pub start: Position,
    pub end: Position,
}

/// Identifies a message: the events of one partition in a range of the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageId {
    pub partition: u16,
    pub range: SpoolRange,
}

/// The events of one partition, a line each.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PartitionLines {
    pub lines: Vec<u8>,
    pub n_events: usize,
}

/// Splits a batch by the partitions of the events' accounts; keeps the order of the lines.
pub fn split_by_partition(batch: &Batch, n_partitions: u16) -> BTreeMap<u16, PartitionLines> {
    let mut partitions: BTreeMap<u16, PartitionLines> = BTreeMap::new();
    for line in batch.bytes.split_inclusive(|&byte| byte == b'\n') {
        let partition = partitions
            .entry(partition_of_line(line, n_partitions))
            .or_default();
        partition.lines.extend_from_slice(line);
        partition.n_events += 1;
    }
    partitions
}

impl MessageId {
    pub fn new(partition: u16, batch: &Batch) -> Self {
        let range = SpoolRange {
            start: batch.start,
            end: batch.end,
        };
        Self { partition, range }
    }

    /// The AMQP correlation id: `<process id>:<segment>:<start>:<end>:<partition>`. The
    /// process id tells the messages of this process from those of an earlier one, which
    /// may have used the same positions.
    pub fn correlation_id(self, process_id: &str) -> ShortString {
        let Self { partition, range } = self;
        let (segment, start, end) = (range.start.segment, range.start.offset, range.end.offset);
        format!("{process_id}:{segment}:{start}:{end}:{partition}").into()
    }

    /// Parses a correlation id; `None` if it is not one of this process.
    pub fn parse(correlation_id: &str, process_id: &str) -> Option<Self> {
        let numbers = correlation_id.strip_prefix(process_id)?.strip_prefix(':')?;
        let mut numbers = numbers.split(':');
        let mut next_number = || numbers.next()?.parse().ok();
        let (segment, start, end) = (next_number()?, next_number()?, next_number()?);
        let partition = numbers.next()?.parse().ok()?;
        let position = |offset| Position { segment, offset };
        let range = SpoolRange {
            start: position(start),
            end: position(end),
        };
        (start < end).then_some(Self { partition, range })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correlation_id_has_the_process_the_range_and_the_partition() {
        let position = |offset| Position { segment: 7, offset };
        let range = SpoolRange {
            start: position(8),
            end: position(4096),
        };
        let id = MessageId {
            partition: 3,
            range,
        };
        let text = id.correlation_id("00ff");
        assert_eq!(text.as_str(), "00ff:7:8:4096:3");
        assert_eq!(MessageId::parse(text.as_str(), "00ff"), Some(id));
        for invalid in [
            "00fe:7:8:4096:3",
            "00ff:7:8:4096",
            "00ff:7:8:8:3",
            "00ff:7:x:9:3",
            "00ff:7:8:4096:-1",
            "",
        ] {
            assert_eq!(MessageId::parse(invalid, "00ff"), None, "{invalid}");
        }
    }
}
