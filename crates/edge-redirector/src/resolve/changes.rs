//! Following the changes of records, so that the in-process cache is never
//! older than a moment: by Redis' channel, or, while that is lost, by asking
//! the origin. While neither answers, the cache is not trusted.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use domain::record::{CHANGES_CHANNEL, RecordKey};
use platform::cache::{Cache, CacheUnavailable, Subscription};
use tokio_util::sync::CancellationToken;

use super::Resolver;

/// Between attempts to listen again, and between questions to the origin.
const INTERVAL: Duration = Duration::from_millis(250);

/// Changes that are older than this are not in the origin's answer any more.
const ORIGIN_REMEMBERS: Duration = Duration::from_secs(60);

pub async fn follow(
    resolver: Arc<Resolver>,
    cache: Cache,
    stopping: CancellationToken,
) -> anyhow::Result<()> {
    tokio::select! {
        () = run(&resolver, &cache) => {}
        () = stopping.cancelled() => {}
    }
    Ok(())
}

async fn run(resolver: &Resolver, cache: &Cache) {
    let mut seen = HashSet::new();
    let mut is_said = false;
    let mut heard_at = Instant::now();
    loop {
        match cache.subscribe(CHANGES_CHANNEL).await {
            Ok(subscription) => {
                let lost = listen(resolver, subscription).await;
                tracing::warn!(error = %lost, "changes are not heard: asking the origin for them");
                heard_at = Instant::now();
            }
            Err(error) if !is_said => {
                tracing::warn!(error = %error, "changes are not heard: asking the origin for them");
            }
            Err(_) => {}
        }
        is_said = true;
        let asked = tokio::time::timeout(INTERVAL * 2, ask(resolver, &mut seen)).await;
        let hears = matches!(asked, Ok(Ok(())));
        if hears {
            if heard_at.elapsed() > ORIGIN_REMEMBERS / 2 {
                resolver.forget_all();
            }
            heard_at = Instant::now();
        }
        resolver.trust.set(hears);
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Until the channel is lost.
async fn listen(resolver: &Resolver, mut subscription: Subscription) -> CacheUnavailable {
    // What was said before is not known: all that is kept may be old.
    resolver.forget_all();
    resolver.trust.set(true);
    tracing::info!("changes are heard");
    loop {
        match subscription.next().await {
            Ok(key) => resolver.forget(&key).await,
            Err(error) => {
                resolver.trust.set(false);
                return error;
            }
        }
    }
}

/// Forgets what the origin says has changed lately, each change once.
async fn ask(resolver: &Resolver, seen: &mut HashSet<i64>) -> anyhow::Result<()> {
    let changes = resolver.remote.origin.changes().await?;
    for change in &changes {
        if !seen.contains(&change.id) {
            resolver.forget(&change.record_key).await;
        }
    }
    // Only the lately changed are answered: the others need not be known.
    seen.clear();
    seen.extend(changes.iter().map(|change| change.id));
    Ok(())
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
