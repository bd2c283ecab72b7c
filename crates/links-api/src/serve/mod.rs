//! Wires the service: what it depends on, its tasks, its ports, and how it stops.

mod servers;
mod tasks;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use platform::{
    admin,
    health::{Criticality, Health},
    redis_cache::RedisCache,
    service::Shutdown,
};
use postgres::{migrations, pool::Pool};
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;

use crate::{
    edge_cache::EdgeCacheWriter,
    metrics::Metrics,
    outbox::RelayWake,
    rate_limit::RateLimits,
    settings::{BUILD, ServeSettings},
    sign_in::SignIn,
    state::{AppState, Pools},
};
use tasks::TaskDependencies;

/// Serves until the process is told to stop, and then until the requests in flight have their
/// responses.
pub async fn run(settings: ServeSettings, shutdown: Shutdown) -> anyhow::Result<()> {
    let pools = build_pools(&settings)?;
    let maintenance_pool = build_pool(&settings, "maintenance", 1)?;
    let client = pools.requests.get().await;
    let client = client.context("connecting to Postgres failed")?;
    migrations::check(&client).await?;
    drop(client);

    let redis = RedisCache::new(&settings.cache).context("REDIS_URL is not a Redis URL")?;
    let health = Health::default();
    let postgres_health = health.add_dependency("postgres", Criticality::Required);
    shutdown.spawn_health_check(
        postgres_health,
        maintenance_pool.clone(),
        postgres::pool::ping,
    );
    let redis_health = health.add_dependency("redis", Criticality::Optional);
    shutdown.spawn_health_check(redis_health, redis.clone(), RedisCache::ping);

    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let record_ttl = Duration::from_secs(settings.redis_ttl_s);
    let relay_wake = RelayWake::default();
    tasks::spawn(
        &settings,
        &shutdown,
        TaskDependencies {
            relay_pool: build_pool(&settings, "relay", 1)?,
            mail_pool: build_pool(&settings, "mail", 1)?,
            maintenance_pool,
            redis: redis.clone(),
            record_ttl,
            relay_wake: relay_wake.clone(),
            relay_metrics: metrics.relay.clone(),
            relay_health: health.add_dependency("changes", Criticality::Optional),
        },
    )?;
    let sign_in = SignIn::new(
        &settings.users,
        redis.clone(),
        metrics.sign_in_throttle_skipped.clone(),
    )?;
    let state = Arc::new(AppState {
        pools,
        relay_wake,
        rate_limits: RateLimits::new(
            redis.clone(),
            settings.rate_limit_per_minute,
            metrics.rate_limit_skipped.clone(),
        ),
        edge_cache: EdgeCacheWriter::new(redis, record_ttl, metrics.cache_write_failures.clone()),
        origin_token: settings.origin_token.clone(),
        platform_click_host: settings.platform_click_host.clone(),
        domain_ownership: settings.domains.domain_ownership,
        sign_in,
        trusted_proxies: settings.users.trusted_proxies.clone(),
        log_insert_permits: Semaphore::new(1),
        metrics,
    });
    let api = servers::bind_api(&settings, &state, shutdown.stopping())?;
    let origin = servers::bind_origin(&settings, &state, shutdown.stopping())?;
    // Last, so that `/ready` never answers before the other ports listen.
    let admin_address = admin::serve(settings.admin_bind, health.clone(), registry, BUILD)?;
    tracing::info!(
        api.address = %api.address,
        origin.address = %origin.address,
        admin.address = %admin_address,
        "listening"
    );
    shutdown.spawn_drain(&health, Duration::from_millis(settings.shutdown_delay_ms));
    tokio::try_join!(api.server, origin.server).context("a server failed")?;
    Ok(())
}

fn build_pools(settings: &ServeSettings) -> anyhow::Result<Pools> {
    let request_size = settings.pool.database_pool_size;
    Ok(Pools {
        requests: build_pool(settings, "requests", request_size)?,
        reports: build_pool(settings, "reports", settings.database_report_pool_size)?,
        exports: build_pool(settings, "exports", settings.database_export_pool_size)?,
        sign_in: build_pool(
            settings,
            "sign-in",
            settings.users.database_sign_in_pool_size,
        )?,
        origin: build_pool(settings, "origin", settings.database_origin_pool_size)?,
        answer_limit: settings.pool.answer_limit(),
    })
}

/// A pool whose connections Postgres shows with `purpose` in their application name.
fn build_pool(settings: &ServeSettings, purpose: &str, n_connections: u16) -> anyhow::Result<Pool> {
    let settings = settings.pool.with_size(n_connections);
    Ok(postgres::pool::build(
        &settings,
        &format!("links-api {purpose}"),
    )?)
}
