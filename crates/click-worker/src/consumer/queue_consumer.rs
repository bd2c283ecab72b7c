//! Consuming from one queue: collect events, store them, acknowledge their messages. While
//! one batch is stored, the next one is received.
//!
//! Events of an account whose lock is not free are kept, with their messages not
//! acknowledged, while the others are stored. They are retried together with the events that
//! have arrived in the meantime.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use lapin::Connection;
use platform::amqp::Topology;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::Instrument as _;

use super::{
    batch::oldest_time,
    bisect::BatchStorer,
    intake::{Intake, IntakeLimits, IntakeParts},
    receipts::ReceiptSender,
    session_end::SessionEnd,
};
use crate::{
    ingest::BatchWriter,
    metrics::Metrics,
    progress::{ConsumerProgress, Progress},
};

/// How long a consumer that was told to stop tries to store the rest of messages that are
/// partly stored. The next consumer of the queue waits for it.
const LAST_BATCHES_TIMEOUT: Duration = Duration::from_secs(1);

/// How long events of contended accounts wait for more events to arrive.
const CONTENDED_LINGER: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy)]
pub struct ConsumerSettings {
    pub prefetch: u16,
    pub batch_max_events: usize,
    pub linger: Duration,
}

/// What a [`QueueConsumer`] uses.
pub struct ConsumerParts {
    pub settings: ConsumerSettings,
    pub topology: Topology,
    pub writer: BatchWriter,
    /// Limits how many batches all consumers store at the same time.
    pub store_permits: Arc<Semaphore>,
    pub pool: postgres::pool::Pool,
    pub receipts: ReceiptSender,
    pub consumer_progress: ConsumerProgress,
    pub progress: Progress,
    pub metrics: Metrics,
    pub stop: CancellationToken,
}

pub struct QueueConsumer {
    intake: Intake,
    storer: BatchStorer,
    linger: Duration,
    store_permits: Arc<Semaphore>,
    progress: ConsumerProgress,
    stop: CancellationToken,
    /// When the consumer noticed that it was told to stop.
    stopped_at: Option<Instant>,
}

impl QueueConsumer {
    pub async fn open(
        connection: &Connection,
        queue: &str,
        parts: ConsumerParts,
    ) -> Result<Self, SessionEnd> {
        let intake = IntakeParts {
            limits: IntakeLimits {
                prefetch: parts.settings.prefetch,
                batch_max_events: parts.settings.batch_max_events,
            },
            topology: parts.topology,
            receipts: parts.receipts,
            metrics: parts.metrics.clone(),
        };
        let storer = BatchStorer::new(
            queue,
            parts.writer,
            parts.pool,
            parts.progress,
            parts.metrics,
            parts.stop.clone(),
        );
        Ok(Self {
            intake: Intake::open(connection, queue, intake).await?,
            storer,
            linger: parts.settings.linger,
            store_permits: parts.store_permits,
            progress: parts.consumer_progress,
            stop: parts.stop,
            stopped_at: None,
        })
    }

    /// Consumes until it is told to stop. Then it finishes the current batch, and the messages
    /// that are partly stored; the other messages return to the queue.
    pub async fn run(mut self) -> Result<(), SessionEnd> {
        while let Some(permit) = self.collect_batch().await? {
            let span = self.intake.batch_span();
            let events = std::mem::take(&mut self.intake.pending);
            let oldest = oldest_time(&events);
            // In a task of its own, storing does not wait while messages are decoded.
            let mut storer = self.storer;
            let task = async move {
                let result = storer.store_events(events).await;
                (storer, result)
            };
            let mut task = AbortOnDropHandle::new(tokio::spawn(task.instrument(span)));
            let result = loop {
                tokio::select! {
                    biased;
                    ended = &mut task => {
                        let (storer, result) = ended?;
                        self.storer = storer;
                        break result;
                    }
                    next = self.intake.deliveries.next(),
                        if self.intake.has_room() && !self.stop.is_cancelled() =>
                    {
                        self.intake.receive(next).await?;
                        self.progress.set_oldest_unstored(oldest);
                    }
                }
            };
            drop(permit);
            let result = match result {
                // The consumer was told to stop while Postgres was unavailable.
                Err(SessionEnd::Stopping) => break,
                result => result?,
            };
            self.intake.finish_batch(result).await?;
            let oldest = oldest_time(&self.intake.pending);
            self.progress.set_oldest_unstored(oldest);
        }
        self.intake.close().await
    }

    /// Waits for events, and for more of them until the batch is large enough or the first has
    /// waited for the linger time and a permit to store is free. `None` if the consumer was
    /// told to stop.
    async fn collect_batch(&mut self) -> Result<Option<OwnedSemaphorePermit>, SessionEnd> {
        let intake = &mut self.intake;
        // Events that are pending already are those of contended accounts.
        let mut linger = CONTENDED_LINGER;
        while intake.pending.is_empty() {
            tokio::select! {
                next = intake.deliveries.next() => intake.receive(next).await?,
                () = self.stop.cancelled() => return Ok(None),
            }
            linger = self.linger;
        }
        if self.stop.is_cancelled() {
            return Ok(self.collect_last_batch().await);
        }
        let oldest = oldest_time(&intake.pending);
        self.progress.set_oldest_unstored(oldest);
        let linger = tokio::time::sleep(linger);
        tokio::pin!(linger);
        while intake.has_room() {
            tokio::select! {
                // Messages that have arrived belong to the batch even if the time is over.
                biased;
                () = self.stop.cancelled() => return Ok(self.collect_last_batch().await),
                next = intake.deliveries.next() => intake.receive(next).await?,
                () = &mut linger => break,
            }
        }
        match self.wait_for_permit().await? {
            Some(permit) => Ok(Some(permit)),
            None => Ok(self.collect_last_batch().await),
        }
    }

    /// Waits for a permit to store, and receives further messages meanwhile. `None` if the
    /// consumer was told to stop.
    ///
    /// When it returns, its place in the line for permits is given up: a permit that was
    /// granted to a line's place which nobody polls any more would be lost for all consumers.
    async fn wait_for_permit(&mut self) -> Result<Option<OwnedSemaphorePermit>, SessionEnd> {
        let permit = self.store_permits.clone().acquire_owned();
        tokio::pin!(permit);
        loop {
            tokio::select! {
                biased;
                // Another worker may have a permit free at once.
                () = self.stop.cancelled() => return Ok(None),
                permit = &mut permit => {
                    return Ok(Some(permit.expect("the semaphore is never closed")));
                }
                next = self.intake.deliveries.next(), if self.intake.has_room() => {
                    self.intake.receive(next).await?;
                }
            }
        }
    }

    /// Leaves only the rest of the messages that are partly stored, for a consumer that was
    /// told to stop. `None` if there is no such message, or if the consumer has tried for long
    /// enough.
    async fn collect_last_batch(&mut self) -> Option<OwnedSemaphorePermit> {
        let stopped_at = *self.stopped_at.get_or_insert_with(Instant::now);
        self.intake.forget_untouched_messages();
        if self.intake.pending.is_empty() || stopped_at.elapsed() > LAST_BATCHES_TIMEOUT {
            return None;
        }
        // A moment ago another transaction had the locks of their accounts.
        tokio::time::sleep(CONTENDED_LINGER).await;
        let permit = self.store_permits.clone().acquire_owned().await;
        Some(permit.expect("the semaphore is never closed"))
    }
}
