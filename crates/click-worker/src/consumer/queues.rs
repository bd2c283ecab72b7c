//! The queues that a worker consumes from: which exist, which are its share, and the
//! consumers that it runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use lapin::Connection;
use platform::amqp::Topology;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{queue_consumer::QueueConsumer, session_end::SessionEnd};
use crate::{
    ingest::StoreError,
    leases::{Leases, RENEWAL_INTERVAL, Share},
};

/// How often a worker looks for queues beyond its own setting.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);

/// The names of the leases of queues begin with this.
const QUEUE_LEASE_PREFIX: &str = "queue:";

/// The queues that events are published to.
pub struct EventQueues {
    topology: Topology,
    names: Vec<String>,
    refreshed_at: Option<Instant>,
}

impl EventQueues {
    pub fn new(topology: Topology) -> Self {
        Self {
            topology,
            names: Vec::new(),
            refreshed_at: None,
        }
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Looks now and then for queues of redirectors that have more partitions configured.
    pub async fn refresh_if_due(&mut self, connection: &Connection) -> Result<(), SessionEnd> {
        let is_due = |at: Instant| at.elapsed() >= REFRESH_INTERVAL;
        if self.refreshed_at.is_none_or(is_due) {
            let configured = self.topology.event_queues();
            let extra = self
                .topology
                .find_extra_partition_queues(connection)
                .await?;
            let queues = configured.into_iter().chain(extra);
            self.names = queues.map(|queue| queue.to_string()).collect();
            self.refreshed_at = Some(Instant::now());
        }
        Ok(())
    }
}

/// The leases of queues, by the names of the queues.
pub struct QueueLeases<'l>(&'l Leases);

impl<'l> QueueLeases<'l> {
    pub fn new(leases: &'l Leases) -> Self {
        Self(leases)
    }

    /// Renews leases and returns this worker's share of the queues.
    pub async fn share(&self, queues: &[String]) -> Result<Share, StoreError> {
        let names: Vec<_> = queues.iter().map(|queue| lease_name(queue)).collect();
        let share = match tokio::time::timeout(RENEWAL_INTERVAL, self.0.share(&names)).await {
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

    /// Gives a lease back. If Postgres is unavailable, this happens at one of the next
    /// renewals, or the lease expires.
    pub async fn give_back(&self, queue: &str) {
        let names = [lease_name(queue)];
        let giving_back = self.0.give_back(&names);
        match tokio::time::timeout(RENEWAL_INTERVAL, giving_back).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => tracing::debug!(queue, "giving a lease back failed"),
        }
    }

    pub async fn give_back_all(&self) {
        let giving_back = self.0.give_back_all();
        match tokio::time::timeout(RENEWAL_INTERVAL, giving_back).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => {
                tracing::info!("giving the leases back failed, leaving them to expire");
            }
        }
    }
}

fn lease_name(queue: &str) -> String {
    format!("{QUEUE_LEASE_PREFIX}{queue}")
}

fn queue_of_lease(name: &str) -> Option<&str> {
    name.strip_prefix(QUEUE_LEASE_PREFIX)
}

/// The consumers of a session. Dropping it ends them at once.
#[derive(Default)]
pub struct QueueConsumers {
    /// By queue: the token that makes its consumer stop after the current batch.
    running: BTreeMap<String, CancellationToken>,
    /// Queues whose consumers were told to stop and have not ended yet.
    stopping: BTreeSet<String>,
    /// Each returns its queue.
    tasks: JoinSet<(String, Result<(), SessionEnd>)>,
}

impl QueueConsumers {
    pub fn n_running(&self) -> usize {
        self.running.len()
    }

    /// Whether the queue has no consumer, not even one that is stopping.
    pub fn is_free(&self, queue: &str) -> bool {
        !self.running.contains_key(queue) && !self.stopping.contains(queue)
    }

    pub fn start(&mut self, queue: String, consumer: QueueConsumer, stop: CancellationToken) {
        self.running.insert(queue.clone(), stop);
        self.tasks
            .spawn(async move { (queue, consumer.run().await) });
    }

    pub fn stop_all_except(&mut self, leased: &BTreeSet<String>) {
        let others = self
            .running
            .extract_if(.., |queue, _| !leased.contains(queue));
        for (queue, stop) in others {
            tracing::info!(queue, "leaving this queue to another worker");
            stop.cancel();
            self.stopping.insert(queue);
        }
    }

    /// Waits for the next consumer that ends, and returns its queue. `None` if there is no
    /// consumer.
    pub async fn next_ended(&mut self) -> Option<Result<String, SessionEnd>> {
        let joined = self.tasks.join_next().await?;
        Some(
            joined
                .map_err(SessionEnd::from)
                .and_then(|(queue, result)| {
                    result?;
                    self.running.remove(&queue);
                    self.stopping.remove(&queue);
                    Ok(queue)
                }),
        )
    }
}
