//! Wires the service: what it depends on, its ports, and its end.

use std::{sync::Arc, time::Duration};

use actix_web::{App, HttpServer, middleware::from_fn, web};
use anyhow::Context as _;
use platform::{
    admin,
    cache::Cache,
    health::{Health, Need},
    service::Shutdown,
    settings::Secret,
};
use prometheus_client::registry::Registry;
use store::{migrations, pool::Pool};

use crate::{body, links, observe, records, settings::ServeSettings};

/// What handlers share.
pub struct Services {
    pub pool: Pool,
    pub records: records::RecordCache,
    pub origin_token: Secret,
    pub platform_click_host: String,
    pub metrics: observe::Metrics,
}

/// Longer than a balancer keeps idle connections, so that it closes them first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

pub async fn run(settings: ServeSettings, shutdown: Shutdown) -> anyhow::Result<()> {
    let pool = store::pool::build(&settings.pool, "links-api")?;
    let client = pool.get().await.context("Postgres cannot be reached")?;
    migrations::check(&client).await?;
    drop(client);

    let cache = Cache::new(&settings.cache).context("REDIS_URL is not a Redis URL")?;
    let health = Health::default();
    let postgres = health.dependency("postgres", Need::Required);
    shutdown.watch(postgres, pool.clone(), store::pool::ping);
    let redis = health.dependency("redis", Need::Optional);
    shutdown.watch(redis, cache.clone(), Cache::ping);

    let mut registry = Registry::default();
    let services = Arc::new(Services {
        pool,
        records: records::RecordCache::new(cache, Duration::from_secs(settings.redis_ttl_s)),
        origin_token: settings.origin_token.clone(),
        platform_click_host: settings.platform_click_host.clone(),
        metrics: observe::Metrics::register(&mut registry),
    });
    let admin = admin::serve(settings.admin_bind, health.clone(), registry)?;

    let api = {
        let services = services.clone();
        HttpServer::new(move || {
            App::new()
                .app_data(web::Data::from(services.clone()))
                .wrap(from_fn(observe::request))
                .configure(links::configure)
                .default_service(web::to(body::no_route))
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
            .app_data(web::Data::from(services.clone()))
            .wrap(from_fn(observe::request))
            .configure(records::configure)
            .default_service(web::to(body::no_route))
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
    shutdown.drains(&health);
    tokio::try_join!(api.run(), origin.run()).context("a server failed")?;
    Ok(())
}
