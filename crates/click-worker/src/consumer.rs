//! Consuming from one queue: gather events, store them, acknowledge their messages.
//!
//! Events of an account whose lock is not free are set aside, with their messages not
//! acknowledged, while the others are stored; then they are tried again together with
//! what has come meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use jiff::Timestamp;
use lapin::{
    Channel, Connection,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable},
};
use platform::{
    amqp::Topology,
    backoff::Backoff,
    telemetry::{self, TRACEPARENT},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{
    dead_letter::DeadLetters,
    decode::{Decoded, Message, Poison},
    event::Event,
    metrics::Metrics,
    parked::park,
    progress::{InHand, Progress},
    receipts::Receipts,
    session::SessionEnd,
    store::{MAX_ACCOUNTS, Options, Outcome, Remedy, Store, StoreError},
};

/// How long a consumer that was told to stop tries to store the rest of messages that are
/// partly stored: the next consumer of the queue waits for it.
const LAST_BATCHES_TIMEOUT: Duration = Duration::from_secs(1);

/// How long events of accounts that are held wait for more events to come.
const ASIDE_PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy)]
pub struct ConsumerSettings {
    pub prefetch: u16,
    pub batch_max_events: usize,
    pub linger: Duration,
}

/// What a consumer is made of.
pub struct Parts {
    pub settings: ConsumerSettings,
    pub topology: Topology,
    pub store: Store,
    /// Batches that are stored at once, of all consumers.
    pub places: Arc<Semaphore>,
    pub pool: postgres::pool::Pool,
    pub receipts: Receipts,
    pub in_hand: InHand,
    pub progress: Progress,
    pub metrics: Metrics,
    pub stop: CancellationToken,
}

/// What a consumer does, in two halves that work at the same time: while one batch is
/// stored, the next one is taken in.
pub struct Consumer {
    intake: Intake,
    storing: Storing,
    /// A place among those who store.
    places: Arc<Semaphore>,
    in_hand: InHand,
    stop: CancellationToken,
    /// When it saw that it was told to stop.
    stopped_at: Option<Instant>,
}

/// Takes messages from the queue, and acknowledges them.
struct Intake {
    settings: ConsumerSettings,
    queue: String,
    channel: Channel,
    deliveries: lapin::Consumer,
    dead_letters: DeadLetters,
    receipts: Receipts,
    metrics: Metrics,
    /// Messages that are not acknowledged, by their delivery tags.
    messages: BTreeMap<u64, UnsettledMessage>,
    /// Events that nobody is storing yet.
    pending: Vec<PendingEvent>,
}

/// Stores batches of events.
struct Storing {
    queue: String,
    store: Store,
    pool: postgres::pool::Pool,
    progress: Progress,
    metrics: Metrics,
    stop: CancellationToken,
    /// Accounts that were held, in the order in which they are waited for.
    held_accounts: VecDeque<i64>,
}

struct UnsettledMessage {
    delivery: Delivery,
    n_events: usize,
    n_unsettled: usize,
}

impl UnsettledMessage {
    /// Some of its events are stored. If it went back to the queue, whoever gets it would
    /// find them as duplicates, which is slow.
    fn is_partly_stored(&self) -> bool {
        self.n_unsettled < self.n_events
    }
}

/// An event that was read from a message and is not stored yet.
struct PendingEvent {
    /// The message that it came in.
    delivery_tag: u64,
    event: Box<Event>,
    /// Its account, or that of the click which it names; `None` if that is not stored.
    account_id: Option<i64>,
}

/// What became of a batch.
#[derive(Default)]
struct Stored {
    /// The messages of events that are stored or parked, one entry for each event.
    settled: Vec<u64>,
    /// Events that can never be stored, with their messages.
    refused: Vec<(u64, Poison)>,
    /// Events of accounts that are held.
    held: Vec<PendingEvent>,
}

impl Consumer {
    pub async fn open(
        connection: &Connection,
        queue: &str,
        parts: Parts,
    ) -> Result<Self, SessionEnd> {
        let channel = connection.create_channel().await?;
        channel
            .basic_qos(parts.settings.prefetch, BasicQosOptions::default())
            .await?;
        let deliveries = channel
            .basic_consume(
                queue.into(),
                // The broker makes up a tag.
                "".into(),
                // Acknowledgements are wanted: no_ack stays off.
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok(Self {
            intake: Intake {
                settings: parts.settings,
                queue: queue.to_owned(),
                channel,
                deliveries,
                dead_letters: DeadLetters::open(connection, &parts.topology).await?,
                receipts: parts.receipts,
                metrics: parts.metrics.clone(),
                messages: BTreeMap::new(),
                pending: Vec::new(),
            },
            storing: Storing {
                queue: queue.to_owned(),
                store: parts.store,
                pool: parts.pool,
                progress: parts.progress,
                metrics: parts.metrics,
                stop: parts.stop.clone(),
                held_accounts: VecDeque::new(),
            },
            places: parts.places,
            in_hand: parts.in_hand,
            stop: parts.stop,
            stopped_at: None,
        })
    }

    /// Until it is told to stop: a batch under way is finished, as are messages that are
    /// partly stored, and what else is in hand goes back to the queue.
    pub async fn run(mut self) -> Result<(), SessionEnd> {
        while let Some(place) = self.next_batch().await? {
            let span = self.intake.span();
            let events = std::mem::take(&mut self.intake.pending);
            let oldest = oldest(&events);
            // A task of its own: reading messages does not keep Postgres waiting.
            let mut storing = self.storing;
            let task = async move {
                let stored = storing.store_all(events).await;
                (storing, stored)
            };
            let mut task = AbortOnDropHandle::new(tokio::spawn(task.instrument(span)));
            let stored = loop {
                tokio::select! {
                    biased;
                    ended = &mut task => {
                        let (storing, stored) = ended?;
                        self.storing = storing;
                        break stored;
                    }
                    next = self.intake.deliveries.next(),
                        if self.intake.has_room() && !self.stop.is_cancelled() =>
                    {
                        self.intake.take(next).await?;
                        self.in_hand.set(oldest);
                    }
                }
            };
            drop(place);
            let stored = match stored {
                // Told to stop while Postgres was away.
                Err(SessionEnd::Stopping) => break,
                stored => stored?,
            };
            self.intake.settle(stored).await?;
            self.in_hand.set(self::oldest(&self.intake.pending));
        }
        // Its prefetched messages are delivered to whoever consumes next.
        let closed = self.intake.channel.close(200, "another worker".into());
        Ok(closed.await?)
    }

    /// Waits for events, and for more of them until the batch is large enough, or the
    /// first has waited long enough and a place among those who store is free. `None`
    /// when it is told to stop.
    async fn next_batch(&mut self) -> Result<Option<OwnedSemaphorePermit>, SessionEnd> {
        let intake = &mut self.intake;
        let mut linger = ASIDE_PAUSE;
        while intake.pending.is_empty() {
            tokio::select! {
                next = intake.deliveries.next() => intake.take(next).await?,
                () = self.stop.cancelled() => return Ok(None),
            }
            linger = intake.settings.linger;
        }
        if self.stop.is_cancelled() {
            return Ok(self.last_batch().await);
        }
        self.in_hand.set(oldest(&intake.pending));
        let linger = tokio::time::sleep(linger);
        tokio::pin!(linger);
        while intake.has_room() {
            tokio::select! {
                // What is there already is taken before the time is looked at.
                biased;
                () = self.stop.cancelled() => return Ok(self.last_batch().await),
                next = intake.deliveries.next() => intake.take(next).await?,
                () = &mut linger => break,
            }
        }
        let place = self.places.clone().acquire_owned();
        tokio::pin!(place);
        loop {
            tokio::select! {
                biased;
                // Another worker may have a place at once.
                () = self.stop.cancelled() => return Ok(self.last_batch().await),
                place = &mut place => {
                    return Ok(Some(place.expect("the semaphore is never closed")));
                }
                next = intake.deliveries.next(), if intake.has_room() => intake.take(next).await?,
            }
        }
    }

    /// What is still to be stored by a consumer that was told to stop: the rest of the
    /// messages that are partly stored. `None` if there is no such message, or if that has
    /// been tried for long enough.
    async fn last_batch(&mut self) -> Option<OwnedSemaphorePermit> {
        let stopped_at = *self.stopped_at.get_or_insert_with(Instant::now);
        self.intake.drop_untouched_messages();
        if self.intake.pending.is_empty() || stopped_at.elapsed() > LAST_BATCHES_TIMEOUT {
            return None;
        }
        // Their accounts were locked by somebody else a moment ago.
        tokio::time::sleep(ASIDE_PAUSE).await;
        let place = self.places.clone().acquire_owned().await;
        Some(place.expect("the semaphore is never closed"))
    }
}

fn oldest(events: &[PendingEvent]) -> Option<Timestamp> {
    events.iter().map(|pending| pending.event.time()).min()
}

impl Intake {
    fn has_room(&self) -> bool {
        self.pending.len() < self.settings.batch_max_events
            && self.messages.len() < usize::from(self.settings.prefetch)
    }

    /// Takes a message apart; what cannot be read is dead-lettered.
    async fn take(&mut self, next: Option<lapin::Result<Delivery>>) -> Result<(), SessionEnd> {
        let delivery = next.ok_or_else(|| SessionEnd::Cancelled(self.queue.clone()))??;
        let mut decoded = Decoded::default();
        decoded.add(message(&delivery), Timestamp::now());
        for poison in &decoded.poison {
            self.dead_letter(poison).await?;
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

    /// Leaves messages of which nothing is stored to the broker, which delivers them to
    /// somebody else when the channel is closed.
    fn drop_untouched_messages(&mut self) {
        self.messages
            .retain(|_, message| message.is_partly_stored());
        let messages = &self.messages;
        self.pending
            .retain(|event| messages.contains_key(&event.delivery_tag));
    }

    async fn dead_letter(&self, poison: &Poison) -> Result<(), SessionEnd> {
        self.dead_letters.publish(poison).await?;
        self.metrics.dead_lettered(poison.reason);
        tracing::error!(
            reason = poison.reason,
            detail = poison.detail,
            "dead-lettered what cannot be stored"
        );
        Ok(())
    }

    /// Acknowledges the messages of which nothing is left in hand.
    async fn settle(&mut self, stored: Stored) -> Result<(), SessionEnd> {
        let mut settled = stored.settled;
        for (delivery_tag, poison) in stored.refused {
            self.dead_letter(&poison).await?;
            settled.push(delivery_tag);
        }
        self.pending.extend(stored.held);
        let mut done = Vec::new();
        for delivery_tag in settled {
            let message = self.messages.get_mut(&delivery_tag);
            let message = message.expect("it is kept until all of its events are settled");
            message.n_unsettled -= 1;
            if message.n_unsettled == 0 {
                done.push(delivery_tag);
            }
        }
        for delivery_tag in done {
            self.acknowledge(delivery_tag).await?;
        }
        Ok(())
    }

    async fn acknowledge(&mut self, delivery_tag: u64) -> Result<(), SessionEnd> {
        let options = BasicAckOptions::default();
        self.channel.basic_ack(delivery_tag, options).await?;
        if let Some(message) = self.messages.remove(&delivery_tag) {
            self.receipts.settled(&message.delivery);
        }
        Ok(())
    }

    /// A span that goes on with the trace of the first message and names those of
    /// the others and of the traced clicks.
    fn span(&self) -> tracing::Span {
        let span = tracing::info_span!(
            "click-worker.clicks.store",
            otel.kind = "consumer",
            messaging.batch.message_count = self.pending.len(),
        );
        let messages = self.messages.values();
        let mut traces = messages.filter_map(|message| traceparent(&message.delivery));
        if let Some(first) = traces.next() {
            telemetry::continue_trace(&span, &first);
        }
        let clicks = self
            .pending
            .iter()
            .filter_map(|pending| match &*pending.event {
                Event::Click(click) => click.traceparent.as_deref().map(str::to_owned),
                Event::Conversion(_) => None,
            });
        for context in traces
            .chain(clicks)
            .filter_map(|text| telemetry::parse_traceparent(&text))
        {
            span.add_link(context);
        }
        span
    }
}

impl Storing {
    /// Stores events, waiting for Postgres as long as it takes.
    async fn store_all(&mut self, mut events: Vec<PendingEvent>) -> Result<Stored, SessionEnd> {
        let mut stored = Stored::default();
        let mut backoff = Backoff::default();
        while let Err(error) = self.find_accounts(&mut events).await {
            self.wait_to_retry(&error, events.len(), &mut backoff)
                .await?;
        }
        // From the last.
        let mut batches = split_by_accounts(events);
        while let Some(mut batch) = batches.pop() {
            let error = match self.store_batch(&batch).await {
                Ok(outcome) => {
                    backoff.reset();
                    self.note_stored(batch, &outcome, &mut stored);
                    continue;
                }
                Err(error) => error,
            };
            match error.remedy() {
                Remedy::LeaveAccount => {
                    let (held, others) = self.without_awaited(batch);
                    stored.held.extend(held);
                    if !others.is_empty() {
                        batches.push(others);
                    }
                }
                Remedy::SplitAndRefuse | Remedy::SplitAndPark(_) if batch.len() > 1 => {
                    self.metrics.store_failures.inc();
                    tracing::info!(error = %error, events = batch.len(), "a batch failed and is halved");
                    let right = batch.split_off(batch.len() / 2);
                    batches.extend([right, batch]);
                }
                Remedy::SplitAndRefuse => {
                    let poison = |pending: PendingEvent| Poison {
                        body: pending.event.line(),
                        reason: "refused_by_postgres",
                        detail: error.to_string(),
                    };
                    let refused = batch.into_iter().map(|p| (p.delivery_tag, poison(p)));
                    stored.refused.extend(refused);
                }
                Remedy::SplitAndPark(reason) => match self.park(&batch, reason, &error).await {
                    Ok(()) => stored.settled.extend(batch.iter().map(|p| p.delivery_tag)),
                    Err(error) => {
                        self.wait_to_retry(&error, batch.len(), &mut backoff)
                            .await?;
                        batches.push(batch);
                    }
                },
                Remedy::TryAgain => {
                    self.wait_to_retry(&error, batch.len(), &mut backoff)
                        .await?;
                    batches.push(batch);
                }
            }
        }
        Ok(stored)
    }

    async fn wait_to_retry(
        &self,
        error: &StoreError,
        n_events: usize,
        backoff: &mut Backoff,
    ) -> Result<(), SessionEnd> {
        self.metrics.store_failures.inc();
        let wait = backoff.next_wait();
        let wait_ms = wait.as_millis();
        tracing::warn!(error = %error, queue = self.queue, events = n_events, wait_ms, "storing is tried again");
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = self.stop.cancelled() => Err(SessionEnd::Stopping),
        }
    }

    /// Conversions that name nothing but a click belong to its account.
    async fn find_accounts(&self, events: &mut [PendingEvent]) -> Result<(), StoreError> {
        let named = |pending: &PendingEvent| match pending.account_id {
            None => pending.event.named_click(),
            Some(_) => None,
        };
        let clicks: Vec<_> = events.iter().filter_map(named).collect();
        if clicks.is_empty() {
            return Ok(());
        }
        let accounts = self.store.find_accounts(&clicks).await?;
        for pending in events {
            if let Some(click) = named(pending) {
                pending.account_id = accounts.get(&click).copied();
            }
        }
        Ok(())
    }

    async fn store_batch(&mut self, batch: &[PendingEvent]) -> Result<Outcome, StoreError> {
        let is_in_batch = |id: &&i64| batch.iter().any(|e| e.account_id == Some(**id));
        let options = Options {
            awaited_account: self.held_accounts.front().filter(is_in_batch).copied(),
            ..Options::default()
        };
        let events: Vec<_> = batch
            .iter()
            .map(|pending| (pending.account_id, &*pending.event))
            .collect();
        self.store.store(&events, options).await
    }

    /// The events of the account that was waited for in vain, and the others. Another
    /// account is waited for next.
    fn without_awaited(
        &mut self,
        batch: Vec<PendingEvent>,
    ) -> (Vec<PendingEvent>, Vec<PendingEvent>) {
        let awaited = self.held_accounts.front().copied();
        self.held_accounts.rotate_left(1);
        batch
            .into_iter()
            .partition(|pending| pending.account_id.is_some() && pending.account_id == awaited)
    }

    /// Sets the events aside whose account was held; the others of the batch are stored.
    fn note_stored(&mut self, batch: Vec<PendingEvent>, outcome: &Outcome, stored: &mut Stored) {
        let accounts: BTreeSet<i64> = batch.iter().filter_map(|e| e.account_id).collect();
        self.held_accounts
            .retain(|id| outcome.held_accounts.contains(id) || !accounts.contains(id));
        for account_id in &outcome.held_accounts {
            if !self.held_accounts.contains(account_id) {
                self.held_accounts.push_back(*account_id);
            }
        }
        let is_held = |pending: &PendingEvent| {
            let account_id = pending.account_id.as_ref();
            account_id.is_some_and(|id| outcome.held_accounts.contains(id))
        };
        let (held, settled): (Vec<_>, Vec<_>) = batch.into_iter().partition(is_held);
        let now = Timestamp::now();
        let events = settled.iter().map(|pending| &*pending.event);
        self.metrics.stored(events, outcome, now);
        self.progress.committed(now);
        stored.held.extend(held);
        let tags = settled.iter().map(|pending| pending.delivery_tag);
        stored.settled.extend(tags);
    }

    async fn park(
        &self,
        batch: &[PendingEvent],
        reason: &'static str,
        error: &StoreError,
    ) -> Result<(), StoreError> {
        let detail = error.to_string();
        for PendingEvent {
            event, account_id, ..
        } in batch
        {
            park(&self.pool, event, *account_id, reason, &detail).await?;
            self.metrics.parked(reason);
            tracing::error!(
                event.id = %event.id(),
                account.id = *account_id,
                reason,
                detail,
                "an event fails by itself and is parked"
            );
        }
        Ok(())
    }
}

/// Batches of no more accounts than a transaction may have, each account in one of them.
fn split_by_accounts(mut events: Vec<PendingEvent>) -> Vec<Vec<PendingEvent>> {
    events.sort_by_key(|pending| pending.account_id);
    let mut batches: Vec<Vec<PendingEvent>> = Vec::new();
    let mut n_accounts = 0;
    for pending in events {
        let batch = match batches.last_mut() {
            Some(batch) => batch,
            None => batches.push_mut(Vec::new()),
        };
        let is_new_account = batch
            .last()
            .is_none_or(|last| last.account_id != pending.account_id);
        n_accounts += usize::from(is_new_account);
        if n_accounts > MAX_ACCOUNTS {
            n_accounts = 1;
            batches.push(vec![pending]);
        } else {
            batch.push(pending);
        }
    }
    batches
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(account_id: Option<i64>) -> PendingEvent {
        let line = r#"{"click_id":"01a11d5c-1e7b-7123-8123-456789abcdef","account_id":1,
            "link_key":1,"link_id":"Ab3kX9q","ip":"203.0.113.9"}"#;
        PendingEvent {
            delivery_tag: 1,
            event: Box::new(crate::decode::read_line(line.as_bytes()).unwrap()),
            account_id,
        }
    }

    #[test]
    fn a_batch_has_no_more_accounts_than_a_transaction_may_lock() {
        for n_accounts in [0, 1, 199, 200, 201, 1000] {
            let events = (0..3).flat_map(|_| (0..n_accounts).map(|id| pending(Some(id))));
            let batches = split_by_accounts(events.collect());
            let accounts = |batch: &Vec<PendingEvent>| -> BTreeSet<_> {
                batch.iter().map(|event| event.account_id).collect()
            };
            assert!(
                batches
                    .iter()
                    .all(|batch| accounts(batch).len() <= MAX_ACCOUNTS)
            );
            let n_events: usize = batches.iter().map(Vec::len).sum();
            assert_eq!(n_events, usize::try_from(n_accounts).unwrap() * 3);
            let n_in_batches: usize = batches.iter().map(|batch| accounts(batch).len()).sum();
            assert_eq!(
                n_in_batches,
                usize::try_from(n_accounts).unwrap(),
                "each in one"
            );
        }
    }
}
