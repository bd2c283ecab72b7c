//! The log's way to RabbitMQ: confirmed batches, in order, from the spool.
//!
//! A session connects, declares the topology, and sends what is durable with a
//! window of unconfirmed messages. Whatever goes wrong (connection or channel
//! lost, a nack, a returned message, no confirm in time) ends the session; the
//! next one begins at the first record that was not confirmed (see `releases`). A
//! broker that blocks publishers is waited for. Consumers see duplicates and know
//! them by their click ids.
//!
//! What is confirmed stays in the spool until a worker's receipt says that it is
//! stored (see `unstored`), or until the spool needs the room.

mod receipts;
mod releases;
mod unstored;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{
    event::{CONTENT_TYPE, MAX_EVENTS_PER_MESSAGE, SCHEMA_VERSION},
    partition::partition_of_line,
};
use lapin::{
    BasicProperties, Channel, Connection, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};
use platform::{
    amqp::{self, ConfirmError, ConnectError, Topology},
    backoff::Backoff,
    health::DependencyHealth,
    service::Deadline,
    telemetry::{self, TRACEPARENT},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    metrics::Metrics,
    spool::{Batch, Position, Reader, Spool},
};
use receipts::Receipts;
use releases::{Released, Releases};
use unstored::{MessageId, Range, UnstoredByPartition};

/// How long the first event of a message waits for more.
const LINGER: Duration = Duration::from_millis(5);
/// Bytes of a message: what a broker takes without splitting hairs.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;
/// Messages under way at once.
const WINDOW: usize = 64;
/// After this long without a click the last segment is closed and deleted.
const IDLE: Duration = Duration::from_secs(1);
/// How often a waiting session looks at the time and the broker's state.
const TICK: Duration = Duration::from_millis(250);
/// How long a stop waits for receipts. What none came for stays in the spool, and is sent
/// again after the next start.
const RECEIPTS_AT_STOP: Duration = Duration::from_secs(1);

pub struct PublisherSettings {
    pub addresses: amqp::BrokerAddresses,
    pub topology: Topology,
    pub confirm_timeout: Duration,
    pub drain_timeout: Duration,
    /// How long something may be unstored when something later is stored.
    pub resend_after: Duration,
    /// Bytes of the spool up to which it keeps what is confirmed and not known to
    /// be stored.
    pub keep_bytes: u64,
}

pub struct Publisher {
    pub settings: PublisherSettings,
    pub spool: Spool,
    pub metrics: Metrics,
    pub health: DependencyHealth,
    /// Cancelled once nothing is appended to the spool any more.
    pub stopping: CancellationToken,
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum SessionEnd {
    #[error(transparent)]
    NotConnected(#[from] ConnectError),
    #[error(transparent)]
    Unconfirmed(#[from] ConfirmError),
    #[error("a message could not be published: {0}")]
    NotPublished(#[from] lapin::Error),
    #[error("the spool cannot be read: {0}")]
    Spool(#[from] std::io::Error),
}

impl SessionEnd {
    fn reason(&self) -> &'static str {
        match self {
            Self::NotConnected(_) => "not_connected",
            Self::Unconfirmed(ConfirmError::Returned { .. }) => "returned",
            Self::Unconfirmed(ConfirmError::Nacked) => "nacked",
            Self::Unconfirmed(ConfirmError::NotRequested) => "not_in_confirm_mode",
            Self::Unconfirmed(ConfirmError::ConnectionLost(_)) | Self::NotPublished(_) => {
                "connection_lost"
            }
            Self::Unconfirmed(ConfirmError::TimedOut(_)) => "confirm_timeout",
            Self::Spool(_) => "spool_unreadable",
        }
    }
}

impl Publisher {
    /// Publishes until stopping and then until the spool is empty, or for the
    /// drain timeout. What is left stays in the spool.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut reader = self.spool.reader();
        let mut progress = Progress {
            process: format!("{:016x}", rand::random::<u64>()),
            confirmed: Position::default(),
            unstored: UnstoredByPartition::new(
                self.settings.topology.n_partitions,
                self.settings.resend_after,
                Instant::now(),
            ),
        };
        let mut backoff = Backoff::default();
        let deadline = Deadline::after_cancellation(&self.stopping, self.settings.drain_timeout);
        loop {
            reader.seek(progress.confirmed);
            let before = progress.confirmed;
            let session = self.session(&mut reader, &mut progress);
            let end = tokio::select! {
                end = session => end,
                () = deadline.reached() => {
                    tracing::warn!(spool.bytes = self.spool.bytes(), "stopping with clicks in the spool: they are published after the next start");
                    return Ok(());
                }
            };
            let Err(end) = end else {
                tracing::info!("all clicks are published");
                let bytes = self.spool.bytes();
                if bytes > 0 {
                    tracing::info!(
                        spool.bytes = bytes,
                        "clicks that no worker has stored yet stay in the spool: they are sent again after the next start"
                    );
                }
                return Ok(());
            };
            if progress.confirmed != before {
                backoff.reset();
            }
            self.metrics.publisher_failure(end.reason());
            self.health.mark_down(&end);
            let wait = backoff.next_wait();
            let wait_ms = wait.as_millis();
            tracing::warn!(reason = end.reason(), error = %end, wait_ms, "publishing begins anew");
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = deadline.reached() => {}
            }
        }
    }

    /// Ends well only when stopping and everything is confirmed.
    async fn session(
        &self,
        reader: &mut Reader,
        progress: &mut Progress,
    ) -> Result<(), SessionEnd> {
        let settings = &self.settings;
        let (connection, channel) =
            amqp::connect(&settings.addresses, &settings.topology, "edge-redirector").await?;
        let connection = Arc::new(connection);
        let result = self
            .publish_on(&connection, channel, reader, progress)
            .await;
        self.metrics.broker_blocked.set(0);
        match &result {
            Ok(()) => amqp::close(&connection).await,
            // It would stay open, and the next session opens another.
            Err(_) => amqp::close_in_background(connection),
        }
        result
    }

    async fn publish_on(
        &self,
        connection: &Arc<Connection>,
        channel: Channel,
        reader: &mut Reader,
        progress: &mut Progress,
    ) -> Result<(), SessionEnd> {
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        let receipts = Receipts::start(
            connection.clone(),
            self.settings.topology.clone(),
            progress.process.clone(),
            self.metrics.clone(),
        );
        self.health.mark_up();
        tracing::info!("connected to RabbitMQ");
        let mut session = Session {
            publisher: self,
            connection,
            channel,
            window: VecDeque::with_capacity(WINDOW),
            releases: Releases::default(),
            receipts,
            again: None,
            again_reader: self.spool.reader(),
            durable: self.spool.durable(),
            is_blocked: false,
        };
        session.run(reader, progress).await?;
        session.receipts.stop().await;
        Ok(())
    }
}

/// How far publishing has come, whatever happens to sessions.
struct Progress {
    /// Names this process in receipts: those for an earlier one, which may have
    /// used the same positions, are not its own.
    process: String,
    /// Everything before it is on a queue.
    confirmed: Position,
    unstored: UnstoredByPartition,
}

struct Session<'p> {
    publisher: &'p Publisher,
    connection: &'p Connection,
    channel: Channel,
    /// Published and not confirmed, oldest first.
    window: VecDeque<Published>,
    /// Confirmed and not released.
    releases: Releases,
    receipts: Receipts,
    /// What is being sent again, and its reader.
    again: Option<MessageId>,
    again_reader: Reader,
    durable: watch::Receiver<Position>,
    is_blocked: bool,
}

/// What is published in one message.
struct Message {
    id: MessageId,
    part: Part,
    /// As in [`Released`].
    end: Option<Position>,
}

/// The lines of one partition.
#[derive(Debug, Default, PartialEq, Eq)]
struct Part {
    lines: Vec<u8>,
    n_events: usize,
}

/// The lines of a batch by the partitions of their accounts, in their order.
fn split_by_partition(lines: &[u8], n_partitions: u16) -> BTreeMap<u16, Part> {
    let mut parts: BTreeMap<u16, Part> = BTreeMap::new();
    for line in lines.split_inclusive(|&byte| byte == b'\n') {
        let part = parts
            .entry(partition_of_line(line, n_partitions))
            .or_default();
        part.lines.extend_from_slice(line);
        part.n_events += 1;
    }
    parts
}

fn message_id(partition: u16, batch: &Batch) -> MessageId {
    let range = Range {
        start: batch.start,
        end: batch.end,
    };
    MessageId { partition, range }
}

struct Published {
    confirm: PublisherConfirm,
    /// As in [`Released`].
    end: Option<Position>,
    n_events: usize,
    since: Instant,
}

impl Session<'_> {
    async fn run(
        &mut self,
        reader: &mut Reader,
        progress: &mut Progress,
    ) -> Result<(), SessionEnd> {
        let mut idle_since = Instant::now();
        let mut all_confirmed_since = None;
        loop {
            let is_stopping = self.publisher.stopping.is_cancelled();
            self.durable.mark_unchanged();
            self.take_receipts(progress);
            let sent_all = self.fill_window(reader, progress).await?;
            let spool_bytes = i64::try_from(self.publisher.spool.bytes()).unwrap_or(i64::MAX);
            self.publisher.metrics.spool_bytes.set(spool_bytes);
            if let Some(oldest) = self.window.front_mut() {
                let confirm = &mut oldest.confirm;
                let more = self.durable.changed();
                tokio::select! {
                    result = confirm => {
                        amqp::check_confirmation(result)?;
                        self.confirm_oldest(progress);
                    }
                    _ = more, if sent_all => tokio::time::sleep(LINGER).await,
                    () = tokio::time::sleep(TICK) => {}
                }
                self.check_broker()?;
                idle_since = Instant::now();
                continue;
            }
            if !sent_all {
                continue;
            }
            let all_are_stored = progress.unstored.first().is_none();
            if is_stopping {
                let since = all_confirmed_since.get_or_insert_with(Instant::now);
                if all_are_stored {
                    self.publisher.spool.release(reader.position());
                    return Ok(());
                }
                // The broker may lose what no worker has stored: it stays in the spool.
                if since.elapsed() >= RECEIPTS_AT_STOP {
                    return Ok(());
                }
            }
            if idle_since.elapsed() >= IDLE && all_are_stored && self.publisher.spool.bytes() > 0 {
                self.publisher.spool.close_segment(reader.position());
                self.publisher.spool.release(reader.position());
            }
            tokio::select! {
                _ = self.durable.changed() => {
                    idle_since = Instant::now();
                    tokio::time::sleep(LINGER).await;
                }
                () = self.publisher.stopping.cancelled(), if !is_stopping => {}
                () = self.receipts.wait() => {}
                () = tokio::time::sleep(TICK) => self.check_broker()?,
            }
        }
    }

    /// Publishes until the window is full or all is sent; true if the latter.
    async fn fill_window(
        &mut self,
        reader: &mut Reader,
        progress: &mut Progress,
    ) -> Result<bool, SessionEnd> {
        self.send_again(progress).await?;
        while self.window.len() < WINDOW {
            let Some(batch) = reader.next_batch(MAX_EVENTS_PER_MESSAGE, MAX_MESSAGE_BYTES)? else {
                return Ok(true);
            };
            self.count_damage(&batch);
            if batch.n_records > 0 {
                self.publish_batch(&batch, progress).await?;
            }
        }
        Ok(false)
    }

    fn count_damage(&self, batch: &Batch) {
        let metrics = &self.publisher.metrics;
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        metrics.spool_damaged.inc_by(count(batch.n_damaged));
        metrics.spool_unreadable.inc_by(count(batch.n_unreadable));
    }

    /// A message of what seems to be lost, if there is such and the window has
    /// room: what is new does not wait for all of what is old.
    async fn send_again(&mut self, progress: &mut Progress) -> Result<(), SessionEnd> {
        if self.window.len() >= WINDOW {
            return Ok(());
        }
        if self.again.is_none() {
            self.again = progress.unstored.due(Instant::now());
            let Some(MessageId { partition, range }) = self.again else {
                return Ok(());
            };
            self.again_reader.seek(range.start);
            tracing::warn!(
                partition,
                segment = range.start.segment,
                bytes = range.end.offset - range.start.offset,
                "sending again what was confirmed and then not stored"
            );
        }
        let batch = self
            .again_reader
            .next_batch(MAX_EVENTS_PER_MESSAGE, MAX_MESSAGE_BYTES)?;
        match (self.again, batch) {
            (Some(MessageId { partition, range }), Some(batch)) if batch.start < range.end => {
                self.count_damage(&batch);
                if batch.n_unreadable > 0 {
                    // What is read of it after all is published below.
                    let start = range.start;
                    let end = range.end.min(batch.end);
                    let range = Range { start, end };
                    progress.unstored.give_up(MessageId { partition, range });
                }
                if batch.end >= range.end {
                    self.again = None;
                }
                let n_partitions = self.publisher.settings.topology.n_partitions;
                let mut parts = split_by_partition(&batch.bytes, n_partitions);
                if let Some(part) = parts.remove(&partition) {
                    let n_events = u64::try_from(part.n_events).unwrap_or(u64::MAX);
                    self.publisher.metrics.resent_events.inc_by(n_events);
                    let message = Message {
                        id: message_id(partition, &batch),
                        part,
                        end: None,
                    };
                    self.publish(message, progress).await?;
                }
            }
            // Of a segment that was deleted meanwhile, or cannot be opened any more, nothing
            // is left to send.
            (again, batch) => {
                if let Some(batch) = batch {
                    self.count_damage(&batch);
                }
                if let Some(id) = again {
                    progress.unstored.give_up(id);
                }
                self.again = None;
            }
        }
        Ok(())
    }

    /// Publishes a batch as a message for each partition that has events in it. The
    /// batch is confirmed when the last of them is.
    async fn publish_batch(
        &mut self,
        batch: &Batch,
        progress: &mut Progress,
    ) -> Result<(), SessionEnd> {
        let n_partitions = self.publisher.settings.topology.n_partitions;
        let parts = split_by_partition(&batch.bytes, n_partitions);
        let last = parts.len().saturating_sub(1);
        for (index, (partition, part)) in parts.into_iter().enumerate() {
            let message = Message {
                id: message_id(partition, batch),
                part,
                end: (index == last).then_some(batch.end),
            };
            self.publish(message, progress).await?;
        }
        Ok(())
    }

    /// Publishes a message into the window.
    async fn publish(
        &mut self,
        message: Message,
        progress: &mut Progress,
    ) -> Result<(), SessionEnd> {
        let Message { id, part, end } = message;
        let span = tracing::info_span!(
            "edge-redirector.clicks.publish",
            otel.kind = "producer",
            messaging.batch.message_count = part.n_events,
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
            .with_delivery_mode(amqp::DELIVERY_MODE_PERSISTENT)
            .with_reply_to(self.receipts.queue())
            .with_correlation_id(receipts::correlation_id(&progress.process, id))
            .with_headers(headers);
        let options = BasicPublishOptions {
            // Unroutable is to be returned, not dropped and confirmed.
            mandatory: true,
            ..Default::default()
        };
        let since = Instant::now();
        let exchange = self.publisher.settings.topology.clicks_exchange.clone();
        let channel = self.channel.clone();
        let key = Topology::partition_routing_key(id.partition);
        let publishing = channel
            .basic_publish(exchange, key, options, &part.lines, properties)
            .instrument(span);
        let mut publishing = std::pin::pin!(publishing);
        // A blocked or frozen broker takes no bytes: look at it meanwhile.
        let confirm = loop {
            tokio::select! {
                published = &mut publishing => break published?,
                () = tokio::time::sleep(TICK) => self.check_timeout(since)?,
            }
        };
        self.window.push_back(Published {
            confirm,
            end,
            n_events: part.n_events,
            since: Instant::now(),
        });
        self.releases.published();
        progress.unstored.published(id, Instant::now());
        Ok(())
    }

    fn take_receipts(&mut self, progress: &mut Progress) {
        let mut is_news = false;
        while let Some(stored) = self.receipts.take() {
            for message in stored {
                progress.unstored.stored(message, Instant::now());
                is_news = true;
            }
        }
        if is_news {
            self.release(progress);
        }
    }

    /// Frees the spool of what is stored, and of the oldest of what is confirmed
    /// if it is too much.
    fn release(&self, progress: &mut Progress) {
        let spool = &self.publisher.spool;
        let first = progress.unstored.first().unwrap_or(progress.confirmed);
        spool.release(first.min(progress.confirmed));
        // A full disk needs the room at once.
        let keep_bytes = match spool.is_failing() {
            true => 0,
            false => self.publisher.settings.keep_bytes,
        };
        if let Some(start) = spool.release_over(progress.confirmed, keep_bytes) {
            progress.unstored.forget_before(start);
        }
    }

    fn confirm_oldest(&mut self, progress: &mut Progress) {
        if let Some(oldest) = self.window.pop_front() {
            self.releases.confirmed(Released {
                end: oldest.end,
                n_events: oldest.n_events,
            });
        }
        while let Some(released) = self.releases.next() {
            let n_events = u64::try_from(released.n_events).unwrap_or(u64::MAX);
            self.publisher.metrics.published_messages.inc();
            self.publisher.metrics.published_events.inc_by(n_events);
            progress.confirmed = released.end.unwrap_or(progress.confirmed);
        }
        self.release(progress);
    }

    fn check_broker(&mut self) -> Result<(), SessionEnd> {
        amqp::ensure_connected(self.connection).map_err(ConfirmError::ConnectionLost)?;
        match self.window.front().map(|oldest| oldest.since) {
            Some(since) => self.check_timeout(since),
            None => Ok(()),
        }
    }

    /// A broker that says it is blocked may take as long as it needs.
    fn check_timeout(&mut self, since: Instant) -> Result<(), SessionEnd> {
        let is_blocked = self.connection.status().blocked();
        if is_blocked != self.is_blocked {
            self.is_blocked = is_blocked;
            self.publisher
                .metrics
                .broker_blocked
                .set(i64::from(is_blocked));
            if is_blocked {
                self.publisher
                    .health
                    .mark_down("RabbitMQ blocks publishers: its memory or disk is full");
                tracing::warn!("RabbitMQ blocks publishers: clicks wait in the spool");
            } else {
                self.publisher.health.mark_up();
                tracing::info!("RabbitMQ takes messages again");
                self.window
                    .iter_mut()
                    .for_each(|message| message.since = Instant::now());
                return Ok(());
            }
        }
        let timeout = self.publisher.settings.confirm_timeout;
        if !is_blocked && since.elapsed() > timeout {
            return Err(ConfirmError::TimedOut(timeout).into());
        }
        Ok(())
    }
}

/// The publisher's part of the settings.
pub fn settings(settings: &crate::settings::Settings) -> anyhow::Result<PublisherSettings> {
    anyhow::ensure!(
        settings.spool_segment_bytes <= settings.spool_max_bytes,
        "SPOOL_SEGMENT_BYTES is larger than SPOOL_MAX_BYTES"
    );
    let keep_bytes = settings
        .spool_keep_bytes
        .unwrap_or(settings.spool_max_bytes / 2);
    anyhow::ensure!(
        keep_bytes <= settings.spool_max_bytes,
        "SPOOL_KEEP_BYTES is larger than SPOOL_MAX_BYTES"
    );
    Ok(PublisherSettings {
        addresses: settings.amqp.amqp_url.clone(),
        topology: settings.amqp.topology(),
        confirm_timeout: Duration::from_millis(settings.confirm_timeout_ms),
        drain_timeout: settings.drain_timeout(),
        resend_after: Duration::from_millis(settings.resend_after_ms),
        keep_bytes,
    })
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    /// As in the metrics, which have all of them from the start.
    #[test]
    fn every_reason_is_known_to_the_metrics() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let ended = || lapin::ErrorKind::MissingHeartbeatError.into();
        let returned = ConfirmError::Returned {
            reply_code: 312,
            reply_text: "NO_ROUTE".to_owned(),
        };
        let ends: [SessionEnd; 8] = [
            ConnectError::TimedOut(Duration::ZERO).into(),
            returned.into(),
            ConfirmError::Nacked.into(),
            ConfirmError::NotRequested.into(),
            ConfirmError::ConnectionLost(ended()).into(),
            ConfirmError::TimedOut(Duration::ZERO).into(),
            SessionEnd::NotPublished(ended()),
            SessionEnd::Spool(std::io::Error::other("broken")),
        ];
        let n_lines = |registry: &Registry| {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
            text.lines().count()
        };
        let before = n_lines(&registry);
        for end in ends {
            metrics.publisher_failure(end.reason());
            assert_eq!(n_lines(&registry), before, "{end}");
        }
    }
}
