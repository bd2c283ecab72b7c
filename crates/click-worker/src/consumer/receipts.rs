//! Store receipts: telling redirectors which of their messages are stored or dead-lettered,
//! so that they can delete them from their spools.
//!
//! Receipts are sent on a connection of their own, beside the work: a broker that is short of
//! memory blocks connections that publish, and must not keep this worker from emptying its
//! queues. After a lost receipt, the redirector publishes the message again.

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

/// How many receipts may wait to be sent. More are dropped.
const MAX_WAITING: usize = 4096;

/// How many receipts are sent together: those for one redirector are one message, with a
/// correlation id on each line.
const MAX_BATCH: usize = 512;

struct Receipt {
    queue: ShortString,
    /// The correlation id of the message that is stored.
    correlation_id: ShortString,
}

/// A handle for sending receipts. When all clones are dropped, [`ReceiptTask::run`] ends.
#[derive(Clone)]
pub struct ReceiptSender {
    topology: Topology,
    receipts: mpsc::Sender<Receipt>,
}

/// The task that publishes the receipts.
pub struct ReceiptTask {
    addresses: BrokerAddresses,
    topology: Topology,
    receipts: mpsc::Receiver<Receipt>,
}

pub fn receipt_channel(
    addresses: BrokerAddresses,
    topology: Topology,
) -> (ReceiptSender, ReceiptTask) {
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    let receipt_sender = ReceiptSender {
        topology: topology.clone(),
        receipts: sender,
    };
    let task = ReceiptTask {
        addresses,
        topology,
        receipts: receiver,
    };
    (receipt_sender, task)
}

impl ReceiptSender {
    /// Sends a receipt for a message, if the message asks for one. It does not wait, and
    /// cannot fail.
    pub fn send_receipt(&self, delivery: &Delivery) {
        let properties = &delivery.properties;
        let (Some(queue), Some(correlation_id)) =
            (properties.reply_to(), properties.correlation_id())
        else {
            return;
        };
        if !self.topology.is_receipts_queue(queue.as_str()) {
            return;
        }
        let receipt = Receipt {
            queue: queue.clone(),
            correlation_id: correlation_id.clone(),
        };
        if self.receipts.try_send(receipt).is_err() {
            tracing::debug!("too many receipts are waiting, dropping one");
        }
    }
}

impl ReceiptTask {
    /// Publishes receipts until all senders are dropped. A receipt that cannot be published is
    /// lost.
    pub async fn run(mut self) {
        let mut channel = None;
        let mut backoff = Backoff::default();
        let mut receipts = Vec::new();
        while self.receipts.recv_many(&mut receipts, MAX_BATCH).await > 0 {
            let mut by_queue: BTreeMap<ShortString, String> = BTreeMap::new();
            for receipt in receipts.drain(..) {
                let ids = by_queue.entry(receipt.queue).or_default();
                ids.push_str(receipt.correlation_id.as_str());
                ids.push('\n');
            }
            for (queue, ids) in by_queue {
                match self.publish(&mut channel, queue, &ids).await {
                    Ok(()) => backoff.reset(),
                    Err(error) => {
                        channel = None;
                        tracing::info!(error = %error, "sending a receipt failed: its messages may be published again");
                        tokio::time::sleep(backoff.next_wait()).await;
                    }
                }
            }
        }
        if let Some((connection, _)) = channel {
            amqp::close(&connection).await;
        }
    }

    async fn publish(
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
                // The default exchange routes to the queue with that name, if there is one.
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
