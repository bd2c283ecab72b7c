//! Looks up records by their keys in the record caches, and invalidates the caches. Looking up
//! names that stand for keys is left to `name_lookups`, reading from Redis and the origin to
//! `remote`.

use std::sync::Arc;

use domain::{
    coupon::CouponCode,
    id::{AccountId, CampaignId, ClickId, LinkCode, ListId, OfferId, ShortId, TrackerToken},
    macros::Template,
    record::{
        AccountRecord, CampaignRecord, CouponRecord, LinkRecord, ListRecord, OfferRecord,
        RecordKey, StoredClick,
    },
};
use platform::redis_cache::RedisCache;

use super::{
    error::LookupError,
    freshness::CacheFreshness,
    name_caches::NameCaches,
    origin::Origin,
    record_cache::{CacheLimits, FailedLookup, RecordCache},
    remote::Remote,
    resolved_link::{ParsedOffer, ResolvedLink},
};
use crate::metrics::Metrics;

pub struct Limits {
    pub cache: CacheLimits,
    /// Concurrent requests to the origin; further lookups fail.
    pub max_lookups: usize,
}

/// Looks up links with all records that they depend on.
pub struct Resolver {
    links: RecordCache<(String, ShortId), ResolvedLink>,
    trackers: RecordCache<TrackerToken, ResolvedLink>,
    codes: RecordCache<LinkCode, ResolvedLink>,
    pub(super) names: NameCaches,
    offers: RecordCache<OfferId, ParsedOffer>,
    campaigns: RecordCache<CampaignId, CampaignRecord>,
    lists: RecordCache<ListId, ListRecord>,
    accounts: RecordCache<AccountId, AccountRecord>,
    coupons: RecordCache<(AccountId, CouponCode), CouponRecord>,
    pub(super) freshness: Arc<CacheFreshness>,
    pub(super) remote: Remote,
}

/// `Ok(None)`: there is no such record.
pub(super) type LookupResult<T> = Result<Option<Arc<T>>, LookupError>;

impl Resolver {
    pub fn new(redis: RedisCache, origin: Origin, limits: &Limits, metrics: Metrics) -> Self {
        let freshness = Arc::<CacheFreshness>::default();
        let cache = &limits.cache;
        Self {
            links: RecordCache::new(cache, 0.42, freshness.clone()),
            trackers: RecordCache::new(cache, 0.2, freshness.clone()),
            codes: RecordCache::new(cache, 0.1, freshness.clone()),
            names: NameCaches::new(cache, &freshness),
            offers: RecordCache::new(cache, 0.11, freshness.clone()),
            campaigns: RecordCache::new(cache, 0.04, freshness.clone()),
            lists: RecordCache::new(cache, 0.03, freshness.clone()),
            accounts: RecordCache::new(cache, 0.03, freshness.clone()),
            coupons: RecordCache::new(cache, 0.01, freshness.clone()),
            remote: Remote::new(
                redis,
                origin,
                freshness.clone(),
                limits.max_lookups,
                metrics,
            ),
            freshness,
        }
    }

    /// The link with this short id on `host`, which must be normalised.
    pub async fn link(&self, host: String, id: ShortId) -> LookupResult<ResolvedLink> {
        let result = self.links.get_or_stale((host, id), async |(host, id)| {
            self.load_link(&RecordKey::Link { host, id }).await
        });
        self.result_or_unchanged(result.await).await
    }

    pub async fn tracker(&self, token: TrackerToken) -> LookupResult<ResolvedLink> {
        let result = self.trackers.get_or_stale(token, async |token| {
            self.load_link(&RecordKey::Tracker(token)).await
        });
        self.result_or_unchanged(result.await).await
    }

    pub async fn code(&self, code: LinkCode) -> LookupResult<ResolvedLink> {
        let result = self.codes.get_or_stale(code, async |code| {
            self.load_link(&RecordKey::Code(code)).await
        });
        self.result_or_unchanged(result.await).await
    }

    /// Returns the result of a lookup. If it failed, returns the stale link instead, unless
    /// a record that the link depends on is known to have changed since.
    async fn result_or_unchanged(
        &self,
        result: Result<Option<Arc<ResolvedLink>>, FailedLookup<ResolvedLink>>,
    ) -> LookupResult<ResolvedLink> {
        let FailedLookup { error, stale } = match result {
            Ok(link) => return Ok(link),
            Err(failed_lookup) => failed_lookup,
        };
        let resolved = stale.ok_or_else(|| error.clone())?;
        let link = &resolved.link;
        let account = self.accounts.get_cached(&link.account_id).await;
        let list = match &link.list_id {
            Some(id) => self.lists.get_cached(id).await,
            None => None,
        };
        let offer = match &link.offer_id {
            Some(id) => self.offers.get_cached(id).await,
            None => None,
        };
        let campaign = match &link.campaign_id {
            Some(id) => self.campaigns.get_cached(id).await,
            None => None,
        };
        let is_unchanged = resolved.depends_on_versions(
            account.as_deref(),
            list.as_deref(),
            offer.as_deref(),
            campaign.as_deref(),
        );
        is_unchanged.then_some(Some(resolved)).ok_or(error)
    }

    /// Reads a link from Redis or the origin, and its other records through their caches.
    async fn load_link(&self, key: &RecordKey) -> Result<Option<ResolvedLink>, LookupError> {
        let Some(link): Option<LinkRecord> = self.remote.load(key).await? else {
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
        Ok(Some(ResolvedLink::new(
            link, account, list, offer, campaign,
        )))
    }

    async fn campaign(&self, id: CampaignId) -> LookupResult<CampaignRecord> {
        self.campaigns
            .get(id, async |id| {
                self.remote.load(&RecordKey::Campaign(id)).await
            })
            .await
    }

    pub async fn offer(&self, id: OfferId) -> LookupResult<ParsedOffer> {
        self.offers
            .get(id, async |id| {
                let record: Option<OfferRecord> = self.remote.load(&RecordKey::Offer(id)).await?;
                Ok(record.map(|record| ParsedOffer {
                    template: Template::parse(&record.destination).ok(),
                    record,
                }))
            })
            .await
    }

    async fn list(&self, id: ListId) -> LookupResult<ListRecord> {
        self.lists
            .get(id, async |id| self.remote.load(&RecordKey::List(id)).await)
            .await
    }

    pub async fn account(&self, id: AccountId) -> LookupResult<AccountRecord> {
        self.accounts
            .get(id, async |id| {
                self.remote.load(&RecordKey::Account(id)).await
            })
            .await
    }

    /// The click with this id, if it is stored, as the origin knows it.
    pub async fn stored_click(&self, id: ClickId) -> Result<Option<StoredClick>, LookupError> {
        self.remote.stored_click(id).await
    }

    pub async fn coupon(
        &self,
        account_id: AccountId,
        code: CouponCode,
    ) -> LookupResult<CouponRecord> {
        self.coupons
            .get((account_id, code), async |(account_id, code)| {
                let key = RecordKey::Coupon { account_id, code };
                self.remote.load(&key).await
            })
            .await
    }

    /// Removes a changed record from its cache, given the text of its key. Marks all links
    /// stale if links are cached together with such records.
    pub(super) async fn invalidate(&self, record_key: &str) {
        let Some(key) = RecordKey::parse(record_key) else {
            // A later version has written the key: any record may have changed.
            self.mark_all_stale();
            return;
        };
        self.freshness.bump_generation();
        match key {
            RecordKey::Link { host, id } => return self.links.invalidate(&(host, id)).await,
            RecordKey::Tracker(token) => return self.trackers.invalidate(&token).await,
            RecordKey::Code(code) => return self.codes.invalidate(&code).await,
            RecordKey::Coupon { account_id, code } => {
                return self.coupons.invalidate(&(account_id, code)).await;
            }
            RecordKey::Host(host) => return self.names.accounts_by_host.invalidate(&host).await,
            RecordKey::Offer(id) => {
                self.offers.invalidate(&id).await;
                // Its old external_id is not known.
                self.names.offers_by_external_id.mark_all_stale();
            }
            RecordKey::Campaign(id) => self.campaigns.invalidate(&id).await,
            RecordKey::List(id) => self.lists.invalidate(&id).await,
            RecordKey::Account(id) => self.accounts.invalidate(&id).await,
        }
        self.mark_links_stale();
    }

    /// Marks all records stale, after changes that this process may have missed.
    pub(super) fn mark_all_stale(&self) {
        self.freshness.bump_generation();
        self.offers.mark_all_stale();
        self.campaigns.mark_all_stale();
        self.lists.mark_all_stale();
        self.accounts.mark_all_stale();
        self.coupons.mark_all_stale();
        self.names.mark_all_stale();
        self.mark_links_stale();
    }

    fn mark_links_stale(&self) {
        self.links.mark_all_stale();
        self.trackers.mark_all_stale();
        self.codes.mark_all_stale();
    }

    async fn has_links(&self) -> bool {
        !self.links.is_empty().await
            || !self.trackers.is_empty().await
            || !self.codes.is_empty().await
    }
}

/// The check of `/ready`: whether links can be answered from the cache, Redis or the origin.
pub async fn check_readiness(resolver: Arc<Resolver>) -> Result<(), &'static str> {
    if resolver.has_links().await || resolver.remote.answers().await {
        return Ok(());
    }
    Err("no link is cached, and neither Redis nor the origin answers")
}
