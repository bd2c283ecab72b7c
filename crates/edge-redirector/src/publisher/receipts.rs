//! Consumes the store receipts of workers.
//!
//! A message has a `reply_to`, this process's queue of receipts, and a
//! `correlation_id` with its range in the spool and its partition (see `message`). The body
//! of a receipt has the correlation ids of stored messages, a line each. Receipts are not
//! acknowledged: if one is lost, its message is resent and the worker sends another.
//!
//! Publishing does not wait for receipts: a task declares their queue and consumes from
//! it on a channel of its own. After every failure it declares a queue with another name,
//! since the broker that had the last queue may be down with it for any time. Messages
//! that name a queue without a consumer are resent like others without a receipt.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use lapin::{
    Channel, Connection, Consumer,
    options::{BasicConsumeOptions, QueueDeleteOptions},
    types::{FieldTable, ShortString},
};
use platform::{amqp::Topology, backoff::Backoff};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::message::MessageId;
use crate::metrics::Metrics;

/// How long declaring the queue and starting the consumer may take, and deleting the queue.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Receipts that the task may be ahead of the session.
const MAX_QUEUED_RECEIPTS: usize = 1024;

/// The handle of the task that consumes receipts. Dropping it aborts the task.
pub struct ReceiptConsumer {
    queue_name: watch::Receiver<ShortString>,
    /// The stored messages of each receipt.
    receipts: mpsc::Receiver<Vec<MessageId>>,
    /// The receipt that `wait_for_next` has received.
    next_receipt: Option<Vec<MessageId>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl ReceiptConsumer {
    pub fn start(
        connection: Arc<Connection>,
        topology: Topology,
        process_id: String,
        metrics: Metrics,
    ) -> Self {
        let (receipt_sender, receipts) = mpsc::channel(MAX_QUEUED_RECEIPTS);
        let first_name = new_queue_name(&topology, &process_id);
        let (queue_names, queue_name) = watch::channel(first_name);
        let stop = CancellationToken::new();
        let task = ConsumerTask {
            connection,
            topology,
            process_id,
            metrics,
            queue_names,
            receipts: receipt_sender,
            stop: stop.clone(),
        };
        Self {
            queue_name,
            receipts,
            next_receipt: None,
            stop,
            task: tokio::spawn(task.run()),
        }
    }

    /// The queue for the receipts of the next message.
    pub fn queue(&self) -> ShortString {
        self.queue_name.borrow().clone()
    }

    /// Waits until `try_next` has a receipt.
    pub async fn wait_for_next(&mut self) {
        if self.next_receipt.is_none() {
            match self.receipts.recv().await {
                Some(receipt) => self.next_receipt = Some(receipt),
                None => std::future::pending().await,
            }
        }
    }

    /// The stored messages of the next receipt, if one has arrived.
    pub fn try_next(&mut self) -> Option<Vec<MessageId>> {
        let next_receipt = self.next_receipt.take();
        next_receipt.or_else(|| self.receipts.try_recv().ok())
    }

    /// Ends the task after a session without an error; deletes the queue, which nobody
    /// needs any more.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        if let Err(error) = (&mut self.task).await {
            tracing::warn!(error.message = %error, "the receipt consumer task failed");
        }
    }
}

impl Drop for ReceiptConsumer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A queue name that was not used before.
fn new_queue_name(topology: &Topology, process_id: &str) -> ShortString {
    topology.receipts_queue(&format!("{process_id}.{:08x}", rand::random::<u32>()))
}

/// Why receipts are not consumed.
#[derive(Debug, thiserror::Error)]
enum ConsumeError {
    #[error("{0}")]
    Amqp(#[from] lapin::Error),
    #[error("RabbitMQ did not answer within {} s", CALL_TIMEOUT.as_secs())]
    Timeout,
    #[error("RabbitMQ cancelled the consumer: the queue was deleted")]
    QueueDeleted,
}

struct ConsumerTask {
    connection: Arc<Connection>,
    topology: Topology,
    process_id: String,
    metrics: Metrics,
    queue_names: watch::Sender<ShortString>,
    receipts: mpsc::Sender<Vec<MessageId>>,
    stop: CancellationToken,
}

impl ConsumerTask {
    async fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            let queue = self.queue_names.borrow().clone();
            let error = match declare_and_consume(&self.connection, &queue).await {
                Ok((channel, consumer)) => {
                    backoff.reset();
                    tokio::select! {
                        error = self.forward_receipts(consumer) => error,
                        () = self.stop.cancelled() => return delete_queue(&channel, queue).await,
                    }
                }
                Err(error) => error,
            };
            // Messages that are published from now on name the next queue.
            self.queue_names
                .send_replace(new_queue_name(&self.topology, &self.process_id));
            tokio::select! {
                () = tokio::time::sleep(backoff.next_wait()) => {}
                () = self.stop.cancelled() => return,
            }
            // If the connection is lost, the session reports it and aborts this task.
            if self.connection.status().connected() {
                self.metrics.receipt_consumer_failures.inc();
                tracing::warn!(
                    error.message = %error,
                    "receipt consumer failed, declaring another queue; clicks stay in the spool"
                );
            }
        }
    }

    /// Forwards receipts to the session until the consumer fails.
    async fn forward_receipts(&self, mut consumer: Consumer) -> ConsumeError {
        loop {
            let delivery = match consumer.next().await {
                Some(Ok(delivery)) => delivery,
                Some(Err(error)) => return error.into(),
                None => return ConsumeError::QueueDeleted,
            };
            let body = String::from_utf8_lossy(&delivery.data);
            let stored_messages = body
                .lines()
                .filter_map(|id| MessageId::parse(id, &self.process_id));
            if self.receipts.send(stored_messages.collect()).await.is_err() {
                // The session has dropped the receiver and is about to abort this task.
                std::future::pending::<()>().await;
            }
        }
    }
}

async fn declare_and_consume(
    connection: &Connection,
    queue: &ShortString,
) -> Result<(Channel, Consumer), ConsumeError> {
    let consuming = async {
        let channel = connection.create_channel().await?;
        Topology::declare_receipts_queue(&channel, queue).await?;
        let options = BasicConsumeOptions {
            no_ack: true,
            ..Default::default()
        };
        let arguments = FieldTable::default();
        let consumer = channel.basic_consume(queue.clone(), "".into(), options, arguments);
        let consumer = consumer.await?;
        Ok((channel, consumer))
    };
    match tokio::time::timeout(CALL_TIMEOUT, consuming).await {
        Ok(result) => result,
        Err(_) => Err(ConsumeError::Timeout),
    }
}

async fn delete_queue(channel: &Channel, queue: ShortString) {
    let deleting = channel.queue_delete(queue, QueueDeleteOptions::default());
    if !matches!(
        tokio::time::timeout(CALL_TIMEOUT, deleting).await,
        Ok(Ok(_))
    ) {
        tracing::debug!("deleting the receipt queue failed, RabbitMQ deletes it when it expires");
    }
}
