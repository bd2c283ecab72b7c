//! A connection's life: it consumes from the queues that this worker has leases of.
//!
//! What cannot be stored now is held and tried again, not requeued: the broker
//! counts redeliveries, and an outage of Postgres is not the messages' fault.
//! What can never be stored goes to the dead letters. Whatever goes wrong with
//! RabbitMQ ends the session; what was not acknowledged comes again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use lapin::Connection;
use platform::{
    amqp::{self, ConfirmError, ConnectError, Topology},
    backoff::Backoff,
    health::DependencyHealth,
    service::Deadline,
};
use tokio::{
    sync::Semaphore,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    consumer::{Consumer, ConsumerSettings},
    leases::{Leases, RENEWAL_INTERVAL, Share},
    metrics::Metrics,
    progress::Progress,
    receipts::Receipts,
    store::{Store, StoreError},
};

/// How often it is looked for queues beyond this worker's own setting.
const FURTHER_QUEUES_INTERVAL: Duration = Duration::from_secs(60);

/// The leases of queues begin with this.
const QUEUE_LEASE_PREFIX: &str = "queue:";

pub struct Worker {
    pub addresses: amqp::BrokerAddresses,
    pub heartbeat_s: u16,
    pub topology: Topology,
    pub leases: Leases,
    pub consumer_settings: ConsumerSettings,
    pub new_store: Box<dyn Fn() -> Store + Send + Sync>,
    /// Batches that are stored at once.
    pub storing: Arc<Semaphore>,
    pub pool: postgres::pool::Pool,
    pub receipts: Receipts,
    pub progress: Progress,
    pub metrics: Metrics,
    pub amqp_health: DependencyHealth,
    pub stopping: CancellationToken,
    pub drain_timeout: Duration,
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionEnd {
    #[error(transparent)]
    NotConnected(#[from] ConnectError),
    #[error("the connection to RabbitMQ failed: {0}")]
    Lost(#[from] lapin::Error),
    #[error("RabbitMQ ended the consumer of {0}: the queue is gone")]
    Cancelled(String),
    #[error("a dead letter was not confirmed: {0}")]
    DeadLetter(#[from] ConfirmError),
    #[error("a consumer panicked: {0}")]
    Panicked(#[from] JoinError),
    #[error("stopping")]
    Stopping,
}

impl Worker {
    /// Consumes until stopping; batches under way are finished first, if that
    /// takes no longer than the drain timeout. What is not acknowledged comes
    /// again.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut backoff = Backoff::default();
        let deadline = Deadline::after_cancellation(&self.stopping, self.drain_timeout);
        loop {
            let started = Instant::now();
            let end = tokio::select! {
                Err(end) = self.session() => end,
                () = deadline.reached() => {
                    tracing::warn!("stopping with a batch under way: it comes again");
                    return Ok(());
                }
            };
            if let SessionEnd::Panicked(panic) = end {
                return Err(anyhow::Error::new(panic).context("a consumer panicked"));
            }
            if matches!(end, SessionEnd::Stopping) {
                self.give_leases_back().await;
                return Ok(());
            }
            self.metrics.session_failures.inc();
            self.amqp_health.mark_down(&end);
            if started.elapsed() > Duration::from_secs(10) {
                backoff.reset();
            }
            let wait = backoff.next_wait();
            let wait_ms = wait.as_millis();
            tracing::warn!(error = %end, wait_ms, "consuming begins anew");
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stopping.cancelled() => return Ok(()),
            }
        }
    }

    async fn session(&self) -> Result<std::convert::Infallible, SessionEnd> {
        let addresses = self.addresses.with_heartbeat(self.heartbeat_s);
        let connecting = amqp::connect(&addresses, &self.topology, "click-worker");
        let (connection, _channel) = tokio::select! {
            connected = connecting => connected?,
            () = self.stopping.cancelled() => return Err(SessionEnd::Stopping),
        };
        let end = match self.consume_leased(&connection).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        if matches!(end, SessionEnd::Stopping) {
            amqp::close(&connection).await;
        }
        Err(end)
    }

    /// Starts a consumer for each queue that a lease is held of, and ends those of
    /// others. A lease is given back only after its consumer has ended, so that the next
    /// worker finds neither accounts locked nor messages that are half stored.
    async fn consume_leased(
        &self,
        connection: &Connection,
    ) -> Result<std::convert::Infallible, SessionEnd> {
        let mut consumers = Consumers::default();
        let mut queues = Queues::new(self.topology.clone());
        loop {
            queues.find_further(connection).await?;
            match self.share(&queues.names).await {
                Ok(share) => {
                    consumers.end_all_but(&share.kept);
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
                            self.give_lease_back(&queue).await;
                        }
                    }
                }
                // Leases are for speed: without Postgres all stays as it is.
                Err(error) => tracing::debug!(error = %error, "leases were not renewed"),
            }
            self.amqp_health.mark_up();
            let n_queues = i64::try_from(consumers.running.len()).unwrap_or(i64::MAX);
            self.metrics.queues.set(n_queues);
            let renewal = tokio::time::sleep(RENEWAL_INTERVAL);
            tokio::pin!(renewal);
            loop {
                tokio::select! {
                    () = &mut renewal => break,
                    Some(ended) = consumers.tasks.join_next() => {
                        let queue = consumers.note_end(ended?)?;
                        self.give_lease_back(&queue).await;
                    }
                    () = self.stopping.cancelled() => {
                        while let Some(ended) = consumers.tasks.join_next().await {
                            consumers.note_end(ended?)?;
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
    ) -> Result<Consumer, SessionEnd> {
        Consumer::open(
            connection,
            queue,
            crate::consumer::Parts {
                settings: self.consumer_settings,
                topology: self.topology.clone(),
                store: (self.new_store)(),
                places: self.storing.clone(),
                pool: self.pool.clone(),
                receipts: self.receipts.clone(),
                in_hand: self.progress.consumer(),
                progress: self.progress.clone(),
                metrics: self.metrics.clone(),
                stop: stop.clone(),
            },
        )
        .await
    }

    /// This worker's share of these queues.
    async fn share(&self, queues: &[String]) -> Result<Share, StoreError> {
        let names: Vec<_> = queues.iter().map(|queue| lease_name(queue)).collect();
        let share = match tokio::time::timeout(RENEWAL_INTERVAL, self.leases.share(&names)).await {
            Ok(share) => share?,
            Err(_) => return Err(StoreError::NoAnswer),
        };
        let queues = |names: BTreeSet<String>| {
            let queues = names.iter().filter_map(|name| queue_of_lease(name));
            queues.map(str::to_owned).collect()
        };
        Ok(Share {
            kept: queues(share.kept),
            surplus: queues(share.surplus),
        })
    }

    /// Without Postgres the lease is given back at one of the next renewals, or expires.
    async fn give_lease_back(&self, queue: &str) {
        let names = [lease_name(queue)];
        let giving = self.leases.give_back(&names);
        match tokio::time::timeout(RENEWAL_INTERVAL, giving).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => tracing::debug!(queue, "a lease was not given back"),
        }
    }

    async fn give_leases_back(&self) {
        let giving = self.leases.give_all_back();
        match tokio::time::timeout(RENEWAL_INTERVAL, giving).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => tracing::info!("leases were not given back: they expire soon"),
        }
    }
}

/// The queues that can be consumed from.
struct Queues {
    topology: Topology,
    names: Vec<String>,
    looked_at: Option<Instant>,
}

impl Queues {
    fn new(topology: Topology) -> Self {
        Self {
            topology,
            names: Vec::new(),
            looked_at: None,
        }
    }

    /// Looks for queues of redirectors that are set to more partitions, now and then.
    async fn find_further(&mut self, connection: &Connection) -> Result<(), SessionEnd> {
        let is_due = |at: Instant| at.elapsed() >= FURTHER_QUEUES_INTERVAL;
        if self.looked_at.is_none_or(is_due) {
            let own = self.topology.event_queues();
            let further = self
                .topology
                .find_extra_partition_queues(connection)
                .await?;
            let queues = own.into_iter().chain(further);
            self.names = queues.map(|queue| queue.to_string()).collect();
            self.looked_at = Some(Instant::now());
        }
        Ok(())
    }
}

/// The consumers of a session. Dropped, they end at once.
#[derive(Default)]
struct Consumers {
    /// By queue: what ends its consumer after the batch under way.
    running: BTreeMap<String, CancellationToken>,
    /// Queues whose consumers were told to end and have not ended yet.
    ending: BTreeSet<String>,
    /// Each answers its queue.
    tasks: JoinSet<(String, Result<(), SessionEnd>)>,
}

impl Consumers {
    /// Whether the queue has no consumer, not even one that is ending.
    fn is_free(&self, queue: &str) -> bool {
        !self.running.contains_key(queue) && !self.ending.contains(queue)
    }

    fn start(&mut self, queue: String, consumer: Consumer, stop: CancellationToken) {
        self.running.insert(queue.clone(), stop);
        self.tasks
            .spawn(async move { (queue, consumer.run().await) });
    }

    fn end_all_but(&mut self, leased: &BTreeSet<String>) {
        let others = self
            .running
            .extract_if(.., |queue, _| !leased.contains(queue));
        for (queue, stop) in others {
            tracing::info!(queue, "leaving this queue to another worker");
            stop.cancel();
            self.ending.insert(queue);
        }
    }

    /// The queue of a consumer that has ended, or why it failed.
    fn note_end(
        &mut self,
        (queue, result): (String, Result<(), SessionEnd>),
    ) -> Result<String, SessionEnd> {
        result?;
        self.running.remove(&queue);
        self.ending.remove(&queue);
        Ok(queue)
    }
}

fn lease_name(queue: &str) -> String {
    format!("{QUEUE_LEASE_PREFIX}{queue}")
}

fn queue_of_lease(name: &str) -> Option<&str> {
    name.strip_prefix(QUEUE_LEASE_PREFIX)
}
