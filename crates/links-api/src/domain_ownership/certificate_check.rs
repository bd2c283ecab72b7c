//! `GET /ask?domain=<host>` on the origin's port, which Caddy calls before it gets a certificate
//! for a host (`on_demand_tls { ask ... }`). 200 allows it, any other status does not.
//!
//! The request needs no token, since Caddy sends none: the origin's port is not reachable from
//! outside, and the response says no more than a click on the host does.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::host;
use postgres::pool::GenericClient as _;
use serde::Deserialize;

use crate::{
    error::{ApiError, ApiFamily, ErrorResponse},
    state::AppState,
};

#[derive(Debug, Deserialize)]
struct CertificateQuery {
    domain: Option<String>,
}

pub fn configure(config: &mut web::ServiceConfig) {
    config.route("/ask", web::get().to(allow_certificate));
}

async fn allow_certificate(
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ErrorResponse> {
    let response = check_host(&request, &state).await;
    response.map_err(|error| ErrorResponse {
        family: ApiFamily::V2,
        error,
    })
}

async fn check_host(request: &HttpRequest, state: &AppState) -> Result<HttpResponse, ApiError> {
    let query = web::Query::<CertificateQuery>::from_query(request.query_string());
    let query = query.map_err(|error| ApiError::invalid_field("query", error.to_string()))?;
    let host = query.domain.as_deref();
    let host = host.ok_or_else(|| ApiError::invalid_field("domain", "must be given"))?;
    let host = host::normalise(host).ok_or(ApiError::NotFound("domain"))?;
    if host != state.platform_click_host {
        let client = state.pools.origin.get().await?;
        let statement = client
            .prepare_cached(
                // Links on the host must work; whether new ones can be created is another
                // matter.
                "SELECT 1
                 FROM domains d
                 WHERE d.host = $1
                   AND d.ownership <> 'refused'
                   AND (d.status <> 'pending'
                        OR EXISTS (SELECT 1 FROM links l WHERE l.domain_id = d.id))
                 LIMIT 1",
            )
            .await?;
        let row = client.query_opt(&statement, &[&host]).await?;
        row.ok_or(ApiError::NotFound("domain"))?;
    }
    Ok(HttpResponse::Ok().finish())
}
