//! Wires the service: what it depends on, its ports, and its end.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use actix_http::{HttpService, Request};
use actix_server::Server;
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
    resolve::{self, Limits, Origin, Resolver},
    settings::Settings,
    spool::Spool,
};

/// Longer than a balancer keeps idle connections, so that it closes them first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// For a request's head, and for a closing connection.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(5);

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

    let (server, address) = server(&settings, &shutdown, edge)?;

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
    tracing::info!(edge.address = %address, admin.address = %admin, "listening");
    let served = server.await.context("the server failed");
    spool.stop();
    spool_is_closed.cancel();
    served
}

/// The port that people reach, stopping gracefully with the service.
fn server(
    settings: &Settings,
    shutdown: &Shutdown,
    edge: Arc<Edge>,
) -> anyhow::Result<(Server, SocketAddr)> {
    let failed = || format!("cannot listen on EDGE_BIND {}", settings.edge_bind);
    let listener = std::net::TcpListener::bind(settings.edge_bind).with_context(failed)?;
    let address = listener.local_addr().with_context(failed)?;
    let stopping = shutdown.stopping().clone();
    let server = Server::build()
        .workers(settings.edge_workers.into())
        .shutdown_timeout(settings.drain_timeout_s)
        .shutdown_signal(stopping.clone().cancelled_owned())
        .listen("edge", listener, move || {
            let (edge, stopping) = (edge.clone(), stopping.clone());
            HttpService::build()
                .keep_alive(KEEP_ALIVE)
                .client_request_timeout(CLIENT_TIMEOUT)
                .client_disconnect_timeout(CLIENT_TIMEOUT)
                .graceful_shutdown_signal(move || stopping.clone().cancelled_owned())
                .h1(move |request: Request| {
                    let edge = edge.clone();
                    async move { Ok::<_, Infallible>(click::handle(request, &edge).await) }
                })
                .tcp()
        })
        .with_context(failed)?
        .run();
    Ok((server, address))
}

fn resolver(
    settings: &Settings,
    shutdown: &Shutdown,
    health: &Health,
    metrics: Metrics,
) -> anyhow::Result<Arc<Resolver>> {
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
    let resolver = Arc::new(Resolver::new(cache.clone(), origin, &limits, metrics));
    let stopping = shutdown.stopping().clone();
    let following = resolve::follow(resolver.clone(), cache, stopping);
    shutdown.spawn("following of changes", following);
    Ok(resolver)
}
