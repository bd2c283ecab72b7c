//! Wires the service: dependencies, ports, and the order of stopping.

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
    click_lookups::ClickLookups,
    concurrency_limit::ConcurrencyLimit,
    confirmation_token::ConfirmationTokens,
    connection::{self, ProxyProtocolConfig},
    enumeration_guard::EnumerationGuard,
    first_conversions::FirstConversions,
    geo::GeoIp,
    metrics::Metrics,
    postback_log::{LogSender, PostbackLog},
    publisher::{Publisher, PublisherSettings},
    resolve::{self, CacheLimits, Limits, Origin, Resolver},
    router,
    settings::{BUILD, ProxyProtocolSetting, Settings},
    spool::Spool,
    state::AppState,
    visitor::VisitorDetector,
};

/// Longer than a balancer keeps idle connections, so that it closes them first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

pub async fn run(settings: Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    let publisher_settings = PublisherSettings::new(&settings)?;
    let spool = Spool::open(settings.spool()).context("SPOOL_DIR cannot be used")?;
    tracing::info!(spool.bytes = spool.bytes(), "spool opened");

    let health = Health::default();
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let redis = RedisCache::new(&settings.cache).context("REDIS_URL is not a Redis URL")?;
    let origin = Origin::new(
        &settings.origin_url,
        settings.origin_token.clone(),
        Duration::from_millis(settings.origin_timeout_ms),
    )?;
    let resolver = start_resolver(
        &settings,
        redis.clone(),
        origin.clone(),
        &shutdown,
        &health,
        metrics.clone(),
    );
    let postback_log = Arc::new(PostbackLog::new(metrics.clone()));
    let state = Arc::new(AppState {
        click_lookups: ClickLookups::new(resolver.clone(), metrics.clone()),
        postback_log: postback_log.clone(),
        resolver,
        spool: spool.clone(),
        visitor_detector: open_visitor_detector(&settings, &shutdown, &metrics)?,
        confirmation_tokens: ConfirmationTokens::new(&settings.confirmation_token_secret),
        concurrency_limit: ConcurrencyLimit::new(
            settings.edge_max_concurrent_requests as usize,
            settings.edge_max_concurrent_requests_for_pages as usize,
        ),
        enumeration_guard: EnumerationGuard::new(settings.edge_max_failed_attempts_per_minute),
        first_conversions: FirstConversions::new(redis),
        client_timeout: Duration::from_millis(settings.edge_client_timeout_ms),
        is_tracing: settings.telemetry.otlp_endpoint.is_some(),
        draining: shutdown.signal_received().clone(),
        metrics: metrics.clone(),
    });
    let (server, edge_address) = start_server(&settings, &shutdown, state)?;
    // After it, so that `/ready` never answers before the port for visitors listens.
    let admin_address = admin::serve(settings.admin_bind, health.clone(), registry, BUILD)?;

    // Publisher and log have a token of their own, since they must stop after the server:
    // requests in flight still append to the spool and to the log.
    let spool_stopped = CancellationToken::new();
    let log_sender = LogSender {
        log: postback_log,
        origin,
        stopped: spool_stopped.clone(),
    };
    shutdown.spawn("log of postbacks", log_sender.run());
    let publisher = Publisher {
        settings: publisher_settings,
        spool: spool.clone(),
        metrics,
        health: health.add_dependency("rabbitmq", Criticality::Optional),
        spool_stopped: spool_stopped.clone(),
    };
    shutdown.spawn("publisher", publisher.run());
    shutdown.spawn_drain(&health, Duration::from_millis(settings.shutdown_delay_ms));
    tracing::info!(edge.address = %edge_address, admin.address = %admin_address, "listening");
    let result = server.await.context("the server failed");
    spool.stop();
    spool_stopped.cancel();
    result
}

/// Starts the server on the port for visitors. It stops gracefully with the service.
fn start_server(
    settings: &Settings,
    shutdown: &Shutdown,
    state: Arc<AppState>,
) -> anyhow::Result<(Server, SocketAddr)> {
    let error_context = || format!("cannot listen on EDGE_BIND {}", settings.edge_bind);
    let listener = std::net::TcpListener::bind(settings.edge_bind).with_context(error_context)?;
    let address = listener.local_addr().with_context(error_context)?;
    let stopping = shutdown.stopping().clone();
    let client_timeout = Duration::from_millis(settings.edge_client_timeout_ms);
    let max_connections = settings.edge_max_connections as usize;
    let proxy_protocol = proxy_protocol_config(settings)?;
    let server = Server::build()
        .workers(settings.edge_workers.into())
        .max_concurrent_connections(max_connections.div_ceil(settings.edge_workers.into()))
        .shutdown_timeout(settings.drain_timeout_s)
        .shutdown_signal(stopping.clone().cancelled_owned())
        .listen("edge", listener, move || {
            let (state, stopping) = (state.clone(), stopping.clone());
            let http = HttpService::build()
                .keep_alive(KEEP_ALIVE)
                .client_request_timeout(client_timeout)
                .client_disconnect_timeout(client_timeout)
                .graceful_shutdown_signal(move || stopping.clone().cancelled_owned())
                .h1(move |request: Request| {
                    let state = state.clone();
                    async move { Ok::<_, Infallible>(router::handle(request, &state).await) }
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
        .with_context(error_context)?
        .run();
    Ok((server, address))
}

fn proxy_protocol_config(settings: &Settings) -> anyhow::Result<Option<Arc<ProxyProtocolConfig>>> {
    let trusted_proxies = settings.trusted_proxies.clone();
    anyhow::ensure!(
        settings.proxy_protocol == ProxyProtocolSetting::Off || !trusted_proxies.is_empty(),
        "PROXY_PROTOCOL=v2 needs TRUSTED_PROXIES, the proxies whose header is accepted"
    );
    let config = ProxyProtocolConfig {
        trusted_proxies,
        timeout: Duration::from_millis(settings.edge_client_timeout_ms),
    };
    Ok(match settings.proxy_protocol {
        ProxyProtocolSetting::Off => None,
        ProxyProtocolSetting::V2 => Some(Arc::new(config)),
    })
}

fn open_visitor_detector(
    settings: &Settings,
    shutdown: &Shutdown,
    metrics: &Metrics,
) -> anyhow::Result<VisitorDetector> {
    let interval = Duration::from_millis(settings.file_reload_interval_ms);
    let geo = GeoIp::open(
        settings.geoip_country_db.clone(),
        settings.geoip_asn_db.clone(),
        interval,
        metrics.clone(),
        shutdown,
    )?;
    let rules = match &settings.bot_rules_file {
        None => ReloadingFile::constant(BotRules::built_in()),
        Some(path) => ReloadingFile::open(
            "BOT_RULES_FILE",
            path.clone(),
            load_bot_rules,
            interval,
            shutdown,
        )?,
    };
    Ok(VisitorDetector {
        trusted_proxies: settings.trusted_proxies.clone(),
        proxy_header: settings.proxy_header.into(),
        unreadable_addresses: metrics.unreadable_addresses.clone(),
        geo,
        rules,
    })
}

fn load_bot_rules(path: &Path) -> anyhow::Result<BotRules> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    BotRules::with_operator_rules(&text)
        .with_context(|| format!("{} has invalid rules", path.display()))
}

/// Creates the resolver, and starts its health checks and the task that follows the record
/// changes.
fn start_resolver(
    settings: &Settings,
    redis: RedisCache,
    origin: Origin,
    shutdown: &Shutdown,
    health: &Health,
    metrics: Metrics,
) -> Arc<Resolver> {
    let redis_health = health.add_dependency("redis", Criticality::Optional);
    shutdown.spawn_health_check(redis_health, redis.clone(), RedisCache::ping);
    let origin_health = health.add_dependency("origin", Criticality::Optional);
    shutdown.spawn_health_check(origin_health, origin.clone(), Origin::ping);
    let limits = Limits {
        cache: CacheLimits {
            max_bytes: settings.local_cache_bytes,
            ttl: Duration::from_millis(settings.local_cache_ttl_ms),
            negative_ttl: Duration::from_millis(settings.local_cache_negative_ttl_ms),
        },
        max_lookups: settings.origin_max_lookups as usize,
    };
    let resolver = Arc::new(Resolver::new(redis.clone(), origin, &limits, metrics));
    let records_health = health.add_dependency("records", Criticality::Required);
    shutdown.spawn_health_check(records_health, resolver.clone(), resolve::check_readiness);
    let follow_record_changes = resolve::follow_record_changes(
        resolver.clone(),
        redis,
        Duration::from_millis(settings.record_change_heartbeat_timeout_ms),
        health.add_dependency("changes", Criticality::Optional),
        shutdown.stopping().clone(),
    );
    shutdown.spawn("record change follower", follow_record_changes);
    resolver
}
