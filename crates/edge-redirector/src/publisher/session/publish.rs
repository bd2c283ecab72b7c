//! Publishes batches: a message for each partition that has events in the batch.

use std::time::Instant;

use domain::event::{CONTENT_TYPE, SCHEMA_VERSION};
use lapin::{
    BasicProperties,
    options::BasicPublishOptions,
    types::{AMQPValue, FieldTable},
};
use platform::{
    amqp::{DELIVERY_MODE_PERSISTENT, Topology},
    telemetry::{self, TRACEPARENT},
};
use tracing::Instrument as _;

use super::{
    super::{
        error::SessionError,
        message::{MessageId, PartitionLines, split_by_partition},
        progress::Progress,
    },
    Session, TICK, UnconfirmedMessage,
};
use crate::spool::{Batch, Position};

pub(super) struct Message {
    pub id: MessageId,
    pub content: PartitionLines,
    /// As in [`ConfirmedMessage`](super::ConfirmedMessage).
    pub batch_end: Option<Position>,
}

impl Session<'_> {
    /// Publishes the messages of a batch. The batch is confirmed when the last of them is.
    pub(super) async fn publish_batch(
        &mut self,
        batch: &Batch,
        progress: &mut Progress,
    ) -> Result<(), SessionError> {
        let n_partitions = self.publisher.settings.topology.n_partitions;
        let partitions = split_by_partition(batch, n_partitions);
        let last_index = partitions.len().saturating_sub(1);
        for (index, (partition, content)) in partitions.into_iter().enumerate() {
            let message = Message {
                id: MessageId::new(partition, batch),
                content,
                batch_end: (index == last_index).then_some(batch.end),
            };
            self.publish(message, progress).await?;
        }
        Ok(())
    }

    /// Publishes a message and adds it to the window.
    pub(super) async fn publish(
        &mut self,
        message: Message,
        progress: &mut Progress,
    ) -> Result<(), SessionError> {
        let Message {
            id,
            content,
            batch_end,
        } = message;
        let exchange = self.publisher.settings.topology.clicks_exchange.clone();
        let routing_key = Topology::partition_routing_key(id.partition);
        let span = tracing::info_span!(
            "edge-redirector.clicks.publish",
            otel.kind = "producer",
            messaging.system = "rabbitmq",
            messaging.operation.type = "send",
            messaging.destination.name = %format_args!("{exchange}:{routing_key}"),
            waypost.event_count = content.n_events,
        );
        let mut headers = FieldTable::default();
        headers.insert("schema-version".into(), AMQPValue::LongInt(SCHEMA_VERSION));
        if let Some(traceparent) = telemetry::traceparent(&span) {
            headers.insert(
                TRACEPARENT.into(),
                AMQPValue::LongString(traceparent.into()),
            );
        }
        let properties = BasicProperties::default()
            .with_content_type(CONTENT_TYPE.into())
            .with_delivery_mode(DELIVERY_MODE_PERSISTENT)
            .with_reply_to(self.receipts.queue())
            .with_correlation_id(id.correlation_id(&progress.process_id))
            .with_headers(headers);
        let options = BasicPublishOptions {
            // The broker must return an unroutable message, not drop and confirm it.
            mandatory: true,
            ..Default::default()
        };
        let started_at = Instant::now();
        let channel = self.channel.clone();
        let publishing = channel
            .basic_publish(exchange, routing_key, options, &content.lines, properties)
            .instrument(span);
        let mut publishing = std::pin::pin!(publishing);
        // A blocked or frozen broker reads no bytes, so check its state meanwhile.
        let confirm = loop {
            tokio::select! {
                confirm = &mut publishing => break confirm?,
                () = tokio::time::sleep(TICK) => self.check_confirm_timeout(started_at)?,
            }
        };
        self.window.push_back(UnconfirmedMessage {
            confirm,
            batch_end,
            n_events: content.n_events,
            published_at: Instant::now(),
        });
        self.confirm_barrier.message_published();
        progress.unacknowledged.add_published(id, Instant::now());
        Ok(())
    }
}
