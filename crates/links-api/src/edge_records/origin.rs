//! The origin: what redirectors ask when Redis does not have a record, or when they no longer
//! hear of changes. Requests have the shared token as Bearer.
//!
//! | path | response |
//! |---|---|
//! | `/internal/v1/records/<record key>` | 200 and the record, or 404 |
//! | `/internal/v1/changes` | the record changes of the last minute, and those not relayed yet |
//! | `/internal/v1/hosts/<host>/<short id>` | at most two short domains that have a link with this short id: those of the account that holds the host, or of all accounts if none does |
//! | `/internal/v1/slugs/<host>/<short id>` | at most two slugs of the host that differ from this short id in the case of letters only |

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use domain::record::RecordKey;
use postgres::pool::Object;
use subtle::ConstantTimeEq as _;

use super::{links, loader::load_record};
use crate::{
    db,
    error::{ApiError, ApiFamily, ErrorResponse},
    state::AppState,
};

pub fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/internal/v1/records/{key:.+}", web::get().to(get_record))
        .route("/internal/v1/changes", web::get().to(list_changes))
        .route("/internal/v1/hosts/{host}/{id}", web::get().to(list_hosts))
        .route("/internal/v1/slugs/{host}/{id}", web::get().to(list_slugs));
}

async fn get_record(
    request: HttpRequest,
    path: web::Path<String>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ErrorResponse> {
    let response = async {
        require_token(&request, &state)?;
        let key = RecordKey::parse(&path).ok_or(ApiError::NoRoute)?;
        let client = state.pools.origin.get().await?;
        let record = load_record(&client, &key).await?;
        let record = record.ok_or(ApiError::NoRoute)?;
        // The connection is free for others while Redis is written.
        drop(client);
        let write = state
            .edge_cache
            .put_record(&path, &record.json, record.version);
        write.await;
        Ok(HttpResponse::Ok()
            .content_type("application/json")
            .body(record.json))
    };
    response.await.map_err(error_response)
}

async fn list_changes(
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ErrorResponse> {
    let response = async {
        require_token(&request, &state)?;
        let client = state.pools.origin.get().await?;
        Ok(HttpResponse::Ok().json(db::changes::list_recent(&client).await?))
    };
    response.await.map_err(error_response)
}

async fn list_hosts(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ErrorResponse> {
    list_names(&request, path, &state, links::list_hosts).await
}

async fn list_slugs(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ErrorResponse> {
    list_names(&request, path, &state, links::list_slugs).await
}

/// The names that `query` finds for the host and the short id of the path.
async fn list_names(
    request: &HttpRequest,
    path: web::Path<(String, String)>,
    state: &AppState,
    query: impl AsyncFnOnce(&Object, &str, &str) -> Result<Vec<String>, ApiError>,
) -> Result<HttpResponse, ErrorResponse> {
    let response = async {
        require_token(request, state)?;
        let (host, short_id) = path.into_inner();
        let client = state.pools.origin.get().await?;
        Ok(HttpResponse::Ok().json(query(&client, &host, &short_id).await?))
    };
    response.await.map_err(error_response)
}

fn require_token(request: &HttpRequest, state: &AppState) -> Result<(), ApiError> {
    let header = request.headers().get(header::AUTHORIZATION);
    let presented = header.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let token = state.origin_token.reveal().as_bytes();
    match presented {
        Some(presented) if presented.ct_eq(token).into() => Ok(()),
        _ => Err(ApiError::Unauthorized),
    }
}

fn error_response(error: ApiError) -> ErrorResponse {
    ErrorResponse {
        family: ApiFamily::V2,
        error,
    }
}
