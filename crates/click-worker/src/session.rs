//! A connection's life: gather a batch, store it, acknowledge it.
//!
//! What cannot be stored now is held and tried again, not requeued: the broker
//! counts redeliveries, and an outage of Postgres is not the messages' fault.
//! What can never be stored goes to the dead letters. Whatever goes wrong with
//! RabbitMQ ends the session; what was not acknowledged comes again.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use jiff::Timestamp;
use lapin::{
    Channel, Connection, Consumer,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable},
};
use platform::{
    amqp::{self, ConnectError, Topology, Unconfirmed},
    backoff::Backoff,
    health::DependencyHealth,
    service::Deadline,
    telemetry::{self, TRACEPARENT},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{
    dead_letter::DeadLetters,
    decode::{Decoded, Message, Poison},
    metrics::Metrics,
    part::{Part, poison},
    receipts::Receipts,
    store::Store,
};

/// How often a waiting session looks at its connection.
const TICK: Duration = Duration::from_secs(1);

pub struct Worker {
    pub uri: lapin::uri::AMQPUri,
    pub topology: Topology,
    pub prefetch: u16,
    pub batch_max_events: usize,
    pub linger: Duration,
    pub store: Store,
    pub receipts: Receipts,
    pub metrics: Metrics,
    pub amqp_health: DependencyHealth,
    pub stopping: CancellationToken,
    pub drain_timeout: Duration,
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum SessionEnd {
    #[error(transparent)]
    NotConnected(#[from] ConnectError),
    #[error("the connection to RabbitMQ failed: {0}")]
    Lost(#[from] lapin::Error),
    #[error("RabbitMQ ended the consumer: its queue is gone")]
    Cancelled,
    #[error("a dead letter was not confirmed: {0}")]
    DeadLetter(#[from] Unconfirmed),
    #[error("stopping")]
    Stopping,
}

impl Worker {
    /// Consumes until stopping; a batch under way is finished first, if that
    /// takes no longer than the drain timeout. What is not acknowledged comes
    /// again.
    pub async fn run(mut self) -> anyhow::Result<()> {
        let mut backoff = Backoff::default();
        let deadline = Deadline::after(&self.stopping, self.drain_timeout);
        loop {
            let started = Instant::now();
            let end = tokio::select! {
                Err(end) = self.session() => end,
                () = deadline.passed() => {
                    tracing::warn!("stopping with a batch under way: it comes again");
                    return Ok(());
                }
            };
            if matches!(end, SessionEnd::Stopping) {
                return Ok(());
            }
            self.metrics.session_failures.inc();
            self.amqp_health.down(&end);
            if started.elapsed() > Duration::from_secs(10) {
                backoff.reset();
            }
            let wait = backoff.next_wait();
            let wait_ms = wait.as_millis();
            tracing::warn!(error = %end, wait_ms, "consuming begins anew");
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stopping.cancelled() => return Ok(()),
            }
        }
    }

    async fn session(&mut self) -> Result<std::convert::Infallible, SessionEnd> {
        let connecting = amqp::connect(&self.uri, &self.topology, "click-worker");
        let (connection, channel) = tokio::select! {
            connected = connecting => connected?,
            () = self.stopping.cancelled() => return Err(SessionEnd::Stopping),
        };
        let dead_letters = DeadLetters::open(&connection, &self.topology).await?;
        let mut consumer = self.consume(&channel).await?;
        self.amqp_health.up();
        tracing::info!("consuming from RabbitMQ");
        let end = loop {
            let deliveries = match self.gather(&connection, &mut consumer).await {
                Ok(deliveries) => deliveries,
                Err(end) => break end,
            };
            if let Err(end) = self
                .settle(&connection, &channel, &dead_letters, deliveries)
                .await
            {
                break end;
            }
        };
        if matches!(end, SessionEnd::Stopping) {
            amqp::close(&connection).await;
        }
        Err(end)
    }

    async fn consume(&self, channel: &Channel) -> lapin::Result<Consumer> {
        channel
            .basic_qos(self.prefetch, BasicQosOptions::default())
            .await?;
        channel
            .basic_consume(
                self.topology.clicks_queue.clone(),
                // The broker makes up a tag.
                "".into(),
                // Acknowledgements are wanted: no_ack stays off.
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
    }

    /// Waits for a message, and then for more of them until the batch is
    /// large enough or the first has waited long enough.
    async fn gather(
        &self,
        connection: &Connection,
        consumer: &mut Consumer,
    ) -> Result<Vec<Delivery>, SessionEnd> {
        let first = loop {
            tokio::select! {
                next = consumer.next() => break next.ok_or(SessionEnd::Cancelled)??,
                () = self.stopping.cancelled() => return Err(SessionEnd::Stopping),
                () = tokio::time::sleep(TICK) => amqp::ensure_connected(connection)?,
            }
        };
        let mut n_events = n_lines(&first);
        let mut deliveries = vec![first];
        let linger = tokio::time::sleep(self.linger);
        let mut linger = std::pin::pin!(linger);
        while n_events < self.batch_max_events && deliveries.len() < usize::from(self.prefetch) {
            tokio::select! {
                // What is there already is taken before the time is looked at.
                biased;
                next = consumer.next() => {
                    let delivery = next.ok_or(SessionEnd::Cancelled)??;
                    n_events += n_lines(&delivery);
                    deliveries.push(delivery);
                }
                () = &mut linger => break,
            }
        }
        Ok(deliveries)
    }

    /// Stores and dead-letters all of a batch, and then acknowledges it.
    async fn settle(
        &mut self,
        connection: &Connection,
        channel: &Channel,
        dead_letters: &DeadLetters,
        deliveries: Vec<Delivery>,
    ) -> Result<(), SessionEnd> {
        let mut decoded = Decoded::default();
        for delivery in &deliveries {
            decoded.add(message(delivery), Timestamp::now());
        }
        let span = span(&deliveries, &decoded);
        let refused = self
            .store_all(connection, &decoded)
            .instrument(span)
            .await?;
        for poison in decoded.poison.iter().chain(&refused) {
            dead_letters.publish(poison).await?;
            self.metrics.dead_lettered(poison.reason);
            tracing::error!(
                reason = poison.reason,
                detail = poison.detail,
                "dead-lettered what cannot be stored"
            );
        }
        if let Some(last) = deliveries.last() {
            // One consumer, one channel: everything up to here is settled.
            let options = BasicAckOptions { multiple: true };
            channel.basic_ack(last.delivery_tag, options).await?;
            self.receipts.settled(&deliveries);
        }
        Ok(())
    }

    /// Stores events, waiting for Postgres as long as it takes. Answers those
    /// that Postgres refuses for good.
    async fn store_all(
        &mut self,
        connection: &Connection,
        decoded: &Decoded,
    ) -> Result<Vec<Poison>, SessionEnd> {
        let mut refused = Vec::new();
        // From the last: conversions are credited to clicks that are there.
        let mut parts = vec![
            Part::Conversions(&decoded.conversions),
            Part::Clicks(&decoded.clicks),
        ];
        let mut backoff = Backoff::default();
        while let Some(part) = parts.pop() {
            if part.len() == 0 {
                continue;
            }
            let stored = match part {
                Part::Clicks(clicks) => self.store.store_clicks(clicks).await,
                Part::Conversions(conversions) => self.store.store_conversions(conversions).await,
            };
            match stored {
                Ok(stored) => {
                    self.metrics.stored(part, stored, Timestamp::now());
                    backoff.reset();
                }
                Err(error) if error.is_about_the_data() => match part.halves() {
                    Ok([left, right]) => parts.extend([right, left]),
                    Err(line) => refused.push(poison(line, &error)),
                },
                Err(error) => {
                    self.metrics.store_failures.inc();
                    let wait = backoff.next_wait();
                    let wait_ms = wait.as_millis();
                    tracing::warn!(error = %error, events = part.len(), wait_ms, "storing is tried again");
                    parts.push(part);
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.stopping.cancelled() => return Err(SessionEnd::Stopping),
                    }
                    amqp::ensure_connected(connection)?;
                }
            }
        }
        Ok(refused)
    }
}

fn n_lines(delivery: &Delivery) -> usize {
    delivery
        .data
        .iter()
        .filter(|&&byte| byte == b'\n')
        .count()
        .max(1)
}

fn message(delivery: &Delivery) -> Message<'_> {
    let header = |name| delivery.properties.headers().as_ref()?.inner().get(name);
    Message {
        content_type: delivery
            .properties
            .content_type()
            .as_ref()
            .map(|name| name.as_str()),
        schema_version: header("schema-version")
            .and_then(AMQPValue::as_long_int)
            .map(i64::from),
        body: &delivery.data,
    }
}

/// A span that goes on with the trace of the first message and names those of
/// the others and of the traced clicks.
fn span(deliveries: &[Delivery], decoded: &Decoded) -> tracing::Span {
    let span = tracing::info_span!(
        "click-worker.clicks.store",
        otel.kind = "consumer",
        messaging.batch.message_count = decoded.clicks.len() + decoded.conversions.len(),
    );
    let traceparent = |delivery: &Delivery| match delivery
        .properties
        .headers()
        .as_ref()?
        .inner()
        .get(TRACEPARENT)?
    {
        AMQPValue::LongString(text) => Some(text.to_string()),
        _ => None,
    };
    let mut messages = deliveries.iter().filter_map(traceparent);
    if let Some(first) = messages.next() {
        telemetry::continue_trace(&span, &first);
    }
    let clicks = decoded
        .clicks
        .iter()
        .filter_map(|event| event.traceparent.as_deref().map(str::to_owned));
    for context in messages
        .chain(clicks)
        .filter_map(|text| telemetry::remote_span(&text))
    {
        span.add_link(context);
    }
    span
}
