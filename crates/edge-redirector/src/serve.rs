//! Wires the service: what it depends on, its ports, and its end.

use std::{sync::Arc, time::Duration};

use actix_web::{App, HttpServer, web};
use anyhow::Context as _;
use platform::{
    admin,
    cache::Cache,
    health::{Health, Need},
    service::Shutdown,
};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::{
    click::{self, Edge, Recorder},
    metrics::Metrics,
    publisher::{self, Publisher},
    resolve::{Limits, Origin, Resolver},
    settings::Settings,
    spool::Spool,
};

/// Longer than a balancer keeps idle connections, so that it closes them first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

pub async fn run(settings: Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    let publisher_settings = publisher::settings(&settings)?;
    let spool = Spool::open(settings.spool()).context("SPOOL_DIR cannot be used")?;
    tracing::info!(spool.bytes = spool.bytes(), "the spool is open");

    let health = Health::default();
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let edge = Arc::new(Edge {
        resolver: resolver(&settings, &shutdown, &health, metrics.clone())?,
        recorder: Recorder::new(
            spool.clone(),
            settings.trusted_proxies.clone(),
            settings.telemetry.otlp_endpoint.is_some(),
        ),
        metrics: metrics.clone(),
    });
    let admin = admin::serve(settings.admin_bind, health.clone(), registry)?;

    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::from(edge.clone()))
            .configure(click::configure)
    })
    .workers(settings.edge_workers.into())
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(settings.drain_timeout_s)
    .shutdown_signal(shutdown.stopping().clone().cancelled_owned())
    .bind(settings.edge_bind)
    .with_context(|| format!("cannot listen on EDGE_BIND {}", settings.edge_bind))?;

    // Not the token of the server: the publisher ends after what it feeds on.
    let spool_is_closed = CancellationToken::new();
    let publisher = Publisher {
        settings: publisher_settings,
        spool: spool.clone(),
        metrics,
        health: health.dependency("rabbitmq", Need::Optional),
        stopping: spool_is_closed.clone(),
    };
    shutdown.spawn("publisher", publisher.run());
    shutdown.drains(&health);
    tracing::info!(edge.address = %server.addrs()[0], admin.address = %admin, "listening");
    let served = server.run().await.context("the server failed");
    spool.stop();
    spool_is_closed.cancel();
    served
}

fn resolver(
    settings: &Settings,
    shutdown: &Shutdown,
    health: &Health,
    metrics: Metrics,
) -> anyhow::Result<Resolver> {
    let cache = Cache::new(&settings.cache).context("REDIS_URL is not a Redis URL")?;
    let timeout = Duration::from_millis(settings.origin_timeout_ms);
    let origin = Origin::new(&settings.origin_url, settings.origin_token.clone(), timeout)?;
    let redis = health.dependency("redis", Need::Optional);
    shutdown.watch(redis, cache.clone(), Cache::ping);
    let origin_health = health.dependency("origin", Need::Optional);
    shutdown.watch(origin_health, origin.clone(), Origin::ping);
    let limits = Limits {
        entries: settings.local_cache_entries,
        ttl: Duration::from_millis(settings.local_cache_ttl_ms),
        negative_ttl: Duration::from_millis(settings.local_cache_negative_ttl_ms),
    };
    Ok(Resolver::new(cache, origin, &limits, metrics))
}
