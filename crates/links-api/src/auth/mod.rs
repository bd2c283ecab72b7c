//! Who sends a request, by its API key or the session of a user. What a request needs, its
//! operation declares.

mod caller;
mod key;
mod password;
mod role;
mod scope;
mod session;
mod token;

use actix_web::{HttpRequest, http::header};
use postgres::pool::GenericClient;

use crate::error::{ApiError, UnauthorizedReason};
pub use caller::{Caller, Identity, NO_ACCOUNT, SessionUser};
pub use key::ApiKey;
pub use password::{check_new_password, hash_password, verify_password};
pub use role::Role;
pub use scope::{Product, Scope};
pub use session::{SESSION_COOKIE, SessionRules, session_token};
pub use token::SecretToken;

/// The caller by its key, else by its session: a key wins, since a program that sends one means
/// it, and a cookie is sent by the browser unasked.
pub async fn authenticate(
    client: &impl GenericClient,
    request: &HttpRequest,
    key_may_be_in_query: bool,
    session_rules: SessionRules,
) -> Result<Caller, ApiError> {
    let key = header_key(request).map(str::to_owned);
    let key = key.or_else(|| query_key(request).filter(|_| key_may_be_in_query));
    match (key, request.cookie(SESSION_COOKIE)) {
        (Some(key), _) => authenticate_key(client, &key).await,
        (None, Some(_)) => {
            let token = session_token(request);
            let token = token.ok_or(ApiError::Unauthorized(UnauthorizedReason::SessionEnded))?;
            session::authenticate_session(client, request, &token, session_rules).await
        }
        (None, None) => Err(ApiError::Unauthorized(UnauthorizedReason::Absent)),
    }
}

/// The caller with a key, which is the one in `X-Api-Key`, else in `Authorization: Bearer`, else,
/// if that is allowed, in the query parameter `api_key`. The key is looked up on every request, so
/// that a revoked key or a suspended account is refused from the next request on.
async fn authenticate_key(client: &impl GenericClient, key: &str) -> Result<Caller, ApiError> {
    let key = ApiKey::parse(key);
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
    Ok(Caller::from_key_row(&row))
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
