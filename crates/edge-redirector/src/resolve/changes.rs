//! Following the changes of records, so that the in-process cache is never older than a
//! moment.
//!
//! links-api names changed records on a channel of Redis, numbers its deliveries, and says
//! every second that all is delivered. While these heartbeats come and no number is
//! missing, the channel is complete, and Redis has the records that it speaks of.
//! Otherwise (Redis is lost, or refuses links-api's writes, or links-api alone has lost
//! it) the origin is asked for the changes, and for records before Redis is. While nobody
//! answers, nobody knows better: with a channel that is only silent the cache is as good
//! as Redis; without one it is not trusted.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use domain::record::{CHANGES_CHANNEL, ChannelMessage, RecordChange, RecordKey};
use platform::{
    health::DependencyHealth,
    redis_cache::{CacheError, RedisCache, Subscription},
};
use tokio_util::sync::CancellationToken;

use super::Resolver;

/// Between attempts to listen again, and between questions to the origin.
const INTERVAL: Duration = Duration::from_millis(250);
/// How long the origin may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);
/// Delivered changes that are older than this are not in the origin's answer any more.
const ORIGIN_REMEMBERS: Duration = Duration::from_secs(60);

pub async fn follow(
    resolver: Arc<Resolver>,
    cache: RedisCache,
    heartbeat_timeout: Duration,
    health: DependencyHealth,
    stopping: CancellationToken,
) -> anyhow::Result<()> {
    let mut follower = Follower {
        resolver: &resolver,
        heartbeat_timeout,
        health,
        seen: HashSet::new(),
        heard_at: Instant::now(),
        source: Source::Nobody,
        is_said: false,
    };
    tokio::select! {
        () = follower.run(&cache) => {}
        () = stopping.cancelled() => {}
    }
    Ok(())
}

/// Who tells of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Channel,
    Origin,
    Nobody,
}

struct Follower<'r> {
    resolver: &'r Resolver,
    heartbeat_timeout: Duration,
    health: DependencyHealth,
    /// The origin's changes of its last answer.
    seen: HashSet<i64>,
    /// Until when all changes are known.
    heard_at: Instant,
    source: Source,
    /// That the channel is not heard was logged.
    is_said: bool,
}

impl Follower<'_> {
    async fn run(&mut self, cache: &RedisCache) {
        loop {
            let lost = match cache.subscribe(CHANGES_CHANNEL).await {
                Ok(subscription) => self.listen(subscription).await,
                Err(error) => error,
            };
            self.lose_channel(&lost.to_string());
            if self.source == Source::Nobody {
                self.resolver.trust.set(false);
            }
            let answer = ask(self.resolver).await;
            self.take(answer).await;
            self.resolver.trust.set(self.source == Source::Origin);
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Until the channel is lost. The origin is asked until the channel proves complete.
    async fn listen(&mut self, mut subscription: Subscription) -> CacheError {
        // What was said before is not known: all that is kept may be old.
        self.resolver.forget_all();
        self.resolver.trust.set(true);
        let started = Instant::now();
        let mut channel = Completeness::new(started, self.heartbeat_timeout);
        let mut asking = None;
        let mut ask_at = started;
        loop {
            let now = Instant::now();
            let is_asking = !channel.is_complete(now);
            if !is_asking {
                asking = None;
            } else if self.source == Source::Channel || now >= started + self.heartbeat_timeout {
                self.lose_channel("no heartbeat says that all changes were delivered");
            }
            let wakes_at = match is_asking {
                true => ask_at,
                false => channel.until,
            };
            tokio::select! {
                message = subscription.next() => match message {
                    Ok(message) => self.hear(&message, &mut channel).await,
                    Err(error) => return error,
                },
                answer = answered(&mut asking) => {
                    asking = None;
                    ask_at = Instant::now() + INTERVAL;
                    self.take(answer).await;
                }
                () = tokio::time::sleep_until(wakes_at.into()), if asking.is_none() => {
                    if is_asking {
                        asking = Some(Box::pin(ask(self.resolver)) as Asking<'_>);
                    }
                }
            }
        }
    }

    async fn hear(&mut self, message: &str, channel: &mut Completeness) {
        let now = Instant::now();
        match ChannelMessage::parse(message) {
            ChannelMessage::Changed { record_key } => self.resolver.forget(&record_key).await,
            ChannelMessage::Delivered { after, last } => {
                if !channel.delivered(after, last, now) {
                    self.missed();
                }
            }
            ChannelMessage::Heartbeat { last } => {
                if !channel.heartbeat(last, now) {
                    self.missed();
                }
                if channel.is_complete(now) {
                    self.heard_at = now;
                    self.follow_channel();
                }
            }
        }
    }

    /// Deliveries that were not heard may be about anything.
    fn missed(&mut self) {
        self.resolver.forget_all();
        self.lose_channel("deliveries of changes are missing on the channel");
    }

    fn follow_channel(&mut self) {
        if std::mem::replace(&mut self.source, Source::Channel) != Source::Channel {
            self.resolver.trust.set_prefers_origin(false);
            self.is_said = false;
            self.health.mark_up();
            tracing::info!("changes are heard");
        }
    }

    /// Until the origin has answered, nobody tells of changes.
    fn lose_channel(&mut self, why: &str) {
        if self.source == Source::Channel {
            self.set_nobody();
        }
        if !std::mem::replace(&mut self.is_said, true) {
            self.health
                .mark_down(format!("changes are not heard: {why}"));
            tracing::warn!(
                error = why,
                "changes are not heard: asking the origin for them"
            );
        }
    }

    fn set_nobody(&mut self) {
        self.source = Source::Nobody;
        self.resolver.trust.set_prefers_origin(false);
        // What was forgotten may be read from Redis again, which may not have the change.
        self.seen.clear();
    }

    /// Forgets what the origin says has changed lately, each change once.
    async fn take(&mut self, answer: Option<Vec<RecordChange>>) {
        let Some(changes) = answer else {
            return self.set_nobody();
        };
        self.source = Source::Origin;
        self.resolver.trust.set_prefers_origin(true);
        if self.heard_at.elapsed() > ORIGIN_REMEMBERS / 2 {
            self.resolver.forget_all();
        }
        for change in changes
            .iter()
            .filter(|change| !self.seen.contains(&change.id))
        {
            self.resolver.forget(&change.record_key).await;
        }
        // The others are not answered any more: they need not be known.
        self.seen.clear();
        self.seen.extend(changes.iter().map(|change| change.id));
        self.heard_at = Instant::now();
    }
}

type Asking<'r> = std::pin::Pin<Box<dyn Future<Output = Option<Vec<RecordChange>>> + Send + 'r>>;

/// The answer to a question that was asked, if one was.
async fn answered(asking: &mut Option<Asking<'_>>) -> Option<Vec<RecordChange>> {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

/// The origin's changes of the last minute, if it answers.
async fn ask(resolver: &Resolver) -> Option<Vec<RecordChange>> {
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, resolver.remote.origin.changes());
    answer.await.ok()?.ok()
}

/// Whether all that was said on the channel was heard, by the numbers of deliveries.
#[derive(Debug)]
struct Completeness {
    /// The last delivery; `None` before the first is heard of.
    last: Option<i64>,
    /// Heartbeats come every second: how long one of them counts.
    heartbeat_timeout: Duration,
    /// Until when the channel counts as complete.
    until: Instant,
}

impl Completeness {
    /// Not complete before the first heartbeat.
    fn new(now: Instant, heartbeat_timeout: Duration) -> Self {
        Self {
            last: None,
            heartbeat_timeout,
            until: now,
        }
    }

    fn is_complete(&self, now: Instant) -> bool {
        now < self.until
    }

    /// False if deliveries before this one were missed.
    fn delivered(&mut self, after: i64, last: i64, now: Instant) -> bool {
        let is_next = self.last.is_none_or(|heard| heard == after);
        self.last = Some(last);
        if !is_next {
            self.until = self.until.min(now);
        }
        is_next
    }

    /// False if deliveries before it were missed.
    fn heartbeat(&mut self, last: i64, now: Instant) -> bool {
        let is_next = self.last.is_none_or(|heard| heard == last);
        self.last = Some(last);
        self.until = match is_next {
            true => now + self.heartbeat_timeout,
            false => now,
        };
        is_next
    }
}

impl Resolver {
    /// Forgets a record by the text of its key, and all that holds it.
    pub(super) async fn forget(&self, key: &str) {
        let Some(key) = RecordKey::parse(key) else {
            // From a later version: it may be about anything.
            self.forget_all();
            return;
        };
        self.trust.advance();
        match key {
            RecordKey::Link { host, id } => return self.links.forget(&(host, id)).await,
            RecordKey::Tracker(token) => return self.trackers.forget(&token).await,
            RecordKey::Code(code) => return self.codes.forget(&code).await,
            RecordKey::Offer(id) => self.offers.forget(&id).await,
            RecordKey::Campaign(id) => self.campaigns.forget(&id).await,
            RecordKey::List(id) => self.lists.forget(&id).await,
            RecordKey::Account(id) => self.accounts.forget(&id).await,
        }
        self.forget_routes();
    }

    pub(super) fn forget_all(&self) {
        self.trust.advance();
        self.offers.forget_all();
        self.campaigns.forget_all();
        self.lists.forget_all();
        self.accounts.forget_all();
        self.names.forget_all();
        self.forget_routes();
    }

    /// Links are kept with what they depend on.
    fn forget_routes(&self) {
        self.links.forget_all();
        self.trackers.forget_all();
        self.codes.forget_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is heard, in milliseconds after the start, and whether the channel is
    /// complete right after it.
    #[test]
    fn the_channel_is_complete_while_heartbeats_come_and_no_number_is_missing() {
        let delivered = |after, last| ChannelMessage::Delivered { after, last };
        let heartbeat = |last| ChannelMessage::Heartbeat { last };
        let silence = || ChannelMessage::Changed {
            record_key: "account/1".to_owned(),
        };
        let table = [
            ("before the first heartbeat", vec![(0, silence(), false)]),
            (
                "a delivery is no heartbeat",
                vec![(0, delivered(3, 4), false)],
            ),
            (
                "heartbeats in time",
                vec![
                    (0, heartbeat(4), true),
                    (1_000, heartbeat(4), true),
                    (2_999, silence(), true),
                ],
            ),
            (
                "heartbeats stop",
                vec![
                    (0, heartbeat(4), true),
                    (1_999, silence(), true),
                    (2_000, silence(), false),
                    (60_000, heartbeat(4), true),
                ],
            ),
            (
                "deliveries in order",
                vec![
                    (0, heartbeat(4), true),
                    (10, delivered(4, 9), true),
                    (20, delivered(9, 9), true),
                    (1_000, heartbeat(9), true),
                ],
            ),
            (
                "a delivery is missing",
                vec![
                    (0, heartbeat(4), true),
                    (10, delivered(5, 9), false),
                    (20, delivered(9, 12), false),
                    (1_000, heartbeat(12), true),
                ],
            ),
            (
                "a delivery before a heartbeat is missing",
                vec![
                    (0, heartbeat(4), true),
                    (1_000, heartbeat(5), false),
                    (2_000, heartbeat(5), true),
                ],
            ),
            (
                "Redis has come back with an old number",
                vec![
                    (0, heartbeat(90), true),
                    (10, delivered(40, 60), false),
                    (20, delivered(60, 90), false),
                    (30, heartbeat(90), true),
                ],
            ),
        ];
        for (name, heard) in table {
            let start = Instant::now();
            let mut channel = Completeness::new(start, Duration::from_secs(2));
            for (ms, message, is_complete) in heard {
                let now = start + Duration::from_millis(ms);
                match message {
                    ChannelMessage::Delivered { after, last } => {
                        channel.delivered(after, last, now);
                    }
                    ChannelMessage::Heartbeat { last } => {
                        channel.heartbeat(last, now);
                    }
                    ChannelMessage::Changed { .. } => {}
                }
                assert_eq!(channel.is_complete(now), is_complete, "{name}, {ms} ms");
            }
        }
    }
}
