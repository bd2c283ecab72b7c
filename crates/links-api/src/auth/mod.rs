//! Who sends a request, by its API key. What a request needs, its operation declares.

mod key;
mod scope;

use actix_web::{HttpRequest, http::header};
use domain::id::AccountId;
use postgres::pool::GenericClient;
use tokio_postgres::Row;

use crate::{
    enumeration::Enumeration as _,
    error::{ApiError, UnauthorizedReason},
};
pub use key::ApiKey;
pub use scope::{Product, Scope};

/// The API key of a request, and its account.
#[derive(Debug)]
pub struct Caller {
    pub key_id: i64,
    pub key_name: String,
    pub account_id: AccountId,
    /// `None` if the key has no limit of its own.
    pub rate_limit_per_minute: Option<u32>,
    /// Whether links of the account filter bots if neither link nor offer decides.
    pub filters_bots: bool,
    scopes: Vec<Scope>,
    products: Vec<Product>,
}

impl Caller {
    fn from_row(row: &Row) -> Self {
        let rate_limit: Option<i32> = row.get("rate_limit_per_minute");
        let scopes: Vec<&str> = row.get("scopes");
        let products: Vec<&str> = row.get("products");
        Self {
            key_id: row.get("id"),
            key_name: row.get("name"),
            rate_limit_per_minute: rate_limit.and_then(|limit| limit.try_into().ok()),
            account_id: AccountId(row.get("account_id")),
            filters_bots: row.get("filters_bots"),
            scopes: scopes.into_iter().filter_map(Scope::parse).collect(),
            products: products.into_iter().filter_map(Product::parse).collect(),
        }
    }

    /// Fails unless a scope of the key grants it. `reads` is whether the request only reads.
    pub fn require(&self, scope: Scope, reads: bool) -> Result<(), ApiError> {
        if self
            .scopes
            .iter()
            .any(|granted| granted.grants(scope, reads))
        {
            Ok(())
        } else {
            Err(ApiError::InsufficientScope(scope.name()))
        }
    }

    /// Whether the key has all that the scope `other` grants.
    pub fn covers(&self, other: Scope) -> bool {
        self.scopes
            .iter()
            .any(|granted| granted.grants(other, other.only_reads()))
    }

    pub fn require_product(&self, product: Product) -> Result<(), ApiError> {
        if self.products.contains(&product) {
            Ok(())
        } else {
            Err(ApiError::ProductNotEnabled(product.title()))
        }
    }
}

/// The caller with the key in `X-Api-Key`, else in `Authorization: Bearer`, else, if
/// `may_be_in_query`, in the query parameter `api_key`. The key is looked up on every
/// request, so that a revoked key or a suspended account is refused from the next request on.
pub async fn authenticate(
    client: &impl GenericClient,
    request: &HttpRequest,
    may_be_in_query: bool,
) -> Result<Caller, ApiError> {
    let key = header_key(request).map(str::to_owned);
    let key = key.or_else(|| query_key(request).filter(|_| may_be_in_query));
    let key = key.ok_or(ApiError::Unauthorized(UnauthorizedReason::Absent))?;
    let key = ApiKey::parse(&key);
    let key = key.ok_or(ApiError::Unauthorized(UnauthorizedReason::Malformed))?;
    let statement = client
        .prepare_cached(
            "SELECT k.id, k.name, k.account_id, k.scopes, k.rate_limit_per_minute, a.products, a.status,
                    a.bot_filter_mode = 'filter' AS filters_bots,
                    coalesce(k.last_used_at < now() - interval '1 minute', true)
                        AS needs_last_used_update,
                    k.revoked_at IS NOT NULL AS is_revoked,
                    coalesce(k.expires_at <= now(), false) AS has_expired
             FROM api_keys k
             JOIN accounts a ON a.id = k.account_id
             WHERE k.digest = $1",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&key.digest()])
        .await?
        .ok_or(ApiError::Unauthorized(UnauthorizedReason::Unknown))?;
    if row.get("is_revoked") {
        return Err(ApiError::Unauthorized(UnauthorizedReason::Revoked));
    }
    if row.get("has_expired") {
        return Err(ApiError::Unauthorized(UnauthorizedReason::Expired));
    }
    if row.get::<_, &str>("status") != "active" {
        return Err(ApiError::AccountSuspended);
    }
    if row.get("needs_last_used_update") {
        api_key_touch(client, row.get("id")).await?;
    }
    Ok(Caller::from_row(&row))
}

fn header_key(request: &HttpRequest) -> Option<&str> {
    let headers = request.headers();
    let x_api_key = headers
        .get("x-api-key")
        .and_then(|value| value.to_str().ok());
    let bearer = || {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    };
    x_api_key.or_else(bearer)
}

fn query_key(request: &HttpRequest) -> Option<String> {
    let query = url::form_urlencoded::parse(request.query_string().as_bytes());
    let key = query.into_iter().find(|(name, _)| name == "api_key");
    key.map(|(_, key)| key.into_owned())
}

/// Sets the time of the last use. The caller does so at most once per key and minute, so
/// that a busy key does not write its row with every request.
async fn api_key_touch(client: &impl GenericClient, key_id: i64) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached("UPDATE api_keys SET last_used_at = now() WHERE id = $1")
        .await?;
    client.execute(&statement, &[&key_id]).await?;
    Ok(())
}
