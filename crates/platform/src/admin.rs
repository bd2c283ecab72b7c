//! The admin port with `/live`, `/ready` and `/metrics`. It is apart from the service's
//! own port, which the public can reach.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, http::header, web};
use anyhow::Context as _;
use prometheus_client::registry::Registry;

use crate::{build_info::BuildInfo, health::Health};

/// Serves the admin port until the process ends, so that the metrics of a drain can be
/// read. Adds the metric of the build. Returns the address that it listens on.
pub fn serve(
    bind: SocketAddr,
    health: Health,
    mut metrics: Registry,
    build: BuildInfo,
) -> anyhow::Result<SocketAddr> {
    build.register(&mut metrics);
    let metrics = Arc::new(metrics);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(health.clone()))
            .app_data(web::Data::from(metrics.clone()))
            .route("/live", web::get().to(live))
            .route("/ready", web::get().to(ready))
            .route("/metrics", web::get().to(metrics_text))
    })
    .workers(1)
    .disable_signals()
    .client_request_timeout(Duration::from_secs(5))
    .bind(bind)
    .with_context(|| format!("cannot listen on {bind} for the admin port"))?;
    let address = server.addrs().first().copied().unwrap_or(bind);
    tokio::spawn(server.run());
    Ok(address)
}

/// Answers 200 as long as the async runtime works.
async fn live() -> HttpResponse {
    HttpResponse::Ok().body("live\n")
}

/// Answers 200 if the service is ready, else 503. The body shows each dependency.
async fn ready(health: web::Data<Health>) -> HttpResponse {
    let mut response = if health.is_ready() {
        HttpResponse::Ok()
    } else {
        let mut response = HttpResponse::ServiceUnavailable();
        response.insert_header((header::RETRY_AFTER, "1"));
        response
    };
    response.json(health.report())
}

async fn metrics_text(metrics: web::Data<Registry>) -> HttpResponse {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &metrics) {
        Ok(()) => HttpResponse::Ok()
            .insert_header((
                header::CONTENT_TYPE,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ))
            .body(text),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Criticality;

    #[actix_web::test]
    async fn a_service_that_is_not_ready_answers_503_with_retry_after() {
        let health = Health::default();
        let postgres = health.add_dependency("postgres", Criticality::Required);
        postgres.mark_up();
        assert_eq!(ready(web::Data::new(health.clone())).await.status(), 200);
        postgres.mark_down("connection refused");
        let response = ready(web::Data::new(health)).await;
        assert_eq!(response.status(), 503);
        let retry_after = response.headers().get(header::RETRY_AFTER);
        assert_eq!(retry_after.map(|value| value.as_bytes()), Some(&b"1"[..]));
    }
}
