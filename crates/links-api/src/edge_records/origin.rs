//! The origin: what redirectors ask when Redis does not have a record, or when they no longer
//! hear of changes. Requests have the shared token as Bearer.
//!
//! | path | response |
//! |---|---|
//! | `/internal/v1/records/<record key>` | 200 and the record, or 404 |
//! | `/internal/v1/changes` | the record changes of the last minute, and those not relayed yet |
//! | `/internal/v1/hosts/<host>/<short id>` | at most two short domains that have a link with this short id: those of the account that holds the host, or of all accounts if none does |
//! | `/internal/v1/hosts/<host>` | the account that holds the host, as a list of at most one id |
//! | `/internal/v1/offers?external_id=<id>&account_id=<id>` | at most two offers of the account with this `external_id` |
//! | `/internal/v1/offers?external_id=<id>&secret_digest=<digits>` | the same, of all accounts, of those whose postback secrets have this SHA-256 |
//! | `/internal/v1/slugs/<host>/<short id>` | at most two slugs of the host that differ from this short id in the case of letters only |
//! | `/internal/v1/clicks/<click id>` | account, link and offer of the click if it is stored, else `null`: a links-api that does not know this path answers 404 |
//! | POST `/internal/v1/postbacks` | 200 once the lines of the body are in the log of postbacks; those that cannot be stored are counted and left out |

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use domain::{
    id::{AccountId, ClickId},
    postback::log::{LoggedPostback, MAX_LINES_PER_REQUEST},
    record::RecordKey,
};
use platform::log_rate_limit::LogRateLimiter;
use postgres::pool::Object;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::{hosts, links, loader::load_record, posted_entries};
use crate::{
    db::{self, offers},
    error::{ApiError, ApiFamily, ErrorResponse, UnauthorizedReason},
    http::read_limited,
    metrics::LogEntryResult,
    state::AppState,
};

/// Limit of the body with lines of the log of postbacks:
/// [`domain::postback::log::MAX_BYTES_PER_REQUEST`].
const MAX_LOG_MB: usize = 1;
/// How long a request with lines of the log waits for another one to end.
const LOG_PERMIT_TIMEOUT: Duration = Duration::from_secs(1);

pub fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/internal/v1/records/{key:.+}", web::get().to(get_record))
        .route("/internal/v1/changes", web::get().to(list_changes))
        .route("/internal/v1/hosts/{host}/{id}", web::get().to(list_hosts))
        .route("/internal/v1/clicks/{id}", web::get().to(get_click))
        .route("/internal/v1/postbacks", web::post().to(post_postbacks))
        .route(
            "/internal/v1/hosts/{host}",
            web::get().to(list_accounts_of_host),
        )
        .route("/internal/v1/offers", web::get().to(list_offers))
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
    let query = async |client: &Object| db::changes::list_recent(client).await;
    answer_query(&request, &state, query).await
}

async fn list_hosts(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ErrorResponse> {
    let (host, short_id) = path.into_inner();
    let query = async |client: &Object| links::list_hosts(client, &host, &short_id).await;
    answer_query(&request, &state, query).await
}

async fn list_slugs(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ErrorResponse> {
    let (host, short_id) = path.into_inner();
    let query = async |client: &Object| links::list_slugs(client, &host, &short_id).await;
    answer_query(&request, &state, query).await
}

async fn list_accounts_of_host(
    request: HttpRequest,
    host: web::Path<String>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ErrorResponse> {
    let query = async |client: &Object| hosts::list_accounts(client, &host).await;
    answer_query(&request, &state, query).await
}

#[derive(Debug, Deserialize)]
struct OffersQuery {
    external_id: String,
    account_id: Option<i64>,
    secret_digest: Option<String>,
}

async fn list_offers(
    request: HttpRequest,
    parameters: web::Query<OffersQuery>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ErrorResponse> {
    let query = async |client: &Object| {
        offers::list_by_external_id(
            client,
            &parameters.external_id,
            parameters.account_id.map(AccountId),
            parameters.secret_digest.as_deref(),
        )
        .await
    };
    answer_query(&request, &state, query).await
}

async fn get_click(
    request: HttpRequest,
    path: web::Path<String>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ErrorResponse> {
    let query = async |client: &Object| {
        let id = ClickId::parse(&path).map_err(|_| ApiError::NoRoute)?;
        let mut clicks = db::clicks::find_stored(client, &[id]).await?;
        Ok(clicks.remove(&id))
    };
    answer_query(&request, &state, query).await
}

/// Checks the token and answers what `query` returns, as JSON.
async fn answer_query<T: Serialize>(
    request: &HttpRequest,
    state: &AppState,
    query: impl AsyncFnOnce(&Object) -> Result<T, ApiError>,
) -> Result<HttpResponse, ErrorResponse> {
    let response = async {
        require_token(request, state)?;
        let client = state.pools.origin.get().await?;
        Ok(HttpResponse::Ok().json(query(&client).await?))
    };
    response.await.map_err(error_response)
}

async fn post_postbacks(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ErrorResponse> {
    let response = async {
        require_token(&request, &state)?;
        let body = read_limited(payload, MAX_LOG_MB).await?;
        let postbacks = parse_lines(&body, &state)?;
        // One at a time, since redirects wait for the other connections of the pool.
        let acquiring = state.log_insert_permits.acquire();
        let permit = tokio::time::timeout(LOG_PERMIT_TIMEOUT, acquiring).await;
        let _permit = permit.map_err(ApiError::unavailable)?;
        let client = state.pools.origin.get().await?;
        let n_stored = posted_entries::store(&client, postbacks).await?;
        let metrics = &state.metrics;
        metrics.count_log_entries(LogEntryResult::Stored, n_stored);
        Ok(HttpResponse::Ok().finish())
    };
    response.await.map_err(error_response)
}

/// The entries of a body. Lines that cannot be stored are counted.
fn parse_lines(body: &[u8], state: &AppState) -> Result<Vec<LoggedPostback>, ApiError> {
    let lines = body.split(|byte| *byte == b'\n');
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    if lines.len() > MAX_LINES_PER_REQUEST {
        let problem = format!("it has more than {MAX_LINES_PER_REQUEST} lines");
        return Err(ApiError::invalid_field("body", problem));
    }
    let now = jiff::Timestamp::now();
    let parse = |line: &&[u8]| {
        LoggedPostback::parse_line(line, now)
            .inspect_err(|error| {
                state.metrics.count_log_entries(LogEntryResult::Invalid, 1);
                static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
                if let Some(suppressed) = LOG_LIMIT.permit() {
                    tracing::warn!(
                        error.message = %error,
                        suppressed,
                        "an entry of the log of postbacks cannot be stored, leaving it out"
                    );
                }
            })
            .ok()
    };
    Ok(lines.iter().filter_map(parse).collect())
}

fn require_token(request: &HttpRequest, state: &AppState) -> Result<(), ApiError> {
    let header = request.headers().get(header::AUTHORIZATION);
    let presented = header.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let token = state.origin_token.reveal().as_bytes();
    match presented {
        Some(presented) if presented.ct_eq(token).into() => Ok(()),
        _ => Err(ApiError::Unauthorized(UnauthorizedReason::OriginToken)),
    }
}

fn error_response(error: ApiError) -> ErrorResponse {
    ErrorResponse {
        family: ApiFamily::V2,
        error,
    }
}
