//! What workers say is stored.
//!
//! A message carries `reply_to`, a queue of this process's receipts, and a
//! `correlation_id` that names its place in the spool and its partition. A receipt's body is the
//! correlation ids of messages that are stored, a line each. Receipts are not
//! acknowledged: a lost one is made again by sending its message again.
//!
//! Publishing does not wait for receipts: their queue is declared and consumed from
//! beside it, on a channel of its own. After every failure the queue has another name: the
//! broker that had the last one may be away with it, for as long as it likes. Messages
//! that name a queue which nobody consumes from are sent again like others without a
//! receipt.

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

use super::unstored::{MessageId, Range};
use crate::{metrics::Metrics, spool::Position};

/// How long declaring a queue and consuming from it may take, and deleting it.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Receipts that wait to be taken.
const MAX_WAITING: usize = 1024;

/// Dropped, it ends.
pub struct Receipts {
    queue: watch::Receiver<ShortString>,
    stored: mpsc::Receiver<Vec<MessageId>>,
    /// One that `wait` has met.
    next: Option<Vec<MessageId>>,
    stopping: CancellationToken,
    task: JoinHandle<()>,
}

impl Receipts {
    pub fn start(
        connection: Arc<Connection>,
        topology: Topology,
        process: String,
        metrics: Metrics,
    ) -> Self {
        let (sender, stored) = mpsc::channel(MAX_WAITING);
        let (names, queue) = watch::channel(new_queue(&topology, &process));
        let stopping = CancellationToken::new();
        let listener = Listener {
            connection,
            topology,
            process,
            metrics,
            names,
            stored: sender,
            stopping: stopping.clone(),
        };
        Self {
            queue,
            stored,
            next: None,
            stopping,
            task: tokio::spawn(listener.run()),
        }
    }

    /// The queue that messages name from now on.
    pub fn queue(&self) -> ShortString {
        self.queue.borrow().clone()
    }

    /// Until there is something to take.
    pub async fn wait(&mut self) {
        if self.next.is_none() {
            match self.stored.recv().await {
                Some(stored) => self.next = Some(stored),
                None => std::future::pending().await,
            }
        }
    }

    /// What a receipt that is there says is stored, of this process's messages.
    pub fn take(&mut self) -> Option<Vec<MessageId>> {
        self.next.take().or_else(|| self.stored.try_recv().ok())
    }

    /// At a good end: nobody will ask for the queue any more.
    pub async fn stop(&mut self) {
        self.stopping.cancel();
        if let Err(error) = (&mut self.task).await {
            tracing::warn!(error = %error, "the task that takes receipts failed");
        }
    }
}

impl Drop for Receipts {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A name that was not used before.
fn new_queue(topology: &Topology, process: &str) -> ShortString {
    topology.receipts_queue(&format!("{process}.{:08x}", rand::random::<u32>()))
}

/// Why receipts are not heard.
#[derive(Debug, thiserror::Error)]
enum NotHeard {
    #[error("{0}")]
    Failed(#[from] lapin::Error),
    #[error("RabbitMQ does not answer within {} s", CALL_TIMEOUT.as_secs())]
    TimedOut,
    #[error("RabbitMQ ended the consumer: its queue is gone")]
    QueueGone,
}

struct Listener {
    connection: Arc<Connection>,
    topology: Topology,
    process: String,
    metrics: Metrics,
    names: watch::Sender<ShortString>,
    stored: mpsc::Sender<Vec<MessageId>>,
    stopping: CancellationToken,
}

impl Listener {
    async fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            let queue = self.names.borrow().clone();
            let failure = match open(&self.connection, &queue).await {
                Ok((channel, consumer)) => {
                    backoff.reset();
                    tokio::select! {
                        failure = self.listen(consumer) => failure,
                        () = self.stopping.cancelled() => return delete(&channel, queue).await,
                    }
                }
                Err(failure) => failure,
            };
            // What is published from now on names the next queue.
            self.names
                .send_replace(new_queue(&self.topology, &self.process));
            tokio::select! {
                () = tokio::time::sleep(backoff.next_wait()) => {}
                () = self.stopping.cancelled() => return,
            }
            // The end of the connection is the session's to say, and ends this task.
            if self.connection.status().connected() {
                self.metrics.receipts_failures.inc();
                tracing::warn!(error = %failure, "receipts are not heard: clicks stay in the spool, and another queue is tried");
            }
        }
    }

    /// Until the consumer ends.
    async fn listen(&self, mut consumer: Consumer) -> NotHeard {
        loop {
            let delivery = match consumer.next().await {
                Some(Ok(delivery)) => delivery,
                Some(Err(error)) => return error.into(),
                None => return NotHeard::QueueGone,
            };
            let body = String::from_utf8_lossy(&delivery.data);
            let ids = body.lines().filter_map(|id| message_id(id, &self.process));
            if self.stored.send(ids.collect()).await.is_err() {
                // Nobody takes them any more; the task is about to be aborted.
                std::future::pending::<()>().await;
            }
        }
    }
}

async fn open(
    connection: &Connection,
    queue: &ShortString,
) -> Result<(Channel, Consumer), NotHeard> {
    let opening = async {
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
    match tokio::time::timeout(CALL_TIMEOUT, opening).await {
        Ok(opened) => opened,
        Err(_) => Err(NotHeard::TimedOut),
    }
}

async fn delete(channel: &Channel, queue: ShortString) {
    let deleting = channel.queue_delete(queue, QueueDeleteOptions::default());
    if !matches!(
        tokio::time::timeout(CALL_TIMEOUT, deleting).await,
        Ok(Ok(_))
    ) {
        tracing::debug!("the queue of receipts expires by itself");
    }
}

/// `<process>:<segment>:<start>:<end>:<partition>`
pub fn correlation_id(process: &str, id: MessageId) -> ShortString {
    let MessageId { partition, range } = id;
    let (segment, start, end) = (range.start.segment, range.start.offset, range.end.offset);
    format!("{process}:{segment}:{start}:{end}:{partition}").into()
}

fn message_id(id: &str, process: &str) -> Option<MessageId> {
    let mut parts = id.strip_prefix(process)?.strip_prefix(':')?.split(':');
    let mut number = || parts.next()?.parse().ok();
    let (segment, start, end) = (number()?, number()?, number()?);
    let partition = parts.next()?.parse().ok()?;
    let position = |offset| Position { segment, offset };
    let range = Range {
        start: position(start),
        end: position(end),
    };
    (start < end).then_some(MessageId { partition, range })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_a_range_of_its_process_and_a_partition() {
        let position = |offset| Position { segment: 7, offset };
        let range = Range {
            start: position(8),
            end: position(4096),
        };
        let one = MessageId {
            partition: 3,
            range,
        };
        let id = correlation_id("00ff", one);
        assert_eq!(id.as_str(), "00ff:7:8:4096:3");
        assert_eq!(message_id(id.as_str(), "00ff"), Some(one));
        for wrong in [
            "00fe:7:8:4096:3",
            "00ff:7:8:4096",
            "00ff:7:8:8:3",
            "00ff:7:x:9:3",
            "00ff:7:8:4096:-1",
            "",
        ] {
            assert_eq!(message_id(wrong, "00ff"), None, "{wrong}");
        }
    }
}
