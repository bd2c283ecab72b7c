//! `GET /ask?domain=<host>` on the origin's port: whether a certificate may be had for a
//! host, in the form in which Caddy asks (`on_demand_tls { ask ... }`): 200 for yes.
//!
//! It needs no token, since Caddy sends none: the origin's port is not reachable from
//! outside, and the answer says no more than a click on the host does.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::host;
use postgres::pool::GenericClient as _;
use serde::Deserialize;

use crate::{
    error::{ApiError, ApiFamily, ErrorResponse},
    state::AppState,
};

#[derive(Debug, Deserialize)]
struct Asked {
    domain: Option<String>,
}

pub fn configure(config: &mut web::ServiceConfig) {
    config.route("/ask", web::get().to(ask));
}

async fn ask(
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ErrorResponse> {
    let answer = answer(&request, &state).await;
    answer.map_err(|error| ErrorResponse {
        family: ApiFamily::V2,
        error,
    })
}

async fn answer(request: &HttpRequest, state: &AppState) -> Result<HttpResponse, ApiError> {
    let asked = web::Query::<Asked>::from_query(request.query_string());
    let asked = asked.map_err(|error| ApiError::invalid_field("query", error.to_string()))?;
    let host = asked.domain.as_deref();
    let host = host.ok_or_else(|| ApiError::invalid_field("domain", "it is required"))?;
    let host = host::normalise(host).ok_or(ApiError::NotFound("domain"))?;
    if host != state.platform_click_host {
        let client = state.pools.origin.get().await?;
        let statement = client
            .prepare_cached(
                // A host whose links work, whether or not new ones are made.
                "SELECT 1
                 FROM domains d
                 WHERE d.host = $1
                   AND d.ownership <> 'refused'
                   AND (d.status <> 'pending'
                        OR EXISTS (SELECT 1 FROM links l WHERE l.domain_id = d.id))
                 LIMIT 1",
            )
            .await?;
        let found = client.query_opt(&statement, &[&host]).await?;
        found.ok_or(ApiError::NotFound("domain"))?;
    }
    Ok(HttpResponse::Ok().finish())
}
