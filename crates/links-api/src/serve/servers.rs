//! The HTTP servers of the API and of the origin.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use actix_cors::Cors;
use actix_web::{
    App, HttpServer,
    dev::Server,
    http::header,
    middleware::{Compress, Condition, DefaultHeaders, from_fn},
    web,
};
use anyhow::Context as _;
use dashboard::Dashboard;
use tokio_util::sync::CancellationToken;

use crate::{
    docs, domain_ownership, edge_records, http, pages, routes,
    settings::{DashboardSetting, ServeSettings},
    state::AppState,
};

/// Longer than load balancers keep idle connections, so that they close them first and never
/// send a request into a connection that is being closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// A server that listens; it serves once it is awaited.
pub struct BoundServer {
    pub address: SocketAddr,
    pub server: Server,
}

/// The API with its reference and the dashboard, which stops when `stopping` is cancelled.
pub fn bind_api(
    settings: &ServeSettings,
    state: &Arc<AppState>,
    stopping: &CancellationToken,
) -> anyhow::Result<BoundServer> {
    let state = state.clone();
    let cors_origins = settings.cors_origins.clone();
    let docs = Arc::new(docs::Docs::new(&routes::API_INFO, &routes::document()));
    let has_dashboard = settings.dashboard == DashboardSetting::On;
    let dashboard = Arc::new(has_dashboard.then(Dashboard::new));
    let server = HttpServer::new(move || {
        let dashboard = dashboard.clone();
        let page = move |request| {
            let dashboard = dashboard.clone();
            async move { pages::serve(dashboard.as_ref().as_ref(), request).await }
        };
        App::new()
            .app_data(web::Data::from(state.clone()))
            .app_data(web::Data::new(state.metrics.clone()))
            .wrap(Compress::default())
            .wrap(from_fn(http::trace_request))
            .wrap(Condition::new(
                !cors_origins.is_empty(),
                cors(&cors_origins),
            ))
            .wrap(browser_headers())
            .configure(|config| http::configure(routes::operations(), config))
            .configure(|config| docs::configure(&docs, config))
            .default_service(web::to(page))
    })
    .workers(settings.api_workers.into())
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(settings.drain_timeout_s)
    .shutdown_signal(stopping.clone().cancelled_owned())
    .bind(settings.api_bind)
    .with_context(|| format!("listening on API_BIND {} failed", settings.api_bind))?;
    Ok(BoundServer {
        address: server.addrs()[0],
        server: server.run(),
    })
}

/// The port for redirectors and for Caddy, which stops when `stopping` is cancelled.
pub fn bind_origin(
    settings: &ServeSettings,
    state: &Arc<AppState>,
    stopping: &CancellationToken,
) -> anyhow::Result<BoundServer> {
    let state = state.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::from(state.clone()))
            .app_data(web::Data::new(state.metrics.clone()))
            .wrap(from_fn(http::trace_request))
            .configure(edge_records::configure)
            .configure(domain_ownership::configure)
            .default_service(web::to(http::default_service))
    })
    .workers(1)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(settings.drain_timeout_s)
    .shutdown_signal(stopping.clone().cancelled_owned())
    .bind(settings.origin_bind)
    .with_context(|| format!("listening on ORIGIN_BIND {} failed", settings.origin_bind))?;
    Ok(BoundServer {
        address: server.addrs()[0],
        server: server.run(),
    })
}

/// What browsers allow pages of these origins. They send no cookies, so that a page needs a key
/// as any client does.
fn cors(origins: &[String]) -> Cors {
    const MAX_AGE_S: usize = 3_600;
    let exposed = [
        "etag",
        "idempotent-replayed",
        "retry-after",
        "waypost-ignored",
        "x-next-cursor",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-request-id",
    ];
    let cors = Cors::default()
        .allow_any_method()
        .allow_any_header()
        .expose_headers(exposed)
        .max_age(MAX_AGE_S);
    origins
        .iter()
        .fold(cors, |cors, origin| cors.allowed_origin(origin))
}

/// Response headers for browsers: they guess no content type, and the documentation may load and
/// run only its own files. Images of Swagger UI are in its style sheet.
fn browser_headers() -> DefaultHeaders {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
        connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
        frame-ancestors 'none'";
    DefaultHeaders::new()
        .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .add((header::CONTENT_SECURITY_POLICY, POLICY))
        .add((header::REFERRER_POLICY, "no-referrer"))
}
