//! A session: a connection to RabbitMQ, with a consumer for each queue whose lease this worker
//! holds.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use lapin::Connection;
use platform::{
    amqp::{self, Topology},
    backoff::Backoff,
    health::DependencyHealth,
    service::Deadline,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{
    queue_consumer::{ConsumerParts, ConsumerSettings, QueueConsumer},
    queues::{EventQueues, QueueConsumers, QueueLeases},
    receipts::ReceiptSender,
    session_end::SessionEnd,
};
use crate::{
    ingest::BatchWriter,
    leases::{Leases, RENEWAL_INTERVAL},
    metrics::Metrics,
    progress::Progress,
};

/// A session that lasted longer than this was healthy: the next failure waits briefly.
const HEALTHY_SESSION: Duration = Duration::from_secs(10);

/// Consumes from RabbitMQ, session after session.
pub struct Worker {
    pub addresses: amqp::BrokerAddresses,
    pub heartbeat_s: u16,
    pub topology: Topology,
    pub leases: Leases,
    pub consumer_settings: ConsumerSettings,
    pub new_writer: Box<dyn Fn() -> BatchWriter + Send + Sync>,
    /// Limits how many batches all consumers store at the same time.
    pub store_permits: Arc<Semaphore>,
    pub pool: postgres::pool::Pool,
    pub receipts: ReceiptSender,
    pub progress: Progress,
    pub metrics: Metrics,
    pub amqp_health: DependencyHealth,
    pub stopping: CancellationToken,
    pub drain_timeout: Duration,
}

impl Worker {
    /// Consumes until `stopping` is cancelled. Then it finishes the current batches, unless
    /// they take longer than the drain timeout. Messages that are not acknowledged are
    /// delivered again.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut backoff = Backoff::default();
        let deadline = Deadline::after_cancellation(&self.stopping, self.drain_timeout);
        loop {
            let started = Instant::now();
            let end = tokio::select! {
                Err(end) = self.session() => end,
                () = deadline.reached() => {
                    tracing::warn!("a batch took longer than the drain timeout, stopping: its messages will be delivered again");
                    return Ok(());
                }
            };
            if let SessionEnd::Panicked(panic) = end {
                return Err(anyhow::Error::new(panic).context("a consumer panicked"));
            }
            if matches!(end, SessionEnd::Stopping) {
                QueueLeases::new(&self.leases).give_back_all().await;
                return Ok(());
            }
            self.metrics.session_failures.inc();
            self.amqp_health.mark_down(&end);
            if started.elapsed() > HEALTHY_SESSION {
                backoff.reset();
            }
            let retry_in = backoff.next_wait();
            let retry_in_ms = retry_in.as_millis();
            tracing::warn!(error = %end, retry_in_ms, "consumer session failed, reconnecting");
            tokio::select! {
                () = tokio::time::sleep(retry_in) => {}
                () = self.stopping.cancelled() => return Ok(()),
            }
        }
    }

    async fn session(&self) -> Result<Infallible, SessionEnd> {
        let addresses = self.addresses.with_heartbeat(self.heartbeat_s);
        let connecting = amqp::connect(&addresses, &self.topology, "click-worker");
        let (connection, _channel) = tokio::select! {
            connected = connecting => connected?,
            () = self.stopping.cancelled() => return Err(SessionEnd::Stopping),
        };
        let end = match self.consume_leased_queues(&connection).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        if matches!(end, SessionEnd::Stopping) {
            amqp::close(&connection).await;
        }
        Err(end)
    }

    /// Starts a consumer for each queue whose lease this worker holds, and stops the others.
    /// A lease is given back only after its consumer has ended, so that the next worker finds
    /// neither locked accounts nor messages that are partly stored.
    async fn consume_leased_queues(
        &self,
        connection: &Connection,
    ) -> Result<Infallible, SessionEnd> {
        let leases = QueueLeases::new(&self.leases);
        let mut consumers = QueueConsumers::default();
        let mut queues = EventQueues::new(self.topology.clone());
        loop {
            queues.refresh_if_due(connection).await?;
            match leases.share(queues.names()).await {
                Ok(share) => {
                    consumers.stop_all_except(&share.kept);
                    for queue in share.kept {
                        if consumers.is_free(&queue) {
                            let stop = self.stopping.child_token();
                            let consumer = self.open_consumer(connection, &queue, &stop).await?;
                            tracing::info!(queue, "consuming from RabbitMQ");
                            consumers.start(queue, consumer, stop);
                        }
                    }
                    for queue in share.surplus {
                        if consumers.is_free(&queue) {
                            leases.give_back(&queue).await;
                        }
                    }
                }
                // Leases only spread the queues fairly: without Postgres every worker keeps
                // its queues.
                Err(error) => tracing::debug!(error = %error, "renewing leases failed"),
            }
            self.amqp_health.mark_up();
            let n_queues = i64::try_from(consumers.n_running()).unwrap_or(i64::MAX);
            self.metrics.queues.set(n_queues);
            let renewal = tokio::time::sleep(RENEWAL_INTERVAL);
            tokio::pin!(renewal);
            loop {
                tokio::select! {
                    () = &mut renewal => break,
                    Some(ended) = consumers.next_ended() => leases.give_back(&ended?).await,
                    () = self.stopping.cancelled() => {
                        while let Some(ended) = consumers.next_ended().await {
                            ended?;
                        }
                        return Err(SessionEnd::Stopping);
                    }
                }
            }
            amqp::ensure_connected(connection)?;
        }
    }

    async fn open_consumer(
        &self,
        connection: &Connection,
        queue: &str,
        stop: &CancellationToken,
    ) -> Result<QueueConsumer, SessionEnd> {
        let parts = ConsumerParts {
            settings: self.consumer_settings,
            topology: self.topology.clone(),
            writer: (self.new_writer)(),
            store_permits: self.store_permits.clone(),
            pool: self.pool.clone(),
            receipts: self.receipts.clone(),
            consumer_progress: self.progress.add_consumer(),
            progress: self.progress.clone(),
            metrics: self.metrics.clone(),
            stop: stop.clone(),
        };
        QueueConsumer::open(connection, queue, parts).await
    }
}
