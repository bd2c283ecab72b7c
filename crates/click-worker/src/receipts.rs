//! Tells redirectors which of their messages are stored or dead-lettered.
//!
//! Beside the work, on a connection of its own: a broker that is short of memory
//! blocks connections that publish, and must not keep this worker from emptying its
//! queue. A receipt that is lost costs a message that is sent again.

use std::collections::BTreeMap;

use lapin::{
    BasicProperties, Channel, Connection, message::Delivery, options::BasicPublishOptions,
    types::ShortString,
};
use platform::{
    amqp::{self, BrokerAddresses, Topology},
    backoff::Backoff,
};
use tokio::sync::mpsc;

/// Receipts that wait to be sent.
const MAX_WAITING: usize = 4096;

/// Receipts that are sent together: those for a redirector are one message, with the
/// correlation ids a line each.
const MAX_AT_ONCE: usize = 512;

struct Receipt {
    queue: ShortString,
    /// The correlation id of the message that is settled.
    id: ShortString,
}

/// A handle to send by; when all of them are dropped, [`Sender::run`] ends.
#[derive(Clone)]
pub struct Receipts {
    topology: Topology,
    waiting: mpsc::Sender<Receipt>,
}

pub struct Sender {
    addresses: BrokerAddresses,
    topology: Topology,
    waiting: mpsc::Receiver<Receipt>,
}

pub fn channel(addresses: BrokerAddresses, topology: Topology) -> (Receipts, Sender) {
    let (sender, waiting) = mpsc::channel(MAX_WAITING);
    let receipts = Receipts {
        topology: topology.clone(),
        waiting: sender,
    };
    let sender = Sender {
        addresses,
        topology,
        waiting,
    };
    (receipts, sender)
}

impl Receipts {
    /// A message is settled. Does not wait, and does not fail.
    pub fn settled(&self, delivery: &Delivery) {
        let properties = &delivery.properties;
        let (Some(queue), Some(id)) = (properties.reply_to(), properties.correlation_id()) else {
            return;
        };
        if !self.topology.is_receipts_queue(queue.as_str()) {
            return;
        }
        let receipt = Receipt {
            queue: queue.clone(),
            id: id.clone(),
        };
        if self.waiting.try_send(receipt).is_err() {
            tracing::debug!("a receipt was dropped: too many wait");
        }
    }
}

impl Sender {
    /// Sends what comes until nobody can send any more. One that fails is lost.
    pub async fn run(mut self) {
        let mut channel = None;
        let mut backoff = Backoff::default();
        let mut receipts = Vec::new();
        while self.waiting.recv_many(&mut receipts, MAX_AT_ONCE).await > 0 {
            let mut by_queue: BTreeMap<ShortString, String> = BTreeMap::new();
            for receipt in receipts.drain(..) {
                let ids = by_queue.entry(receipt.queue).or_default();
                ids.push_str(receipt.id.as_str());
                ids.push('\n');
            }
            for (queue, ids) in by_queue {
                match self.send(&mut channel, queue, &ids).await {
                    Ok(()) => backoff.reset(),
                    Err(error) => {
                        channel = None;
                        tracing::info!(error = %error, "a receipt was not sent: its messages may come again");
                        tokio::time::sleep(backoff.next_wait()).await;
                    }
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
        queue: ShortString,
        ids: &str,
    ) -> anyhow::Result<()> {
        let (_, channel) = match channel {
            Some(open) => open,
            none => {
                let connecting =
                    amqp::connect(&self.addresses, &self.topology, "click-worker receipts");
                none.insert(connecting.await?)
            }
        };
        channel
            .basic_publish(
                // The default exchange: to the queue of that name, if there is one.
                "".into(),
                queue,
                BasicPublishOptions::default(),
                ids.as_bytes(),
                BasicProperties::default().with_content_type("text/plain".into()),
            )
            .await?;
        Ok(())
    }
}
