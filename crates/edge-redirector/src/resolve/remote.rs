//! Reads records from Redis and from the origin.

use std::{
    pin::{Pin, pin},
    sync::Arc,
};

use domain::{
    id::{AccountId, ClickId, OfferId, ShortId},
    record::{RecordKey, StoredClick},
};
use platform::{
    log_rate_limit::LogRateLimiter,
    redis_cache::{CacheError, RedisCache},
};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use super::{
    error::LookupError,
    freshness::CacheFreshness,
    name_caches::OfferOwner,
    origin::{Origin, OriginError},
};
use crate::metrics::{LookupResult, Metrics};

pub(super) struct Remote {
    redis: RedisCache,
    pub origin: Origin,
    freshness: Arc<CacheFreshness>,
    /// Permits of concurrent lookups: many requests for unknown links must not overload
    /// the origin.
    lookup_permits: Semaphore,
    metrics: Metrics,
}

impl Remote {
    pub fn new(
        redis: RedisCache,
        origin: Origin,
        freshness: Arc<CacheFreshness>,
        max_lookups: usize,
        metrics: Metrics,
    ) -> Self {
        Self {
            redis,
            origin,
            freshness,
            lookup_permits: Semaphore::new(max_lookups),
            metrics,
        }
    }

    /// Reads a record from Redis, which has most of them, else from the origin; the other
    /// way round while Redis may have old records.
    pub async fn load<R: DeserializeOwned>(
        &self,
        key: &RecordKey,
    ) -> Result<Option<R>, LookupError> {
        if !self.freshness.prefers_origin() {
            if let Some(record) = self.load_from_redis(key).await {
                self.metrics.count_cache_miss(LookupResult::Redis);
                return Ok(Some(record));
            }
            return self.load_from_origin(key).await;
        }
        let origin_error = match self.load_from_origin(key).await {
            Ok(record) => return Ok(record),
            Err(error) => error,
        };
        let Some(record) = self.load_from_redis(key).await else {
            return Err(origin_error);
        };
        self.metrics.count_cache_miss(LookupResult::Redis);
        // This click uses the record, since an old one is better than none. The new
        // generation keeps the record out of the cache.
        self.freshness.bump_generation();
        Ok(Some(record))
    }

    async fn load_from_origin<R: DeserializeOwned>(
        &self,
        key: &RecordKey,
    ) -> Result<Option<R>, LookupError> {
        match self.with_permit(self.origin.record(key)).await? {
            Some(json) => {
                self.metrics.count_cache_miss(LookupResult::Origin);
                let record = serde_json::from_slice(&json);
                record
                    .map(Some)
                    .map_err(|error| LookupError::InvalidRecord(error.to_string()))
            }
            None => {
                self.metrics.count_cache_miss(LookupResult::NotFound);
                Ok(None)
            }
        }
    }

    /// The short domains with a link of this id that a postback to `host` can mean.
    pub async fn short_domains_by_id(
        &self,
        host: &str,
        id: &ShortId,
    ) -> Result<Vec<String>, LookupError> {
        self.with_permit(self.origin.short_domains_by_id(host, id))
            .await
    }

    /// The slugs of `host` that equal this id in upper or lower case, at most two.
    pub async fn slugs_in_any_case(
        &self,
        host: &str,
        id: &ShortId,
    ) -> Result<Vec<ShortId>, LookupError> {
        self.with_permit(self.origin.slugs_in_any_case(host, id))
            .await
    }

    /// The click with this id, if it is stored.
    pub async fn stored_click(&self, id: ClickId) -> Result<Option<StoredClick>, LookupError> {
        self.with_permit(self.origin.stored_click(id)).await
    }

    /// The account that holds `host`, if one does.
    pub async fn accounts_of_host(&self, host: &str) -> Result<Vec<AccountId>, LookupError> {
        self.with_permit(self.origin.accounts_of_host(host)).await
    }

    /// The offers with this `external_id`, at most two.
    pub async fn offers_by_external_id(
        &self,
        owner: &OfferOwner,
        external_id: &str,
    ) -> Result<Vec<OfferId>, LookupError> {
        self.with_permit(self.origin.offers_by_external_id(owner, external_id))
            .await
    }

    /// Runs a request to the origin, unless too many are in flight.
    async fn with_permit<T>(
        &self,
        request: impl Future<Output = Result<T, OriginError>>,
    ) -> Result<T, LookupError> {
        let Ok(_permit) = self.lookup_permits.try_acquire() else {
            self.metrics.count_cache_miss(LookupResult::LookupLimit);
            return Err(LookupError::TooManyLookups);
        };
        request.await.map_err(|error| self.origin_failed(&error))
    }

    fn origin_failed(&self, error: &OriginError) -> LookupError {
        self.metrics.count_cache_miss(LookupResult::Failed);
        static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
        if !matches!(error, OriginError::CircuitOpen)
            && let Some(suppressed) = LOG_LIMIT.permit()
        {
            tracing::warn!(error.message = %error, suppressed, "a lookup at the origin failed");
        }
        LookupError::Origin(error.to_string())
    }

    /// A record that Redis has and that can be parsed. The origin has to answer for one
    /// that cannot, which another version wrote.
    async fn load_from_redis<R: DeserializeOwned>(&self, key: &RecordKey) -> Option<R> {
        match self.redis.get(&key.to_string()).await {
            Ok(json) => serde_json::from_slice(&json?)
                .inspect_err(|error| {
                    static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
                    if let Some(suppressed) = LOG_LIMIT.permit() {
                        tracing::warn!(
                            error.message = %error,
                            suppressed,
                            "a record in Redis is invalid, ignoring it"
                        );
                    }
                })
                .ok(),
            Err(CacheError::CircuitOpen) => None,
            Err(error) => {
                static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
                if let Some(suppressed) = LOG_LIMIT.permit() {
                    tracing::warn!(error.message = %error, suppressed, "a lookup in Redis failed");
                }
                None
            }
        }
    }

    /// Whether Redis or the origin answers a ping.
    pub async fn answers(&self) -> bool {
        let redis = async { self.redis.clone().ping().await.map_err(drop) };
        let origin = async { self.origin.clone().ping().await.map_err(drop) };
        // The first answer decides, since the other one may be silent until its timeout.
        let (redis, origin) = (pin!(redis), pin!(origin));
        let pings = [
            redis as Pin<&mut (dyn Future<Output = Result<(), ()>> + Send)>,
            origin,
        ];
        futures_util::future::select_ok(pings).await.is_ok()
    }
}
