//! Tells redirectors which of their messages are stored or dead-lettered.
//!
//! Beside the work, on a connection of its own: a broker that is short of memory
//! blocks connections that publish, and must not keep this worker from emptying its
//! queue. A receipt that is lost costs a message that is sent again.

use std::collections::BTreeMap;

use lapin::{
    BasicProperties, Channel, Connection, message::Delivery, options::BasicPublishOptions,
    types::ShortString, uri::AMQPUri,
};
use platform::{
    amqp::{self, Topology},
    backoff::Backoff,
};
use tokio::sync::mpsc;

/// Receipts that wait to be sent.
const MAX_WAITING: usize = 4096;

struct Receipt {
    queue: ShortString,
    /// Correlation ids, a line each.
    ids: String,
}

/// A handle to send by; when all of them are dropped, [`Sender::run`] ends.
#[derive(Clone)]
pub struct Receipts {
    topology: Topology,
    waiting: mpsc::Sender<Receipt>,
}

pub struct Sender {
    uri: AMQPUri,
    topology: Topology,
    waiting: mpsc::Receiver<Receipt>,
}

pub fn channel(uri: AMQPUri, topology: Topology) -> (Receipts, Sender) {
    let (sender, waiting) = mpsc::channel(MAX_WAITING);
    let receipts = Receipts {
        topology: topology.clone(),
        waiting: sender,
    };
    let sender = Sender {
        uri,
        topology,
        waiting,
    };
    (receipts, sender)
}

impl Receipts {
    /// These are settled. Does not wait, and does not fail.
    pub fn settled(&self, deliveries: &[Delivery]) {
        let mut by_queue: BTreeMap<&str, String> = BTreeMap::new();
        for delivery in deliveries {
            let properties = &delivery.properties;
            let (Some(queue), Some(id)) = (properties.reply_to(), properties.correlation_id())
            else {
                continue;
            };
            if self.topology.is_receipts_queue(queue.as_str()) {
                let ids = by_queue.entry(queue.as_str()).or_default();
                ids.push_str(id.as_str());
                ids.push('\n');
            }
        }
        for (queue, ids) in by_queue {
            let queue = queue.into();
            if self.waiting.try_send(Receipt { queue, ids }).is_err() {
                tracing::debug!("a receipt was dropped: too many wait");
            }
        }
    }
}

impl Sender {
    /// Sends what comes until nobody can send any more. One that fails is lost.
    pub async fn run(mut self) {
        let mut channel = None;
        let mut backoff = Backoff::default();
        while let Some(receipt) = self.waiting.recv().await {
            match self.send(&mut channel, &receipt).await {
                Ok(()) => backoff.reset(),
                Err(error) => {
                    channel = None;
                    tracing::info!(error = %error, "a receipt was not sent: its messages may come again");
                    tokio::time::sleep(backoff.next_wait()).await;
                }
            }
        }
        if let Some((connection, _)) = channel {
            amqp::close(&connection).await;
        }
    }

    async fn send(
        &self,
        channel: &mut Option<(Connection, Channel)>,
        receipt: &Receipt,
    ) -> anyhow::Result<()> {
        let (_, channel) = match channel {
            Some(open) => open,
            none => {
                let connecting = amqp::connect(&self.uri, &self.topology, "click-worker receipts");
                none.insert(connecting.await?)
            }
        };
        channel
            .basic_publish(
                // The default exchange: to the queue of that name, if there is one.
                "".into(),
                receipt.queue.clone(),
                BasicPublishOptions::default(),
                receipt.ids.as_bytes(),
                BasicProperties::default().with_content_type("text/plain".into()),
            )
            .await?;
        Ok(())
    }
}
