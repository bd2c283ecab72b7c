//! The admin port: `/live`, `/ready` and `/metrics`, apart from the port that
//! strangers reach.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, http::header, web};
use anyhow::Context as _;
use prometheus_client::registry::Registry;

use crate::health::Health;

/// Serves the admin port until the process ends, so that a drain can be
/// watched. Returns the address it listens on.
pub fn serve(bind: SocketAddr, health: Health, metrics: Registry) -> anyhow::Result<SocketAddr> {
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

/// The process runs and its runtime turns.
async fn live() -> HttpResponse {
    HttpResponse::Ok().body("live\n")
}

/// 200 when the service can do its work, else 503; why is in the body.
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
    async fn a_service_that_is_not_ready_says_when_to_ask_again() {
        let health = Health::default();
        let postgres = health.add_dependency("postgres", Criticality::Required);
        postgres.mark_up();
        assert_eq!(ready(web::Data::new(health.clone())).await.status(), 200);
        postgres.mark_down("it is away".to_owned());
        let response = ready(web::Data::new(health)).await;
        assert_eq!(response.status(), 503);
        let after = response.headers().get(header::RETRY_AFTER);
        assert_eq!(after.map(|value| value.as_bytes()), Some(&b"1"[..]));
    }
}
