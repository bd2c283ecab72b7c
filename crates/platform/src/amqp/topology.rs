//! The names of exchanges and queues, and their declaration.

use lapin::{
    Channel, Connection, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};

use super::ensure_connected;

/// The most queues that accounts can be spread over.
pub(super) const MAX_PARTITIONS: i64 = 64;

/// A redirector's queue of receipts is deleted when nobody has consumed from it for an
/// hour.
const RECEIPTS_EXPIRE_MS: i32 = 3_600_000;

/// The names of exchanges and queues under one prefix.
#[derive(Debug, Clone)]
pub struct Topology {
    pub clicks_exchange: ShortString,
    /// Gets the messages with the routing key [`Self::CLICKS_ROUTING_KEY`], of any account.
    pub unpartitioned_queue: ShortString,
    pub dead_letter_exchange: ShortString,
    pub dead_letter_queue: ShortString,
    pub n_partitions: u16,
    partition_prefix: String,
    receipts_prefix: String,
}

impl Topology {
    /// The routing key of events of any account, and of all dead letters.
    pub const CLICKS_ROUTING_KEY: &'static str = "clicks";

    pub fn new(prefix: &str, n_partitions: u16) -> Self {
        Self {
            clicks_exchange: format!("{prefix}.clicks").into(),
            unpartitioned_queue: format!("{prefix}.clicks").into(),
            dead_letter_exchange: format!("{prefix}.dead").into(),
            dead_letter_queue: format!("{prefix}.clicks.dead").into(),
            n_partitions,
            partition_prefix: format!("{prefix}.clicks."),
            receipts_prefix: format!("{prefix}.receipts."),
        }
    }

    /// The routing key of the events of a partition.
    pub fn partition_routing_key(partition: u16) -> ShortString {
        format!("{}.{partition}", Self::CLICKS_ROUTING_KEY).into()
    }

    pub fn partition_queue(&self, partition: u16) -> ShortString {
        format!("{}{partition}", self.partition_prefix).into()
    }

    /// All queues that events are published to.
    pub fn event_queues(&self) -> Vec<ShortString> {
        let partitions = (0..self.n_partitions).map(|partition| self.partition_queue(partition));
        std::iter::once(self.unpartitioned_queue.clone())
            .chain(partitions)
            .collect()
    }

    /// The queues of partitions beyond this topology's that exist on the broker, because
    /// other services have more partitions configured, or this one had. Each look-up of a
    /// queue that does not exist closes its channel, so every look-up opens one.
    pub async fn find_extra_partition_queues(
        &self,
        connection: &Connection,
    ) -> lapin::Result<Vec<ShortString>> {
        let mut queues = Vec::new();
        let end = u16::try_from(MAX_PARTITIONS).unwrap_or(u16::MAX);
        for partition in self.n_partitions..end {
            let queue = self.partition_queue(partition);
            let channel = connection.create_channel().await?;
            let options = QueueDeclareOptions {
                passive: true,
                ..Default::default()
            };
            let declared = channel.queue_declare(queue.clone(), options, FieldTable::default());
            if declared.await.is_err() {
                ensure_connected(connection)?;
                break;
            }
            channel.close(200, "queue exists".into()).await?;
            queues.push(queue);
        }
        Ok(queues)
    }

    /// Declares every exchange and queue. Those that exist stay as they are.
    pub async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        for exchange in [&self.clicks_exchange, &self.dead_letter_exchange] {
            let options = ExchangeDeclareOptions {
                durable: true,
                ..Default::default()
            };
            channel
                .exchange_declare(
                    exchange.clone(),
                    ExchangeKind::Direct,
                    options,
                    FieldTable::default(),
                )
                .await?;
        }
        let dead_letters = Binding {
            queue: &self.dead_letter_queue,
            exchange: &self.dead_letter_exchange,
            routing_key: Self::CLICKS_ROUTING_KEY.into(),
        };
        declare_bound_queue(channel, dead_letters, FieldTable::default()).await?;
        let mut arguments = FieldTable::default();
        // With the default strategy, a rejected message would be lost while the
        // dead-letter queue is unavailable.
        insert(
            &mut arguments,
            "x-dead-letter-exchange",
            &self.dead_letter_exchange,
        );
        insert(
            &mut arguments,
            "x-dead-letter-strategy",
            &"at-least-once".into(),
        );
        // RabbitMQ requires this for that strategy. The queues have no length limit.
        insert(&mut arguments, "x-overflow", &"reject-publish".into());
        let unpartitioned = Binding {
            queue: &self.unpartitioned_queue,
            exchange: &self.clicks_exchange,
            routing_key: Self::CLICKS_ROUTING_KEY.into(),
        };
        declare_bound_queue(channel, unpartitioned, arguments.clone()).await?;
        // Otherwise a dead letter would keep the routing key of its partition, to which no
        // queue of the dead-letter exchange is bound.
        insert(
            &mut arguments,
            "x-dead-letter-routing-key",
            &Self::CLICKS_ROUTING_KEY.into(),
        );
        for partition in 0..self.n_partitions {
            let binding = Binding {
                queue: &self.partition_queue(partition),
                exchange: &self.clicks_exchange,
                routing_key: Self::partition_routing_key(partition),
            };
            declare_bound_queue(channel, binding, arguments.clone()).await?;
        }
        Ok(())
    }

    /// The queue of the receipts for one process of a redirector.
    pub fn receipts_queue(&self, process_id: &str) -> ShortString {
        format!("{}{process_id}", self.receipts_prefix).into()
    }

    /// Whether receipts may be sent to a queue that a message names.
    pub fn is_receipts_queue(&self, name: &str) -> bool {
        name.starts_with(&self.receipts_prefix)
    }

    /// Declares a queue of receipts. It needs no replicas: after a lost receipt, the
    /// redirector publishes the message again.
    pub async fn declare_receipts_queue(
        channel: &Channel,
        queue: &ShortString,
    ) -> lapin::Result<()> {
        let mut arguments = FieldTable::default();
        arguments.insert("x-expires".into(), AMQPValue::LongInt(RECEIPTS_EXPIRE_MS));
        declare_durable_queue(channel, queue, arguments).await
    }
}

/// A queue with the exchange and the routing key of its messages.
struct Binding<'b> {
    queue: &'b ShortString,
    exchange: &'b ShortString,
    routing_key: ShortString,
}

async fn declare_bound_queue(
    channel: &Channel,
    binding: Binding<'_>,
    mut arguments: FieldTable,
) -> lapin::Result<()> {
    // A quorum queue is replicated, and has a message on disk before it confirms it.
    insert(&mut arguments, "x-queue-type", &"quorum".into());
    declare_durable_queue(channel, binding.queue, arguments).await?;
    channel
        .queue_bind(
            binding.queue.clone(),
            binding.exchange.clone(),
            binding.routing_key,
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
}

async fn declare_durable_queue(
    channel: &Channel,
    queue: &ShortString,
    arguments: FieldTable,
) -> lapin::Result<()> {
    let options = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    channel
        .queue_declare(queue.clone(), options, arguments)
        .await?;
    Ok(())
}

fn insert(arguments: &mut FieldTable, key: &str, value: &ShortString) {
    arguments.insert(key.into(), AMQPValue::LongString(value.to_string().into()));
}
