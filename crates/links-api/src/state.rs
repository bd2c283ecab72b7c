//! What all handlers share: connections, the cache of records, limits and settings.
//! It is built once, by `serve`, and knows no resource.

use std::time::Duration;

use ipnet::IpNet;
use platform::settings::Secret;
use postgres::pool::Pool;
use tokio::sync::Semaphore;

use crate::{
    edge_cache::EdgeCacheWriter, metrics::Metrics, outbox::RelayWake, rate_limit::RateLimits,
    settings::DomainOwnership, sign_in::SignIn,
};

pub struct AppState {
    pub pools: Pools,
    pub edge_cache: EdgeCacheWriter,
    pub relay_wake: RelayWake,
    pub rate_limits: RateLimits,
    /// Redirectors present this token to read from the origin.
    pub origin_token: Secret,
    /// Host of the click tracker, where a list or an account has none of its own.
    pub platform_click_host: String,
    pub domain_ownership: DomainOwnership,
    pub sign_in: SignIn,
    /// The proxies that name the addresses of clients.
    pub trusted_proxies: Vec<IpNet>,
    /// How many requests with entries of the log of postbacks may use Postgres at a time.
    pub log_insert_permits: Semaphore,
    pub metrics: Metrics,
}

/// Separate pools of connections to Postgres, so that slow queries, or a storm of one kind
/// of request, cannot take the connections of the others.
pub struct Pools {
    pub requests: Pool,
    pub reports: Pool,
    pub exports: Pool,
    /// Its size limits how many digests of passwords are computed at a time.
    pub sign_in: Pool,
    /// For the origin, since redirectors wait for its responses.
    pub origin: Pool,
    /// Longest time that a transaction may take before its connection is given up.
    pub answer_limit: Duration,
}

/// The pool that an operation takes its connection from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolKind {
    Requests,
    Reports,
    /// Exports, and updates of very many rows.
    Exports,
    /// Whatever compares passwords or calls the provider of single sign-on.
    SignIn,
}

impl Pools {
    pub fn select(&self, kind: PoolKind) -> &Pool {
        match kind {
            PoolKind::Requests => &self.requests,
            PoolKind::Reports => &self.reports,
            PoolKind::Exports => &self.exports,
            PoolKind::SignIn => &self.sign_in,
        }
    }
}
