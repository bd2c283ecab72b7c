//! Whether a click is stored, as far as the origin says so in time: the sender of a conversion
//! is told that it waits for its click.
//!
//! Nothing depends on the answer. So a lookup is short, few run at a time, and a network has few
//! in a second: invented click ids must not keep the origin from its records.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use domain::{id::ClickId, record::StoredClick};
use tokio::sync::Semaphore;

use crate::{
    metrics::{ClickLookupResult, Metrics},
    network::Network,
    resolve::Resolver,
    token_buckets::{BucketRate, TokenBuckets},
};

/// How long the sender of a conversion waits for the answer.
const TIMEOUT: Duration = Duration::from_millis(300);
/// Concurrent lookups. Further ones are left out.
const MAX_LOOKUPS: usize = 8;
/// How many clicks the clients of one network can have looked up.
const RATE_OF_NETWORK: BucketRate = BucketRate {
    burst: 100.0,
    per_second: 20.0,
};

pub struct ClickLookups {
    resolver: Arc<Resolver>,
    permits: Semaphore,
    started_at: Instant,
    networks: Mutex<TokenBuckets<Option<Network>>>,
    metrics: Metrics,
}

/// What the origin says of a click.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClickLookup {
    Stored(StoredClick),
    NotStored,
}

impl ClickLookups {
    pub fn new(resolver: Arc<Resolver>, metrics: Metrics) -> Self {
        Self {
            resolver,
            permits: Semaphore::new(MAX_LOOKUPS),
            started_at: Instant::now(),
            networks: Mutex::new(TokenBuckets::new(RATE_OF_NETWORK)),
            metrics,
        }
    }

    /// Looks for a click that a client at `address` names. `None` if the origin does not say in
    /// time, or is not asked.
    pub async fn find(&self, id: ClickId, address: IpAddr) -> Option<ClickLookup> {
        let (result, lookup) = self.ask(id, address).await;
        self.metrics.count_click_lookup(result);
        lookup
    }

    async fn ask(&self, id: ClickId, address: IpAddr) -> (ClickLookupResult, Option<ClickLookup>) {
        let Ok(_permit) = self.permits.try_acquire() else {
            return (ClickLookupResult::Skipped, None);
        };
        if !self.try_take(address) {
            return (ClickLookupResult::Skipped, None);
        }
        match tokio::time::timeout(TIMEOUT, self.resolver.stored_click(id)).await {
            Ok(Ok(Some(click))) => {
                let lookup = ClickLookup::Stored(click);
                (ClickLookupResult::Stored, Some(lookup))
            }
            Ok(Ok(None)) => (ClickLookupResult::NotStored, Some(ClickLookup::NotStored)),
            Ok(Err(_)) | Err(_) => (ClickLookupResult::Failed, None),
        }
    }

    fn try_take(&self, address: IpAddr) -> bool {
        let networks = self.networks.lock();
        let mut networks = networks.unwrap_or_else(PoisonError::into_inner);
        networks.try_take(Network::smallest(address), self.started_at.elapsed())
    }
}
