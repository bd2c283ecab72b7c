//! A connection's life: gather a batch, store it, acknowledge it.
//!
//! What cannot be stored now is held and tried again, not requeued: the broker
//! counts redeliveries, and an outage of Postgres is not the messages' fault.
//! What can never be stored goes to the dead letters. Whatever goes wrong with
//! RabbitMQ ends the session; what was not acknowledged comes again.

use std::time::{Duration, Instant};

use domain::click::ClickEvent;
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
    store::{Store, StoreError},
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
        let span = span(&deliveries, &decoded.events);
        let refused = self
            .store_all(connection, decoded.events)
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
        }
        Ok(())
    }

    /// Stores events, waiting for Postgres as long as it takes. Answers those
    /// that Postgres refuses for good.
    async fn store_all(
        &mut self,
        connection: &Connection,
        events: Vec<ClickEvent<'static>>,
    ) -> Result<Vec<Poison>, SessionEnd> {
        let mut refused = Vec::new();
        let mut parts: Vec<&[ClickEvent<'static>]> = vec![&events];
        let mut backoff = Backoff::default();
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.store.store(part).await {
                Ok(stored) => {
                    self.metrics.stored.inc_by(stored.n_new);
                    self.metrics.duplicates.inc_by(stored.n_duplicates);
                    self.observe(part);
                    backoff.reset();
                }
                Err(error) if error.is_about_the_data() => match part {
                    [event] => refused.push(poison(event, &error)),
                    part => {
                        let (left, right) = part.split_at(part.len() / 2);
                        parts.extend([right, left]);
                    }
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

    fn observe(&self, events: &[ClickEvent<'static>]) {
        let now_ms = Timestamp::now().as_millisecond();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a histogram has no use for more"
        )]
        for event in events {
            let lag_ms = (now_ms - event.click_id.unix_ms()).max(0);
            self.metrics.lag.observe(lag_ms as f64 / 1000.0);
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a histogram has no use for more"
        )]
        self.metrics.batch_events.observe(events.len() as f64);
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
fn span(deliveries: &[Delivery], events: &[ClickEvent<'static>]) -> tracing::Span {
    let span = tracing::info_span!(
        "click-worker.clicks.store",
        otel.kind = "consumer",
        messaging.batch.message_count = events.len(),
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
    let clicks = events
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

fn poison(event: &ClickEvent<'static>, error: &StoreError) -> Poison {
    let mut body = Vec::new();
    event.write_line(&mut body);
    Poison {
        body,
        reason: "refused_by_postgres",
        detail: error.to_string(),
    }
}
