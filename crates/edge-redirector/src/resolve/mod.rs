//! Links by host and id, and what they depend on: from the in-process cache,
//! else Redis, else the origin. One look-up per key at a time; "no such
//! record" is remembered briefly; what cannot be answered is not remembered.

mod bytes;
mod changes;
mod names;
mod origin;
mod route;
mod tier;
mod trust;

use std::{pin::Pin, sync::Arc, time::Duration};

use domain::{
    id::{AccountId, CampaignId, LinkCode, ListId, OfferId, ShortId, TrackerToken},
    macros::Template,
    record::{AccountRecord, CampaignRecord, LinkRecord, ListRecord, OfferRecord, RecordKey},
};
use platform::{
    log_rate_limit::LogRateLimiter,
    redis_cache::{CacheError, RedisCache},
};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

pub use changes::follow;
use names::Names;
pub use origin::Origin;
use origin::OriginUnavailable;
pub use route::Route;
use tier::{NoAnswer, Tier};
use trust::Trust;

use crate::metrics::{Metrics, Source};

/// Neither Redis nor the origin could say whether there is such a record.
#[derive(Debug, Clone, thiserror::Error)]
#[error("neither Redis nor the origin answers: {0}")]
pub struct Unresolved(String);

/// An offer, with its template parsed. `None` if the template is not one,
/// which links-api refuses to save.
#[derive(Debug)]
pub struct Offer {
    pub record: OfferRecord,
    pub template: Option<Template>,
}

pub struct Limits {
    /// Of all records that are kept, about.
    pub bytes: u64,
    pub ttl: Duration,
    pub negative_ttl: Duration,
    /// Questions to the origin at once.
    pub max_lookups: usize,
}

/// A tier per kind of record, over the same Redis and origin. Links are kept
/// with all they depend on, so that a click costs one look-up.
pub struct Resolver {
    links: Tier<(String, ShortId), Route>,
    trackers: Tier<TrackerToken, Route>,
    codes: Tier<LinkCode, Route>,
    names: Names,
    offers: Tier<OfferId, Offer>,
    campaigns: Tier<CampaignId, CampaignRecord>,
    lists: Tier<ListId, ListRecord>,
    accounts: Tier<AccountId, AccountRecord>,
    trust: Arc<Trust>,
    remote: Remote,
}

type Found<T> = Result<Option<Arc<T>>, Unresolved>;

impl Resolver {
    pub fn new(cache: RedisCache, origin: Origin, limits: &Limits, metrics: Metrics) -> Self {
        let trust = Arc::<Trust>::default();
        Self {
            links: Tier::new(limits, 0.45, trust.clone()),
            trackers: Tier::new(limits, 0.2, trust.clone()),
            codes: Tier::new(limits, 0.1, trust.clone()),
            names: Names::new(limits, &trust),
            offers: Tier::new(limits, 0.11, trust.clone()),
            campaigns: Tier::new(limits, 0.04, trust.clone()),
            lists: Tier::new(limits, 0.03, trust.clone()),
            accounts: Tier::new(limits, 0.03, trust.clone()),
            remote: Remote {
                trust: trust.clone(),
                cache,
                origin,
                lookups: Semaphore::new(limits.max_lookups),
                metrics,
            },
            trust,
        }
    }

    /// `host` must be normalised.
    pub async fn link(&self, host: String, id: ShortId) -> Found<Route> {
        let found = self.links.get_or_kept((host, id), async |(host, id)| {
            self.route(&RecordKey::Link { host, id }).await
        });
        self.found_or_kept(found.await).await
    }

    pub async fn tracker(&self, token: TrackerToken) -> Found<Route> {
        let found = self.trackers.get_or_kept(token, async |token| {
            self.route(&RecordKey::Tracker(token)).await
        });
        self.found_or_kept(found.await).await
    }

    pub async fn code(&self, code: LinkCode) -> Found<Route> {
        let found = self
            .codes
            .get_or_kept(code, async |code| self.route(&RecordKey::Code(code)).await);
        self.found_or_kept(found.await).await
    }

    /// A link, or if nothing answers what is kept of it, unless something that it depends
    /// on is known to have changed since.
    async fn found_or_kept(
        &self,
        found: Result<Option<Arc<Route>>, NoAnswer<Route>>,
    ) -> Found<Route> {
        let NoAnswer { error, kept } = match found {
            Ok(found) => return Ok(found),
            Err(no_answer) => no_answer,
        };
        let route = kept.ok_or_else(|| error.clone())?;
        let link = &route.link;
        let account = self.accounts.kept(&link.account_id).await;
        let list = match &link.list_id {
            Some(id) => self.lists.kept(id).await,
            None => None,
        };
        let offer = match &link.offer_id {
            Some(id) => self.offers.kept(id).await,
            None => None,
        };
        let campaign = match &link.campaign_id {
            Some(id) => self.campaigns.kept(id).await,
            None => None,
        };
        let is_unchanged = route.depends_on_versions_of(
            account.as_deref(),
            list.as_deref(),
            offer.as_deref(),
            campaign.as_deref(),
        );
        is_unchanged.then_some(Some(route)).ok_or(error)
    }

    /// The link that a postback means which came to `host` (normalised): that
    /// host's own, or else the only one of this id among the links of the host's
    /// account, or of all where the host is no account's.
    pub async fn named(&self, host: String, id: ShortId) -> Found<Route> {
        if let Some(route) = self.link(host.clone(), id.clone()).await? {
            return Ok(Some(route));
        }
        let hosts = self
            .names
            .hosts
            .get((host, id.clone()), async |(host, id)| {
                let hosts = self.remote.hosts_of(&host, &id).await?;
                Ok(Some(hosts).filter(|hosts| !hosts.is_empty()))
            });
        match hosts.await?.as_deref().map(Vec::as_slice) {
            Some([host]) => self.link(host.clone(), id).await,
            _ => Ok(None),
        }
    }

    /// The link of `host` (normalised) whose slug is this id in another case, if there is
    /// only one such.
    pub async fn link_in_any_case(&self, host: String, id: ShortId) -> Found<Route> {
        if !id.as_str().bytes().any(|b| b.is_ascii_alphabetic()) {
            return Ok(None);
        }
        let slug = self
            .names
            .slugs
            .get((host.clone(), id), async |(host, id)| {
                let mut slugs = self.remote.slugs(&host, &id).await?;
                Ok(slugs.pop().filter(|_| slugs.is_empty()))
            });
        match slug.await?.as_deref() {
            Some(slug) => self.link(host, slug.clone()).await,
            None => Ok(None),
        }
    }

    async fn route(&self, key: &RecordKey) -> Result<Option<Route>, Unresolved> {
        let Some(link): Option<LinkRecord> = self.remote.find(key).await? else {
            return Ok(None);
        };
        let account = self.account(link.account_id).await?;
        let list = match link.list_id {
            Some(id) => self.list(id).await?,
            None => None,
        };
        let offer = match link.offer_id {
            Some(id) => self.offer(id).await?,
            None => None,
        };
        let campaign = match &link.campaign_id {
            Some(id) => self.campaign(id.clone()).await?,
            None => None,
        };
        Ok(Some(Route::new(link, account, list, offer, campaign)))
    }

    async fn campaign(&self, id: CampaignId) -> Found<CampaignRecord> {
        self.campaigns
            .get(id, async |id| {
                self.remote.find(&RecordKey::Campaign(id)).await
            })
            .await
    }

    pub async fn offer(&self, id: OfferId) -> Found<Offer> {
        self.offers
            .get(id, async |id| {
                let record: Option<OfferRecord> = self.remote.find(&RecordKey::Offer(id)).await?;
                Ok(record.map(|record| Offer {
                    template: Template::parse(&record.destination).ok(),
                    record,
                }))
            })
            .await
    }

    async fn list(&self, id: ListId) -> Found<ListRecord> {
        self.lists
            .get(id, async |id| self.remote.find(&RecordKey::List(id)).await)
            .await
    }

    pub async fn account(&self, id: AccountId) -> Found<AccountRecord> {
        self.accounts
            .get(id, async |id| {
                self.remote.find(&RecordKey::Account(id)).await
            })
            .await
    }
}

/// For `/ready`: whether there is anything to answer links from.
pub async fn can_answer(resolver: Arc<Resolver>) -> Result<(), &'static str> {
    let links = &resolver.links;
    if !links.is_empty().await
        || !resolver.trackers.is_empty().await
        || !resolver.codes.is_empty().await
    {
        return Ok(());
    }
    let Remote { cache, origin, .. } = &resolver.remote;
    let redis = async { cache.clone().ping().await.map_err(drop) };
    let origin = async { origin.clone().ping().await.map_err(drop) };
    // Whichever answers first: the other one may be silent.
    let (redis, origin) = (std::pin::pin!(redis), std::pin::pin!(origin));
    let answers = futures_util::future::select_ok([
        redis as Pin<&mut (dyn Future<Output = Result<(), ()>> + Send)>,
        origin,
    ]);
    match answers.await {
        Ok(_) => Ok(()),
        Err(()) => Err("no link is kept, and neither Redis nor the origin answers"),
    }
}

/// What lies outside of the process.
struct Remote {
    trust: Arc<Trust>,
    cache: RedisCache,
    origin: Origin,
    /// A flood of unknown links must not become one of the origin.
    lookups: Semaphore,
    metrics: Metrics,
}

impl Remote {
    /// From Redis, which has most of what is asked for, else from the origin; the other
    /// way round while Redis may have old records.
    async fn find<R: DeserializeOwned>(&self, key: &RecordKey) -> Result<Option<R>, Unresolved> {
        if !self.trust.prefers_origin() {
            if let Some(record) = self.find_in_cache(key).await {
                self.metrics.miss(Source::Redis);
                return Ok(Some(record));
            }
            return self.find_at_origin(key).await;
        }
        let unresolved = match self.find_at_origin(key).await {
            Ok(found) => return Ok(found),
            Err(unresolved) => unresolved,
        };
        let Some(record) = self.find_in_cache(key).await else {
            return Err(unresolved);
        };
        self.metrics.miss(Source::Redis);
        // An old record is better than none, for this one click: no tier keeps it.
        self.trust.advance();
        Ok(Some(record))
    }

    async fn find_at_origin<R: DeserializeOwned>(
        &self,
        key: &RecordKey,
    ) -> Result<Option<R>, Unresolved> {
        let Ok(_lookup) = self.lookups.try_acquire() else {
            self.metrics.miss(Source::Refused);
            return Err(Unresolved("too many look-ups at once".to_owned()));
        };
        match self.origin.find(key).await {
            Ok(Some(json)) => {
                self.metrics.miss(Source::Origin);
                let record = serde_json::from_slice(&json);
                record
                    .map(Some)
                    .map_err(|error| Unresolved(error.to_string()))
            }
            Ok(None) => {
                self.metrics.miss(Source::Nowhere);
                Ok(None)
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn hosts_of(&self, host: &str, id: &ShortId) -> Result<Vec<String>, Unresolved> {
        self.bounded(self.origin.hosts_of(host, id)).await
    }

    async fn slugs(&self, host: &str, id: &ShortId) -> Result<Vec<ShortId>, Unresolved> {
        self.bounded(self.origin.slugs(host, id)).await
    }

    async fn bounded<T>(
        &self,
        asking: impl Future<Output = Result<T, OriginUnavailable>>,
    ) -> Result<T, Unresolved> {
        let Ok(_lookup) = self.lookups.try_acquire() else {
            self.metrics.miss(Source::Refused);
            return Err(Unresolved("too many look-ups at once".to_owned()));
        };
        asking.await.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &OriginUnavailable) -> Unresolved {
        self.metrics.miss(Source::Failed);
        static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
        if !matches!(error, OriginUnavailable::CircuitOpen)
            && let Some(suppressed) = LOG_LIMIT.permit()
        {
            tracing::warn!(error = %error, suppressed, "the origin does not answer");
        }
        Unresolved(error.to_string())
    }

    /// A record that Redis has and that can be read. One that cannot (from
    /// another version) is the origin's to answer.
    async fn find_in_cache<R: DeserializeOwned>(&self, key: &RecordKey) -> Option<R> {
        match self.cache.get(&key.to_string()).await {
            Ok(json) => serde_json::from_slice(&json?)
                .inspect_err(|error| {
                    static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
                    if let Some(suppressed) = LOG_LIMIT.permit() {
                        tracing::warn!(error = %error, suppressed, "a record in Redis cannot be read");
                    }
                })
                .ok(),
            Err(CacheError::CircuitOpen) => None,
            Err(error) => {
                static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
                if let Some(suppressed) = LOG_LIMIT.permit() {
                    tracing::warn!(error = %error, suppressed, "Redis does not answer");
                }
                None
            }
        }
    }
}
