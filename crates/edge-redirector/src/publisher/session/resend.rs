//! Resends confirmed events that no worker stored: the broker has probably lost them.

use std::time::Instant;

use domain::event::MAX_EVENTS_PER_MESSAGE;

use super::{
    super::{
        error::SessionError,
        message::{MessageId, SpoolRange, split_by_partition},
        progress::Progress,
    },
    MAX_MESSAGE_BYTES, Session, WINDOW,
    publish::Message,
};
use crate::spool::Batch;

impl Session<'_> {
    /// Resends at most one message, if a range is due and the window has room: new events
    /// must not wait until all old ones are resent.
    pub(super) async fn resend_unstored(
        &mut self,
        progress: &mut Progress,
    ) -> Result<(), SessionError> {
        if self.window.len() >= WINDOW {
            return Ok(());
        }
        let Some(resend_range) = self.resend_range.or_else(|| self.start_resend(progress)) else {
            return Ok(());
        };
        let batch = self
            .resend_reader
            .next_batch(MAX_EVENTS_PER_MESSAGE, MAX_MESSAGE_BYTES)?;
        if let Some(batch) = &batch {
            self.count_damage(batch);
        }
        match batch {
            Some(batch) if batch.start < resend_range.range.end => {
                self.resend_batch(&batch, resend_range, progress).await
            }
            // The segment was deleted meanwhile or cannot be opened any more, so there is
            // nothing to resend.
            _ => {
                progress.unacknowledged.remove_unreadable(resend_range);
                self.resend_range = None;
                Ok(())
            }
        }
    }

    /// Starts to resend the next range that is due.
    fn start_resend(&mut self, progress: &mut Progress) -> Option<MessageId> {
        self.resend_range = progress.unacknowledged.next_to_resend(Instant::now());
        let MessageId { partition, range } = self.resend_range?;
        self.resend_reader.seek(range.start);
        tracing::warn!(
            partition,
            segment = range.start.segment,
            bytes = range.end.offset - range.start.offset,
            "resending confirmed events that no worker stored"
        );
        self.resend_range
    }

    /// Resends the events of the range's partition in a batch.
    async fn resend_batch(
        &mut self,
        batch: &Batch,
        resend_range: MessageId,
        progress: &mut Progress,
    ) -> Result<(), SessionError> {
        let MessageId { partition, range } = resend_range;
        if batch.n_unreadable > 0 {
            // Events of the batch that could be read are added again when they are published.
            let unreadable = SpoolRange {
                start: range.start,
                end: range.end.min(batch.end),
            };
            progress.unacknowledged.remove_unreadable(MessageId {
                partition,
                range: unreadable,
            });
        }
        if batch.end >= range.end {
            self.resend_range = None;
        }
        let n_partitions = self.publisher.settings.topology.n_partitions;
        let Some(content) = split_by_partition(batch, n_partitions).remove(&partition) else {
            return Ok(());
        };
        let n_events = u64::try_from(content.n_events).unwrap_or(u64::MAX);
        self.publisher.metrics.resent_events.inc_by(n_events);
        let message = Message {
            id: MessageId::new(partition, batch),
            content,
            batch_end: None,
        };
        self.publish(message, progress).await
    }
}
