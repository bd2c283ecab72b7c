//! The records that redirectors read: written through to Redis when they come
//! into being, brought there by the relay when they change, and answered by
//! the origin when Redis does not have them.

mod query;
mod relay;

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use domain::record::{LinkRecord, RecordChange, RecordKey};
use platform::{
    log_rate_limit::LogRateLimiter,
    redis_cache::{CacheError, RedisCache},
};
use postgres::pool::{GenericClient, Object};
use serde::Serialize;
use subtle::ConstantTimeEq as _;

use crate::{
    error::{ApiError, ApiFamily, ErrorResponse},
    state::AppState,
};
use query::LinkNames;
pub use query::{LINK_COLUMNS, destination, link, link_find_all};
pub use relay::{Relay, RelayMetrics, forget_old as forget_old_changes};

/// Redis, as the place of records.
pub struct RecordCache {
    cache: RedisCache,
    ttl: Duration,
}

impl RecordCache {
    pub fn new(cache: RedisCache, ttl: Duration) -> Self {
        Self { cache, ttl }
    }
}

impl AppState {
    /// Stores new links under all of their names. A failure is counted and
    /// logged, and nothing else: the origin answers until Redis is back.
    pub async fn store_links(&self, links: &[LinkRecord]) {
        let mut records = Vec::with_capacity(links.len() * 2);
        for link in links {
            let json = serde_json::to_vec(link).expect("a record is plain data");
            records.extend(
                link.record_keys()
                    .into_iter()
                    .map(|key| (key.to_string(), json.clone())),
            );
        }
        for records in records.chunks(500) {
            let stored = self
                .records
                .cache
                .put_all_if_absent(records, self.records.ttl)
                .await;
            if !self.was_written(stored) {
                return;
            }
        }
    }

    fn was_written(&self, stored: Result<(), CacheError>) -> bool {
        if let Err(error) = &stored {
            self.metrics.cache_write_failures.inc();
            static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
            if let Some(suppressed) = LOG_LIMIT.permit() {
                tracing::warn!(error = %error, suppressed, "records were not written to Redis");
            }
        }
        stored.is_ok()
    }
}

/// The origin, for requests with the shared token as Bearer:
/// `/internal/v1/records/<record key>`: 200 and the record, or 404.
/// `/internal/v1/changes`: the changes of the last minute, and those that are not
/// delivered.
/// `/internal/v1/hosts/<host>/<short id>`: the short domains that have a link of
/// this id, at most two: of the host's account, or of all where it is no account's.
/// `/internal/v1/slugs/<host>/<short id>`: the slugs of the host that are this short id
/// in upper or lower case, at most two.
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
    let answer = async {
        require_token(&request, &state)?;
        let key = RecordKey::parse(&path).ok_or(ApiError::NoRoute)?;
        let client = state.pools.origin.get().await?;
        let found = find(&client, &key).await?.ok_or(ApiError::NoRoute)?;
        drop(client);
        let RecordCache { cache, ttl } = &state.records;
        let stored = cache
            .put_unless_older(&path, &found.json, found.version, *ttl)
            .await;
        state.was_written(stored);
        Ok(HttpResponse::Ok()
            .content_type("application/json")
            .body(found.json))
    };
    answer.await.map_err(refused)
}

/// Changes are written near the end of their transaction, so that none is committed
/// later than its change is answered here. What Redis does not have yet is answered
/// however old it is.
async fn list_changes(
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ErrorResponse> {
    let answer = async {
        require_token(&request, &state)?;
        let client = state.pools.origin.get().await?;
        let statement = client
            .prepare_cached(
                "SELECT id, record_key
                 FROM changes
                 WHERE created_at > now() - interval '1 minute' OR delivery IS NULL",
            )
            .await?;
        let rows = client.query(&statement, &[]).await?;
        let change = |row: &tokio_postgres::Row| RecordChange {
            id: row.get("id"),
            record_key: row.get("record_key"),
        };
        Ok(HttpResponse::Ok().json(rows.iter().map(change).collect::<Vec<_>>()))
    };
    answer.await.map_err(refused)
}

async fn list_hosts(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ErrorResponse> {
    list_names(&request, path, &state, query::host_find_all).await
}

async fn list_slugs(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ErrorResponse> {
    list_names(&request, path, &state, query::slug_find_all).await
}

/// Answers what a query finds of a host and a short id.
async fn list_names(
    request: &HttpRequest,
    path: web::Path<(String, String)>,
    state: &AppState,
    find: impl AsyncFnOnce(&Object, &str, &str) -> Result<Vec<String>, ApiError>,
) -> Result<HttpResponse, ErrorResponse> {
    let answer = async {
        require_token(request, state)?;
        let (host, id) = path.into_inner();
        let client = state.pools.origin.get().await?;
        Ok(HttpResponse::Ok().json(find(&client, &host, &id).await?))
    };
    answer.await.map_err(refused)
}

fn refused(error: ApiError) -> ErrorResponse {
    ErrorResponse {
        family: ApiFamily::V2,
        error,
    }
}

/// A record as redirectors read it.
struct Found {
    json: Vec<u8>,
    version: i64,
}

impl Found {
    fn new(record: &impl Serialize, version: i64) -> Result<Self, ApiError> {
        Ok(Self {
            json: serde_json::to_vec(record).map_err(ApiError::internal)?,
            version,
        })
    }
}

async fn find(client: &impl GenericClient, key: &RecordKey) -> Result<Option<Found>, ApiError> {
    let mut found = find_all(client, HashSet::from([key.clone()])).await?;
    Ok(found.remove(key))
}

/// The records of these keys. Links, of which there may be many, in a query for each kind
/// of name; what there are few of, one by one without waiting between.
async fn find_all(
    client: &impl GenericClient,
    keys: HashSet<RecordKey>,
) -> Result<HashMap<RecordKey, Found>, ApiError> {
    let mut names = LinkNames::default();
    let mut others = Vec::new();
    for key in keys {
        match key {
            RecordKey::Link { host, id } => {
                names.hosts.push(host);
                names.short_ids.push(id.as_str().to_owned());
            }
            RecordKey::Tracker(token) => names.tokens.push(token.as_uuid()),
            RecordKey::Code(code) => names.codes.push(code.as_str().to_owned()),
            RecordKey::Offer(_)
            | RecordKey::Campaign(_)
            | RecordKey::List(_)
            | RecordKey::Account(_) => others.push(key),
        }
    }
    let mut all = HashMap::new();
    for (key, link) in query::link_find_by_names(client, &names).await? {
        all.insert(key, Found::new(&link, link.version)?);
    }
    let found = others.iter().map(|key| find_other(client, key));
    let found = futures_util::future::try_join_all(found).await?;
    let pairs = others.into_iter().zip(found);
    all.extend(pairs.filter_map(|(key, found)| Some((key, found?))));
    Ok(all)
}

/// A record that is no link's: those are found by [`query::link_find_by_names`].
async fn find_other(
    client: &impl GenericClient,
    key: &RecordKey,
) -> Result<Option<Found>, ApiError> {
    let found = match key {
        RecordKey::Link { .. } | RecordKey::Tracker(_) | RecordKey::Code(_) => None,
        RecordKey::Offer(id) => {
            let offer = query::offer_find(client, *id).await?;
            offer.map(|offer| Found::new(&offer, offer.version))
        }
        RecordKey::Campaign(id) => {
            let campaign = query::campaign_find(client, id).await?;
            campaign.map(|campaign| Found::new(&campaign, campaign.version))
        }
        RecordKey::List(id) => {
            let list = query::list_find(client, *id).await?;
            list.map(|list| Found::new(&list, list.version))
        }
        RecordKey::Account(id) => {
            let account = query::account_find(client, *id).await?;
            account.map(|account| Found::new(&account, account.version))
        }
    };
    found.transpose()
}

fn require_token(request: &HttpRequest, state: &AppState) -> Result<(), ApiError> {
    let given = request.headers().get(header::AUTHORIZATION);
    let given = given.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let token = state.origin_token.reveal().as_bytes();
    match given {
        Some(given) if given.ct_eq(token).into() => Ok(()),
        _ => Err(ApiError::Unauthorized),
    }
}
