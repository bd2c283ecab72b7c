//! The records that redirectors read: written through to Redis when they come
//! into being, and answered by the origin when Redis does not have them.

mod query;

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use domain::{
    id::{AccountId, ListId, OfferId, ShortId, TrackerToken},
    record::{LinkRecord, RecordKey},
};
use platform::cache::Cache;
use subtle::ConstantTimeEq as _;

use crate::{error::ApiError, serve::Services};

/// Redis, as the place of records.
pub struct RecordCache {
    cache: Cache,
    ttl: Duration,
}

impl RecordCache {
    pub fn new(cache: Cache, ttl: Duration) -> Self {
        Self { cache, ttl }
    }
}

impl Services {
    /// Stores a link under both of its names. A failure is counted and
    /// logged, and nothing else: the origin answers until Redis is back.
    pub async fn store_link(&self, record: &LinkRecord) {
        let json = serde_json::to_vec(record).expect("a record is plain data");
        let link = RecordKey::Link {
            host: record.short_host.clone(),
            id: record.link_id.clone(),
        };
        let mut keys = vec![link];
        keys.extend(
            record
                .tracker
                .as_ref()
                .map(|tracker| RecordKey::Tracker(tracker.token)),
        );
        self.store_records(&keys, &json).await;
    }

    async fn store_records(&self, keys: &[RecordKey], json: &[u8]) {
        let records: Vec<_> = keys
            .iter()
            .map(|key| (key.to_string(), json.to_vec()))
            .collect();
        if let Err(error) = self.records.cache.put_all(&records, self.records.ttl).await {
            self.metrics.cache_write_failures.inc();
            tracing::warn!(error = %error, "a record was not written to Redis");
        }
    }
}

/// The origin: `/internal/v1/records/<record key>`, with the shared token as
/// Bearer. 200 and the record, 404 for none, 401 without the token.
pub fn configure(config: &mut web::ServiceConfig) {
    config.route("/internal/v1/records/{key:.+}", web::get().to(get_record));
}

async fn get_record(
    request: HttpRequest,
    path: web::Path<String>,
    services: web::Data<Services>,
) -> Result<HttpResponse, ApiError> {
    if !has_token(&request, services.origin_token.reveal()) {
        return Err(ApiError::Unauthorized);
    }
    let key = parse_key(&path).ok_or(ApiError::NoRoute)?;
    let client = services.pool.get().await?;
    let Some(json) = find(&client, &key).await? else {
        return Err(ApiError::NoRoute);
    };
    drop(client);
    services.store_records(&[key], &json).await;
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(json))
}

async fn find(client: &store::pool::Object, key: &RecordKey) -> Result<Option<Vec<u8>>, ApiError> {
    fn json<R: serde::Serialize>(record: Option<R>) -> Result<Option<Vec<u8>>, ApiError> {
        let json = record.map(|record| serde_json::to_vec(&record)).transpose();
        json.map_err(|error| ApiError::Internal(error.into()))
    }
    match key {
        RecordKey::Link { host, id } => json(query::link_find_by_short_id(client, host, id).await?),
        RecordKey::Tracker(token) => json(query::link_find_by_token(client, *token).await?),
        RecordKey::Offer(id) => json(query::offer_find(client, *id).await?),
        RecordKey::List(id) => json(query::list_find(client, *id).await?),
        RecordKey::Account(id) => json(query::account_find(client, *id).await?),
    }
}

fn has_token(request: &HttpRequest, token: &str) -> bool {
    let given = request.headers().get(header::AUTHORIZATION);
    let given = given.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    given.is_some_and(|given| given.ct_eq(token.as_bytes()).into())
}

/// The inverse of [`RecordKey`]'s `Display`.
fn parse_key(path: &str) -> Option<RecordKey> {
    let (kind, rest) = path.split_once('/')?;
    Some(match kind {
        "link" => {
            let (host, id) = rest.split_once('/')?;
            RecordKey::Link {
                host: domain::host::normalise(host)?,
                id: ShortId::parse(id).ok()?,
            }
        }
        "tracker" => RecordKey::Tracker(TrackerToken::parse(rest).ok()?),
        "offer" => RecordKey::Offer(OfferId::parse(rest).ok()?),
        "list" => RecordKey::List(ListId(rest.parse().ok()?)),
        "account" => RecordKey::Account(AccountId(rest.parse().ok()?)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_back_from_its_path() {
        let keys = [
            RecordKey::Link {
                host: "yourdomain.com".into(),
                id: ShortId::parse("Ab3kX9q").unwrap(),
            },
            RecordKey::Tracker(TrackerToken::generate(&mut rand::rng())),
            RecordKey::Offer(OfferId::generate(&mut rand::rng())),
            RecordKey::List(ListId(42)),
            RecordKey::Account(AccountId(1)),
        ];
        for key in keys {
            assert_eq!(parse_key(&key.to_string()), Some(key));
        }
    }
}
