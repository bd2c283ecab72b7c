//! Receiving the messages of one queue, and acknowledging them when all of their events are
//! settled: stored, parked or dead-lettered.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lapin::{
    Channel, Connection,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable},
};
use platform::{
    amqp::Topology,
    telemetry::{self, TRACEPARENT},
};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{
    batch::{BatchResult, PendingEvent},
    dead_letter::DeadLetters,
    decode::{DecodedMessage, Message, RejectedEvent},
    receipts::ReceiptSender,
    session_end::SessionEnd,
};
use crate::{event::Event, metrics::Metrics};

/// Limits of what is received and not acknowledged yet.
#[derive(Debug, Clone, Copy)]
pub struct IntakeLimits {
    pub prefetch: u16,
    pub batch_max_events: usize,
}

/// What an [`Intake`] uses.
pub struct IntakeParts {
    pub limits: IntakeLimits,
    pub topology: Topology,
    pub receipts: ReceiptSender,
    pub metrics: Metrics,
}

pub struct Intake {
    limits: IntakeLimits,
    queue: String,
    channel: Channel,
    pub deliveries: lapin::Consumer,
    dead_letters: DeadLetters,
    receipts: ReceiptSender,
    metrics: Metrics,
    /// Messages that are not acknowledged, by their delivery tags.
    messages: BTreeMap<u64, UnsettledMessage>,
    /// Events of the next batch.
    pub pending: Vec<PendingEvent>,
}

struct UnsettledMessage {
    delivery: Delivery,
    n_events: usize,
    n_unsettled: usize,
}

impl UnsettledMessage {
    /// Whether some of its events are settled. If such a message returned to the queue, its
    /// next consumer would find these events as duplicates, which is slow.
    fn is_partly_settled(&self) -> bool {
        self.n_unsettled < self.n_events
    }
}

impl Intake {
    pub async fn open(
        connection: &Connection,
        queue: &str,
        parts: IntakeParts,
    ) -> Result<Self, SessionEnd> {
        let channel = connection.create_channel().await?;
        channel
            .basic_qos(parts.limits.prefetch, BasicQosOptions::default())
            .await?;
        let deliveries = channel
            .basic_consume(
                queue.into(),
                // The broker generates a consumer tag.
                "".into(),
                // The default has no_ack off: messages must be acknowledged.
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok(Self {
            limits: parts.limits,
            queue: queue.to_owned(),
            channel,
            deliveries,
            dead_letters: DeadLetters::open(connection, &parts.topology).await?,
            receipts: parts.receipts,
            metrics: parts.metrics,
            messages: BTreeMap::new(),
            pending: Vec::new(),
        })
    }

    /// Closes the channel: the broker delivers what is not acknowledged to the next consumer.
    pub async fn close(self) -> Result<(), SessionEnd> {
        Ok(self.channel.close(200, "another worker".into()).await?)
    }

    pub fn has_room(&self) -> bool {
        self.pending.len() < self.limits.batch_max_events
            && self.messages.len() < usize::from(self.limits.prefetch)
    }

    /// Adds the events of the next message to the pending ones. Dead-letters what is no
    /// event.
    pub async fn receive(
        &mut self,
        next: Option<lapin::Result<Delivery>>,
    ) -> Result<(), SessionEnd> {
        let delivery = next.ok_or_else(|| SessionEnd::QueueGone(self.queue.clone()))??;
        let decoded = DecodedMessage::decode(message(&delivery), Timestamp::now());
        for rejected in &decoded.rejected {
            self.dead_letter(rejected).await?;
        }
        let delivery_tag = delivery.delivery_tag;
        let n_events = decoded.events.len();
        let message = UnsettledMessage {
            delivery,
            n_events,
            n_unsettled: n_events,
        };
        self.messages.insert(delivery_tag, message);
        if decoded.events.is_empty() {
            self.acknowledge(delivery_tag).await?;
        }
        let events = decoded.events.into_iter().map(|event| PendingEvent {
            delivery_tag,
            account_id: event.account_id(),
            event: Box::new(event),
        });
        self.pending.extend(events);
        Ok(())
    }

    /// Forgets the messages of which no event is settled. The broker delivers them to the next
    /// consumer when the channel is closed.
    pub fn forget_untouched_messages(&mut self) {
        self.messages
            .retain(|_, message| message.is_partly_settled());
        let messages = &self.messages;
        self.pending
            .retain(|event| messages.contains_key(&event.delivery_tag));
    }

    /// Dead-letters what was rejected, acknowledges the messages all of whose events are
    /// settled, and keeps the events of contended accounts for the next batch.
    pub async fn finish_batch(&mut self, result: BatchResult) -> Result<(), SessionEnd> {
        let mut settled = result.settled;
        for (delivery_tag, rejected) in result.rejected {
            self.dead_letter(&rejected).await?;
            settled.push(delivery_tag);
        }
        self.pending.extend(result.contended);
        let mut complete = Vec::new();
        for delivery_tag in settled {
            let message = self.messages.get_mut(&delivery_tag);
            let message = message.expect("it is kept until all of its events are settled");
            message.n_unsettled -= 1;
            if message.n_unsettled == 0 {
                complete.push(delivery_tag);
            }
        }
        for delivery_tag in complete {
            self.acknowledge(delivery_tag).await?;
        }
        Ok(())
    }

    async fn dead_letter(&self, rejected: &RejectedEvent) -> Result<(), SessionEnd> {
        self.dead_letters.publish(rejected).await?;
        self.metrics.dead_lettered(rejected.reason);
        tracing::error!(
            reason = rejected.reason,
            detail = rejected.detail,
            "an event can never be stored and was dead-lettered"
        );
        Ok(())
    }

    async fn acknowledge(&mut self, delivery_tag: u64) -> Result<(), SessionEnd> {
        let options = BasicAckOptions::default();
        self.channel.basic_ack(delivery_tag, options).await?;
        if let Some(message) = self.messages.remove(&delivery_tag) {
            self.receipts.send_receipt(&message.delivery);
        }
        Ok(())
    }

    /// The span of storing the pending events. It continues the trace of the first message,
    /// and has links to the traces of the other messages and of the traced clicks.
    pub fn batch_span(&self) -> tracing::Span {
        let span = tracing::info_span!(
            "click-worker.clicks.store",
            otel.kind = "consumer",
            messaging.system = "rabbitmq",
            messaging.operation.type = "process",
            messaging.destination.name = self.queue,
            messaging.batch.message_count = tracing::field::Empty,
            waypost.event_count = self.pending.len(),
        );
        // OpenTelemetry defines it for spans of several messages only.
        if self.messages.len() > 1 {
            span.record("messaging.batch.message_count", self.messages.len());
        }
        let messages = self.messages.values();
        let mut message_traces = messages.filter_map(|message| traceparent(&message.delivery));
        if let Some(first) = message_traces.next() {
            telemetry::continue_trace(&span, &first);
        }
        let click_traces = self
            .pending
            .iter()
            .filter_map(|pending| match &*pending.event {
                Event::Click(click) => click.traceparent.as_deref().map(str::to_owned),
                Event::Conversion(_) => None,
            });
        for context in message_traces
            .chain(click_traces)
            .filter_map(|text| telemetry::parse_traceparent(&text))
        {
            span.add_link(context);
        }
        span
    }
}

fn message(delivery: &Delivery) -> Message<'_> {
    Message {
        content_type: delivery
            .properties
            .content_type()
            .as_ref()
            .map(|name| name.as_str()),
        schema_version: header(delivery, "schema-version")
            .and_then(AMQPValue::as_long_int)
            .map(i64::from),
        body: &delivery.data,
    }
}

fn header<'d>(delivery: &'d Delivery, name: &str) -> Option<&'d AMQPValue> {
    delivery.properties.headers().as_ref()?.inner().get(name)
}

fn traceparent(delivery: &Delivery) -> Option<String> {
    match header(delivery, TRACEPARENT)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        _ => None,
    }
}
