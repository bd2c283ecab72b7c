//! A connection's life: it consumes from the queues that this worker has leases of.
//!
//! What cannot be stored now is held and tried again, not requeued: the broker
//! counts redeliveries, and an outage of Postgres is not the messages' fault.
//! What can never be stored goes to the dead letters. Whatever goes wrong with
//! RabbitMQ ends the session; what was not acknowledged comes again.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
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
    leases::{Leases, RENEWAL_INTERVAL},
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
    /// others.
    async fn consume_leased(
        &self,
        connection: &Connection,
    ) -> Result<std::convert::Infallible, SessionEnd> {
        let mut consumers = Consumers::default();
        let mut queues = Queues::new(self.topology.clone());
        loop {
            queues.find_further(connection).await?;
            let leased = match self.share(&queues.names).await {
                Ok(leased) => leased,
                // Leases are for speed: without Postgres all stays as it is.
                Err(error) => {
                    tracing::debug!(error = %error, "leases were not renewed");
                    consumers.running.keys().cloned().collect()
                }
            };
            consumers.end_all_but(&leased);
            for queue in leased {
                if let Entry::Vacant(vacant) = consumers.running.entry(queue) {
                    let queue = vacant.key();
                    let stop = self.stopping.child_token();
                    let consumer = self.open_consumer(connection, queue, &stop).await?;
                    tracing::info!(queue, "consuming from RabbitMQ");
                    vacant.insert(stop);
                    consumers.tasks.spawn(consumer.run());
                }
            }
            self.amqp_health.mark_up();
            let n_queues = i64::try_from(consumers.running.len()).unwrap_or(i64::MAX);
            self.metrics.queues.set(n_queues);
            let renewal = tokio::time::sleep(RENEWAL_INTERVAL);
            tokio::pin!(renewal);
            loop {
                tokio::select! {
                    () = &mut renewal => break,
                    Some(ended) = consumers.tasks.join_next() => ended??,
                    () = self.stopping.cancelled() => {
                        while let Some(ended) = consumers.tasks.join_next().await {
                            ended??;
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

    /// The queues, of these, that this worker has leases of.
    async fn share(&self, queues: &[String]) -> Result<BTreeSet<String>, StoreError> {
        let names: Vec<_> = queues
            .iter()
            .map(|queue| format!("{QUEUE_LEASE_PREFIX}{queue}"))
            .collect();
        let held = match tokio::time::timeout(RENEWAL_INTERVAL, self.leases.share(&names)).await {
            Ok(held) => held?,
            Err(_) => return Err(StoreError::NoAnswer),
        };
        let queues = held
            .iter()
            .filter_map(|name| name.strip_prefix(QUEUE_LEASE_PREFIX));
        Ok(queues.map(str::to_owned).collect())
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
    /// By queue: what ends it after the batch under way.
    running: BTreeMap<String, CancellationToken>,
    tasks: JoinSet<Result<(), SessionEnd>>,
}

impl Consumers {
    fn end_all_but(&mut self, leased: &BTreeSet<String>) {
        self.running.retain(|queue, stop| {
            let is_leased = leased.contains(queue);
            if !is_leased {
                tracing::info!(queue, "another worker consumes from this queue");
                stop.cancel();
            }
            is_leased
        });
    }
}
