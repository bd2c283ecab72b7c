//! One session on one connection: fills the window with messages, handles confirms and
//! receipts, and deletes what is stored from the spool.

mod blocking;
mod publish;
mod resend;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use domain::event::MAX_EVENTS_PER_MESSAGE;
use lapin::{Channel, Connection, PublisherConfirm};
use platform::amqp;
use tokio::sync::watch;

use super::{
    Publisher,
    confirm_barrier::{ConfirmBarrier, ConfirmedMessage},
    error::SessionError,
    message::MessageId,
    progress::Progress,
    receipts::ReceiptConsumer,
};
use crate::spool::{Batch, Position, Reader};

/// How long a message waits for further events after its first.
const LINGER: Duration = Duration::from_millis(5);
/// Largest message, in bytes: brokers handle messages of this size well.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;
/// Largest number of unconfirmed messages.
const WINDOW: usize = 64;
/// After this long without a click the last segment is closed and deleted.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a waiting session checks the timeouts and the broker's state.
const TICK: Duration = Duration::from_millis(250);
/// How long a stopping session waits for receipts. Events without one stay in the spool
/// and are resent after the next start.
const RECEIPTS_TIMEOUT_AT_STOP: Duration = Duration::from_secs(1);

pub(super) struct Session<'p> {
    publisher: &'p Publisher,
    connection: &'p Connection,
    channel: Channel,
    /// ConfirmError messages, oldest first.
    window: VecDeque<UnconfirmedMessage>,
    confirm_barrier: ConfirmBarrier,
    receipts: ReceiptConsumer,
    /// The range that is being resent, and the reader of its events.
    resend_range: Option<MessageId>,
    resend_reader: Reader,
    durable_end: watch::Receiver<Position>,
    /// Whether the broker blocks publishers.
    is_blocked: bool,
}

struct UnconfirmedMessage {
    confirm: PublisherConfirm,
    /// As in [`ConfirmedMessage`].
    batch_end: Option<Position>,
    n_events: usize,
    published_at: Instant,
}

impl<'p> Session<'p> {
    pub fn new(
        publisher: &'p Publisher,
        connection: &'p Connection,
        channel: Channel,
        receipts: ReceiptConsumer,
    ) -> Self {
        Self {
            publisher,
            connection,
            channel,
            window: VecDeque::with_capacity(WINDOW),
            confirm_barrier: ConfirmBarrier::default(),
            receipts,
            resend_range: None,
            resend_reader: publisher.spool.reader(),
            durable_end: publisher.spool.durable_end(),
            is_blocked: false,
        }
    }

    /// Publishes until the spool is stopped and all its events are confirmed.
    pub async fn run(
        &mut self,
        reader: &mut Reader,
        progress: &mut Progress,
    ) -> Result<(), SessionError> {
        let mut idle_since = Instant::now();
        let mut all_confirmed_at = None;
        loop {
            let is_stopping = self.publisher.spool_stopped.is_cancelled();
            self.durable_end.mark_unchanged();
            self.handle_receipts(progress);
            let all_published = self.fill_window(reader, progress).await?;
            let spool_bytes = i64::try_from(self.publisher.spool.bytes()).unwrap_or(i64::MAX);
            self.publisher.metrics.spool_bytes.set(spool_bytes);
            if let Some(oldest) = self.window.front_mut() {
                let confirm = &mut oldest.confirm;
                let more_events = self.durable_end.changed();
                tokio::select! {
                    result = confirm => {
                        amqp::check_confirmation(result)?;
                        self.confirm_oldest(progress);
                    }
                    _ = more_events, if all_published => tokio::time::sleep(LINGER).await,
                    () = tokio::time::sleep(TICK) => {}
                }
                self.check_broker()?;
                idle_since = Instant::now();
                continue;
            }
            if !all_published {
                continue;
            }
            let all_stored = progress.unacknowledged.first().is_none();
            let spool = &self.publisher.spool;
            if is_stopping {
                let all_confirmed_at = all_confirmed_at.get_or_insert_with(Instant::now);
                if all_stored {
                    spool.delete_through(reader.position());
                    return Ok(());
                }
                // The broker may still lose what no worker has stored: it stays in the spool.
                if all_confirmed_at.elapsed() >= RECEIPTS_TIMEOUT_AT_STOP {
                    return Ok(());
                }
            }
            if idle_since.elapsed() >= IDLE_TIMEOUT && all_stored && spool.bytes() > 0 {
                spool.close_segment_at(reader.position());
                spool.delete_through(reader.position());
            }
            tokio::select! {
                _ = self.durable_end.changed() => {
                    idle_since = Instant::now();
                    tokio::time::sleep(LINGER).await;
                }
                () = self.publisher.spool_stopped.cancelled(), if !is_stopping => {}
                () = self.receipts.wait_for_next() => {}
                () = tokio::time::sleep(TICK) => self.check_broker()?,
            }
        }
    }

    /// Ends the receipt consumer after a session that ended without an error.
    pub async fn stop_receipts(&mut self) {
        self.receipts.stop().await;
    }

    /// Publishes until the window is full or all events are published; returns true for
    /// the latter.
    async fn fill_window(
        &mut self,
        reader: &mut Reader,
        progress: &mut Progress,
    ) -> Result<bool, SessionError> {
        self.resend_unstored(progress).await?;
        while self.window.len() < WINDOW {
            let Some(batch) = reader.next_batch(MAX_EVENTS_PER_MESSAGE, MAX_MESSAGE_BYTES)? else {
                return Ok(true);
            };
            self.count_damage(&batch);
            if batch.n_records > 0 {
                self.publish_batch(&batch, progress).await?;
            }
        }
        Ok(false)
    }

    fn count_damage(&self, batch: &Batch) {
        let metrics = &self.publisher.metrics;
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        metrics.spool_damaged_ranges.inc_by(count(batch.n_damaged));
        metrics
            .spool_unreadable_ranges
            .inc_by(count(batch.n_unreadable));
    }

    fn confirm_oldest(&mut self, progress: &mut Progress) {
        if let Some(oldest) = self.window.pop_front() {
            self.confirm_barrier.message_confirmed(ConfirmedMessage {
                batch_end: oldest.batch_end,
                n_events: oldest.n_events,
            });
        }
        while let Some(message) = self.confirm_barrier.pop_certain() {
            let n_events = u64::try_from(message.n_events).unwrap_or(u64::MAX);
            self.publisher.metrics.published_messages.inc();
            self.publisher.metrics.published_events.inc_by(n_events);
            progress.confirmed_end = message.batch_end.unwrap_or(progress.confirmed_end);
        }
        self.delete_from_spool(progress);
    }

    fn handle_receipts(&mut self, progress: &mut Progress) {
        let mut has_receipts = false;
        while let Some(stored_messages) = self.receipts.try_next() {
            for id in stored_messages {
                progress.unacknowledged.remove_stored(id, Instant::now());
                has_receipts = true;
            }
        }
        if has_receipts {
            self.delete_from_spool(progress);
        }
    }

    /// Deletes the stored events from the spool, and, if the spool has too many bytes, the
    /// oldest confirmed events.
    fn delete_from_spool(&self, progress: &mut Progress) {
        let spool = &self.publisher.spool;
        let first_unstored = progress.unacknowledged.first();
        let first_unstored = first_unstored.unwrap_or(progress.confirmed_end);
        spool.delete_through(first_unstored.min(progress.confirmed_end));
        // A full disk needs the room at once.
        let keep_bytes = match spool.last_write_failed() {
            true => 0,
            false => self.publisher.settings.keep_confirmed_bytes,
        };
        if let Some(spool_start) = spool.shrink_to(keep_bytes, progress.confirmed_end) {
            progress.unacknowledged.remove_before(spool_start);
        }
    }
}
