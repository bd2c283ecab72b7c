//! Follows the record changes, so that no cached record is older than a moment.
//!
//! links-api names changed records on a channel of Redis, numbers its deliveries, and sends
//! a heartbeat every second once all changes are delivered. While the heartbeats arrive and
//! no number is missing, this process has received all changes, and Redis has the changed
//! records. Otherwise (Redis is lost, or refuses the writes of links-api, or only links-api
//! cannot reach it) this process polls the origin for changes, and reads records from the
//! origin before Redis. While the origin does not answer either, the cache counts as fresh
//! as long as the subscription stands, since it is then as good as Redis; without the
//! subscription all cached records are stale.

use std::{
    collections::HashSet,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use domain::record::{CHANGES_CHANNEL, ChannelMessage, RecordChange};
use platform::{
    health::DependencyHealth,
    redis_cache::{CacheError, RedisCache, Subscription},
};
use tokio_util::sync::CancellationToken;

use super::{feed_completeness::FeedCompleteness, resolver::Resolver};

/// Time between attempts to subscribe, and between polls of the origin.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);
/// How long a poll of the origin may take.
const POLL_TIMEOUT: Duration = Duration::from_millis(500);
/// The origin's response has the changes of this last time only.
const ORIGIN_CHANGE_RETENTION: Duration = Duration::from_secs(60);

/// Runs until `stop` is cancelled.
pub async fn follow_record_changes(
    resolver: Arc<Resolver>,
    redis: RedisCache,
    heartbeat_timeout: Duration,
    health: DependencyHealth,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut follower = ChangeFollower {
        resolver: &resolver,
        heartbeat_timeout,
        health,
        polled_changes: HashSet::new(),
        last_contact: Instant::now(),
        source: ChangeSource::None,
        loss_is_logged: false,
    };
    tokio::select! {
        () = follower.run(&redis) => {}
        () = stop.cancelled() => {}
    }
    Ok(())
}

/// Where this process learns of record changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChangeSource {
    Channel,
    Origin,
    None,
}

struct ChangeFollower<'r> {
    resolver: &'r Resolver,
    heartbeat_timeout: Duration,
    health: DependencyHealth,
    /// The ids of the changes in the origin's last response.
    polled_changes: HashSet<i64>,
    /// Until when this process knows all changes.
    last_contact: Instant,
    source: ChangeSource,
    /// Whether the loss of the subscription is logged, which happens once.
    loss_is_logged: bool,
}

impl ChangeFollower<'_> {
    async fn run(&mut self, redis: &RedisCache) {
        let freshness = &self.resolver.freshness;
        loop {
            let error = match redis.subscribe(CHANGES_CHANNEL).await {
                Ok(subscription) => self.follow_subscription(subscription).await,
                Err(error) => error,
            };
            self.report_subscription_lost(&error.to_string());
            if self.source == ChangeSource::None {
                freshness.set_feed_live(false);
            }
            let changes = poll_origin(self.resolver).await;
            self.apply_poll(changes).await;
            freshness.set_feed_live(self.source == ChangeSource::Origin);
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    /// Follows the channel until the subscription fails, and polls the origin while the
    /// channel is not complete.
    async fn follow_subscription(&mut self, mut subscription: Subscription) -> CacheError {
        // Earlier changes are unknown, so any cached record may be old.
        self.resolver.mark_all_stale();
        self.resolver.freshness.set_feed_live(true);
        let started_at = Instant::now();
        let mut completeness = FeedCompleteness::new(started_at, self.heartbeat_timeout);
        let mut poll = None;
        let mut next_poll_at = started_at;
        loop {
            let now = Instant::now();
            let is_polling = !completeness.is_complete(now);
            if !is_polling {
                poll = None;
            } else if self.source == ChangeSource::Channel
                || now >= started_at + self.heartbeat_timeout
            {
                self.report_subscription_lost("no heartbeat says that all changes were delivered");
            }
            let wakes_at = match is_polling {
                true => next_poll_at,
                false => completeness.complete_until(),
            };
            tokio::select! {
                message = subscription.next() => match message {
                    Ok(message) => self.handle_message(&message, &mut completeness).await,
                    Err(error) => return error,
                },
                changes = poll_result(&mut poll) => {
                    poll = None;
                    next_poll_at = Instant::now() + RETRY_INTERVAL;
                    self.apply_poll(changes).await;
                }
                () = tokio::time::sleep_until(wakes_at.into()), if poll.is_none() => {
                    if is_polling {
                        poll = Some(Box::pin(poll_origin(self.resolver)) as OriginPoll<'_>);
                    }
                }
            }
        }
    }

    async fn handle_message(&mut self, message: &str, completeness: &mut FeedCompleteness) {
        let now = Instant::now();
        match ChannelMessage::parse(message) {
            ChannelMessage::Changed { record_key } => self.resolver.invalidate(&record_key).await,
            ChannelMessage::Delivered { after, last } => {
                if !completeness.add_delivery(after, last, now) {
                    self.handle_missing_deliveries();
                }
            }
            ChannelMessage::Heartbeat { last } => {
                if !completeness.add_heartbeat(last, now) {
                    self.handle_missing_deliveries();
                }
                if completeness.is_complete(now) {
                    self.last_contact = now;
                    self.use_channel();
                }
            }
        }
    }

    /// Any record may have changed in a delivery that this process did not receive.
    fn handle_missing_deliveries(&mut self) {
        self.resolver.mark_all_stale();
        self.report_subscription_lost("deliveries are missing on the channel");
    }

    fn use_channel(&mut self) {
        if std::mem::replace(&mut self.source, ChangeSource::Channel) != ChangeSource::Channel {
            self.resolver.freshness.set_prefers_origin(false);
            self.loss_is_logged = false;
            self.health.mark_up();
            tracing::info!("subscribed to record changes");
        }
    }

    /// Stops using the channel; the origin becomes the source once it has answered a poll.
    fn report_subscription_lost(&mut self, reason: &str) {
        if self.source == ChangeSource::Channel {
            self.use_no_source();
        }
        if !std::mem::replace(&mut self.loss_is_logged, true) {
            self.health
                .mark_down(format!("record-change subscription lost: {reason}"));
            tracing::warn!(
                error.message = reason,
                "record-change subscription lost, polling the origin"
            );
        }
    }

    fn use_no_source(&mut self) {
        self.source = ChangeSource::None;
        self.resolver.freshness.set_prefers_origin(false);
        // Records may be read from Redis again, which may not have the polled changes yet,
        // so the next poll must apply them once more.
        self.polled_changes.clear();
    }

    /// Invalidates the records that changed lately according to the origin, once for each
    /// change. `None`: the origin did not answer.
    async fn apply_poll(&mut self, changes: Option<Vec<RecordChange>>) {
        let Some(changes) = changes else {
            return self.use_no_source();
        };
        self.source = ChangeSource::Origin;
        self.resolver.freshness.set_prefers_origin(true);
        // After a long silence the response may not reach back to the last known change.
        if self.last_contact.elapsed() > ORIGIN_CHANGE_RETENTION / 2 {
            self.resolver.mark_all_stale();
        }
        for change in &changes {
            if !self.polled_changes.contains(&change.id) {
                self.resolver.invalidate(&change.record_key).await;
            }
        }
        // Later responses have no older changes, so their ids need not be kept.
        self.polled_changes.clear();
        self.polled_changes
            .extend(changes.iter().map(|change| change.id));
        self.last_contact = Instant::now();
    }
}

type OriginPoll<'r> = Pin<Box<dyn Future<Output = Option<Vec<RecordChange>>> + Send + 'r>>;

/// Waits for the result of the poll, or for ever if there is none.
async fn poll_result(poll: &mut Option<OriginPoll<'_>>) -> Option<Vec<RecordChange>> {
    match poll {
        Some(poll) => poll.await,
        None => std::future::pending().await,
    }
}

/// The origin's changes of the last minute, or `None` if it does not answer.
async fn poll_origin(resolver: &Resolver) -> Option<Vec<RecordChange>> {
    let changes = tokio::time::timeout(POLL_TIMEOUT, resolver.remote.origin.changes());
    changes.await.ok()?.ok()
}
