//! Wires the service: what it depends on, its ports, and its end.

use std::{convert::Infallible, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use actix_http::{HttpService, Request, error::DispatchError};
use actix_server::Server;
use actix_service::{ServiceFactoryExt as _, fn_service};
use anyhow::Context as _;
use domain::bot::BotRules;
use platform::{
    admin,
    health::{Criticality, Health},
    redis_cache::RedisCache,
    reloading_file::ReloadingFile,
    service::Shutdown,
};
use prometheus_client::registry::Registry;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::{
    click::{self, Edge, Proof, Recorder, Visitors},
    connection::{self, ProxyProtocol},
    geo::Geo,
    guard::Guard,
    load::Load,
    metrics::Metrics,
    publisher::{self, Publisher},
    resolve::{self, Limits, Origin, Resolver},
    settings::{ProxyProtocolSetting, Settings},
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
        recorder: Recorder {
            spool: spool.clone(),
            visitors: visitors(&settings, &shutdown, &metrics)?,
            proof: Proof::new(&settings.continue_secret),
            is_tracing: settings.telemetry.otlp_endpoint.is_some(),
        },
        load: Load::new(
            settings.edge_max_requests as usize,
            settings.edge_max_requests_for_pages as usize,
        ),
        guard: Guard::new(settings.edge_max_misses_per_minute),
        client_timeout: Duration::from_millis(settings.edge_client_timeout_ms),
        leaving: shutdown.signal_received().clone(),
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
        health: health.add_dependency("rabbitmq", Criticality::Optional),
        stopping: spool_is_closed.clone(),
    };
    shutdown.spawn("publisher", publisher.run());
    shutdown.spawn_drain(&health, Duration::from_millis(settings.shutdown_delay_ms));
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
    let client_timeout = Duration::from_millis(settings.edge_client_timeout_ms);
    let max_connections = settings.edge_max_connections as usize;
    let proxy_protocol = proxy_protocol(settings)?;
    let server = Server::build()
        .workers(settings.edge_workers.into())
        .max_concurrent_connections(max_connections.div_ceil(settings.edge_workers.into()))
        .shutdown_timeout(settings.drain_timeout_s)
        .shutdown_signal(stopping.clone().cancelled_owned())
        .listen("edge", listener, move || {
            let (edge, stopping) = (edge.clone(), stopping.clone());
            let http = HttpService::build()
                .keep_alive(KEEP_ALIVE)
                .client_request_timeout(client_timeout)
                .client_disconnect_timeout(client_timeout)
                .graceful_shutdown_signal(move || stopping.clone().cancelled_owned())
                .h1(move |request: Request| {
                    let edge = edge.clone();
                    async move { Ok::<_, Infallible>(click::handle(request, &edge).await) }
                });
            let proxy_protocol = proxy_protocol.clone();
            fn_service(move |stream: TcpStream| {
                let proxy_protocol = proxy_protocol.clone();
                async move {
                    let accepted = connection::accept(stream, proxy_protocol.as_deref()).await;
                    accepted.map_err(DispatchError::Io)
                }
            })
            .and_then(http)
        })
        .with_context(failed)?
        .run();
    Ok((server, address))
}

fn proxy_protocol(settings: &Settings) -> anyhow::Result<Option<Arc<ProxyProtocol>>> {
    let trusted_proxies = settings.trusted_proxies.clone();
    anyhow::ensure!(
        settings.proxy_protocol == ProxyProtocolSetting::Off || !trusted_proxies.is_empty(),
        "PROXY_PROTOCOL=v2 needs TRUSTED_PROXIES: who may say whom a connection is from"
    );
    let timeout = Duration::from_millis(settings.edge_client_timeout_ms);
    let protocol = ProxyProtocol {
        trusted_proxies,
        timeout,
    };
    Ok(match settings.proxy_protocol {
        ProxyProtocolSetting::Off => None,
        ProxyProtocolSetting::V2 => Some(Arc::new(protocol)),
    })
}

fn visitors(
    settings: &Settings,
    shutdown: &Shutdown,
    metrics: &Metrics,
) -> anyhow::Result<Visitors> {
    let interval = Duration::from_millis(settings.files_interval_ms);
    let geo = Geo::open(
        settings.geoip_country_db.clone(),
        settings.geoip_asn_db.clone(),
        interval,
        metrics.clone(),
        shutdown,
    )?;
    let rules = match &settings.bot_rules_file {
        None => ReloadingFile::constant(BotRules::built_in()),
        Some(path) => {
            ReloadingFile::open("BOT_RULES_FILE", path.clone(), rules, interval, shutdown)?
        }
    };
    Ok(Visitors {
        trusted_proxies: settings.trusted_proxies.clone(),
        proxy_header: settings.proxy_header.into(),
        unreadable_addresses: metrics.unreadable_addresses.clone(),
        geo,
        rules,
    })
}

fn rules(path: &Path) -> anyhow::Result<BotRules> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    BotRules::with_operator_rules(&text)
        .with_context(|| format!("{} has no rules to use", path.display()))
}

fn resolver(
    settings: &Settings,
    shutdown: &Shutdown,
    health: &Health,
    metrics: Metrics,
) -> anyhow::Result<Arc<Resolver>> {
    let cache = RedisCache::new(&settings.cache).context("REDIS_URL is not a Redis URL")?;
    let timeout = Duration::from_millis(settings.origin_timeout_ms);
    let origin = Origin::new(&settings.origin_url, settings.origin_token.clone(), timeout)?;
    let redis = health.add_dependency("redis", Criticality::Optional);
    shutdown.spawn_health_check(redis, cache.clone(), RedisCache::ping);
    let origin_health = health.add_dependency("origin", Criticality::Optional);
    shutdown.spawn_health_check(origin_health, origin.clone(), Origin::ping);
    let limits = Limits {
        bytes: settings.local_cache_bytes,
        ttl: Duration::from_millis(settings.local_cache_ttl_ms),
        negative_ttl: Duration::from_millis(settings.local_cache_negative_ttl_ms),
        max_lookups: settings.origin_max_lookups as usize,
    };
    let resolver = Arc::new(Resolver::new(cache.clone(), origin, &limits, metrics));
    let records = health.add_dependency("records", Criticality::Required);
    shutdown.spawn_health_check(records, resolver.clone(), resolve::can_answer);
    let stopping = shutdown.stopping().clone();
    let changes = health.add_dependency("changes", Criticality::Optional);
    let heartbeat_timeout = Duration::from_millis(settings.changes_timeout_ms);
    let following = resolve::follow(
        resolver.clone(),
        cache,
        heartbeat_timeout,
        changes,
        stopping,
    );
    shutdown.spawn("following of changes", following);
    Ok(resolver)
}
