//! What workers say is stored.
//!
//! A message carries `reply_to`, the queue of this process's receipts, and a
//! `correlation_id` that names its place in the spool and its partition. A receipt's body is the
//! correlation ids of messages that are stored, a line each. Receipts are not
//! acknowledged: a lost one is made again by sending its message again.

use futures_util::{FutureExt as _, StreamExt as _};
use lapin::{
    Channel, Connection, Consumer,
    message::Delivery,
    options::{BasicConsumeOptions, QueueDeleteOptions},
    types::{FieldTable, ShortString},
};
use platform::amqp::Topology;

use super::{
    SessionEnd,
    unstored::{MessageId, Range},
};
use crate::spool::Position;

pub struct Receipts {
    queue: ShortString,
    channel: Channel,
    consumer: Consumer,
    /// One that `wait` has met.
    next: Option<Option<lapin::Result<Delivery>>>,
}

impl Receipts {
    pub async fn open(connection: &Connection, queue: ShortString) -> lapin::Result<Self> {
        let channel = connection.create_channel().await?;
        Topology::declare_receipts(&channel, &queue).await?;
        let options = BasicConsumeOptions {
            no_ack: true,
            ..Default::default()
        };
        let consumer =
            channel.basic_consume(queue.clone(), "".into(), options, FieldTable::default());
        Ok(Self {
            consumer: consumer.await?,
            queue,
            channel,
            next: None,
        })
    }

    pub fn queue(&self) -> ShortString {
        self.queue.clone()
    }

    /// Until there is something to take.
    pub async fn wait(&mut self) {
        if self.next.is_none() {
            self.next = Some(self.consumer.next().await);
        }
    }

    /// What a receipt that is there says is stored, of this process's messages.
    pub fn take(&mut self, process: &str) -> Result<Option<Vec<MessageId>>, SessionEnd> {
        let next = self.next.take();
        let Some(delivery) = next.or_else(|| self.consumer.next().now_or_never()) else {
            return Ok(None);
        };
        let delivery = delivery.ok_or(SessionEnd::NoReceipts)??;
        let body = String::from_utf8_lossy(&delivery.data);
        let ids = body.lines().filter_map(|id| message_id(id, process));
        Ok(Some(ids.collect()))
    }

    /// At a good end: nobody will ask for them any more.
    pub async fn delete(&self) {
        let options = QueueDeleteOptions::default();
        let deleted = self.channel.queue_delete(self.queue.clone(), options);
        if let Err(error) = deleted.await {
            tracing::debug!(error = %error, "the queue of receipts expires by itself");
        }
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
