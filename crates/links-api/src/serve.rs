//! Wires the service: what it depends on, its ports, and its end.

use std::{sync::Arc, time::Duration};

use actix_web::{
    App, HttpServer,
    http::header,
    middleware::{DefaultHeaders, from_fn},
    web,
};
use anyhow::Context as _;
use platform::{
    admin,
    health::{Criticality, Health},
    redis_cache::RedisCache,
    service::Shutdown,
};
use postgres::{migrations, pool::Pool};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::{
    db,
    domains::{self, DomainChecks},
    edge_cache::EdgeCacheWriter,
    edge_records::{self, Relay, RelayTarget},
    error::ApiError,
    http,
    metrics::Metrics,
    outbox::RelayWake,
    rate_limit::RateLimits,
    routes,
    settings::ServeSettings,
    span,
    state::{AppState, Pools},
};

/// Longer than a balancer keeps idle connections, so that it closes them first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Response headers for browsers: they guess no content type, and the API reference may load
/// only its own files.
fn browser_headers() -> DefaultHeaders {
    const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
        img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";
    DefaultHeaders::new()
        .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .add((header::CONTENT_SECURITY_POLICY, POLICY))
        .add((header::REFERRER_POLICY, "no-referrer"))
}

pub async fn run(settings: ServeSettings, shutdown: Shutdown) -> anyhow::Result<()> {
    let pool = |purpose: &str, connections: u16| {
        let settings = settings.pool.with_size(connections);
        postgres::pool::build(&settings, &format!("links-api {purpose}"))
    };
    let pools = Pools {
        requests: pool("requests", settings.pool.database_pool_size)?,
        reports: pool("reports", settings.database_report_pool_size)?,
        exports: pool("exports", settings.database_export_pool_size)?,
        origin: pool("origin", settings.database_origin_pool_size)?,
        answer_limit: settings.pool.answer_limit(),
    };
    let maintenance_pool = pool("maintenance", 1)?;
    let client = pools.requests.get().await;
    let client = client.context("Postgres cannot be reached")?;
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
    let relay = Relay {
        target: RelayTarget::new(
            pool("relay", 1)?,
            redis.clone(),
            record_ttl,
            metrics.relay.clone(),
        ),
        wake: relay_wake.clone(),
        metrics: metrics.relay.clone(),
        health: health.add_dependency("changes", Criticality::Optional),
    };
    shutdown.spawn("relay", relay.run(shutdown.stopping().clone()));
    let checks = DomainChecks {
        pool: maintenance_pool.clone(),
        prober: domains::Prober::new(&settings.domains)?,
        interval: Duration::from_secs(settings.domains.domain_check_interval_s.into()),
    };
    shutdown.spawn("domain checks", checks.run(shutdown.stopping().clone()));
    shutdown.spawn(
        "deletion of expired rows",
        delete_expired_rows(maintenance_pool, record_ttl, shutdown.stopping().clone()),
    );
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
        metrics,
    });
    let admin = admin::serve(settings.admin_bind, health.clone(), registry)?;

    let api = {
        let state = state.clone();
        let document =
            web::Bytes::from(http::document(&routes::API_INFO, &routes::operations()).to_string());
        HttpServer::new(move || {
            App::new()
                .app_data(web::Data::from(state.clone()))
                .app_data(web::Data::new(state.metrics.clone()))
                .wrap(from_fn(span::trace_request))
                .wrap(browser_headers())
                .configure(|config| http::configure(routes::operations(), config))
                .configure(|config| http::docs_ui::configure(document.clone(), config))
                .default_service(web::to(http::default_service))
        })
        .workers(settings.api_workers.into())
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(settings.drain_timeout_s)
        .shutdown_signal(shutdown.stopping().clone().cancelled_owned())
        .bind(settings.api_bind)
        .with_context(|| format!("cannot listen on API_BIND {}", settings.api_bind))?
    };
    let origin = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::from(state.clone()))
            .app_data(web::Data::new(state.metrics.clone()))
            .wrap(from_fn(span::trace_request))
            .configure(edge_records::configure)
            .configure(domains::configure_origin)
            .default_service(web::to(http::default_service))
    })
    .workers(1)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(settings.drain_timeout_s)
    .shutdown_signal(shutdown.stopping().clone().cancelled_owned())
    .bind(settings.origin_bind)
    .with_context(|| format!("cannot listen on ORIGIN_BIND {}", settings.origin_bind))?;

    tracing::info!(
        api.address = %api.addrs()[0],
        origin.address = %origin.addrs()[0],
        admin.address = %admin,
        "listening"
    );
    shutdown.spawn_drain(&health, Duration::from_millis(settings.shutdown_delay_ms));
    tokio::try_join!(api.run(), origin.run()).context("a server failed")?;
    Ok(())
}

const DELETION_INTERVAL: Duration = Duration::from_secs(600);

/// Deletes expired idempotency keys and relayed record changes.
async fn delete_expired_rows(
    pool: Pool,
    record_ttl: Duration,
    stopping: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let deletion = async {
            let n_keys = http::delete_expired_idempotency_keys(&pool).await?;
            Ok::<_, ApiError>(n_keys + db::changes::delete_expired(&pool, record_ttl).await?)
        };
        let pause = match deletion.await {
            // A batch was deleted: more rows may have expired.
            Ok(n_deleted) if n_deleted > 0 => Duration::from_secs(1),
            Ok(_) => DELETION_INTERVAL,
            Err(error) => {
                tracing::warn!(error.message = %error, "deleting expired rows failed, trying later");
                DELETION_INTERVAL
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopping.cancelled() => return Ok(()),
        }
    }
}
