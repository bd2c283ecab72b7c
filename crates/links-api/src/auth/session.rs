//! The session of a user, by the cookie of a browser.

use std::time::Duration;

use actix_web::HttpRequest;
use domain::id::AccountId;
use postgres::pool::GenericClient;
use subtle::ConstantTimeEq as _;
use tokio_postgres::Row;

use super::{
    caller::{Caller, Identity, SessionUser},
    role::Role,
    scope::Product,
    token::SecretToken,
};
use crate::{
    enumeration::Enumeration as _,
    error::{ApiError, UnauthorizedReason},
};

pub const SESSION_COOKIE: &str = "waypost_session";
/// The header by which a request with a session names the account that it is about.
const ACCOUNT_HEADER: &str = "x-waypost-account";
/// The header with the session's CSRF token, which a request that changes something needs.
const CSRF_HEADER: &str = "x-csrf-token";

/// What a request needs of its session.
#[derive(Debug, Clone, Copy)]
pub struct SessionRules {
    /// How long a session lasts that is not used.
    pub idle_timeout: Duration,
    /// Whether the request only reads. Other requests need the CSRF token.
    pub is_read_only: bool,
    /// Whether the request is about an account.
    pub needs_account: bool,
}

/// The token of the request's cookie, if it has one.
pub fn session_token(request: &HttpRequest) -> Option<SecretToken> {
    SecretToken::parse(request.cookie(SESSION_COOKIE)?.value())
}

/// The caller with a session. Session, user and roles are looked up on every request, so that
/// the end of a session and a removed user take effect from the next request on.
pub async fn authenticate_session(
    client: &impl GenericClient,
    request: &HttpRequest,
    token: &SecretToken,
    rules: SessionRules,
) -> Result<Caller, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT s.id AS session_id, s.user_id, u.email,
                    s.last_used_at < now() - interval '1 minute' AS needs_last_used_update,
                    m.account_id, m.role, a.products, a.status,
                    a.bot_filter_mode = 'filter' AS filters_bots
             FROM sessions s
             JOIN users u ON u.id = s.user_id
             LEFT JOIN memberships m ON m.user_id = s.user_id
             LEFT JOIN accounts a ON a.id = m.account_id
             WHERE s.digest = $1
               AND s.expires_at > now()
               AND s.last_used_at > now() - $2::bigint * interval '1 second'
             ORDER BY m.account_id",
        )
        .await?;
    let idle_s = i64::try_from(rules.idle_timeout.as_secs()).unwrap_or(i64::MAX);
    let rows = client
        .query(&statement, &[&token.digest(), &idle_s])
        .await?;
    let first = rows
        .first()
        .ok_or(ApiError::Unauthorized(UnauthorizedReason::SessionEnded))?;
    let user = SessionUser {
        session_id: first.get("session_id"),
        user_id: first.get("user_id"),
        email: first.get("email"),
        csrf_token: token.csrf_token(),
    };
    if !rules.is_read_only {
        check_csrf_token(request, &user.csrf_token)?;
    }
    if first.get("needs_last_used_update") {
        session_touch(client, user.session_id).await?;
    }
    match chosen_account(request, &rows) {
        Ok(row) if rules.needs_account && row.get::<_, &str>("status") != "active" => {
            Err(ApiError::AccountSuspended)
        }
        Ok(row) => Ok(caller_in_account(user, row)),
        Err(error) if rules.needs_account => Err(error),
        Err(_) => Ok(Caller::new(Identity::User(user))),
    }
}

fn check_csrf_token(request: &HttpRequest, expected: &str) -> Result<(), ApiError> {
    let sent = request.headers().get(CSRF_HEADER);
    let is_equal = sent.is_some_and(|sent| sent.as_bytes().ct_eq(expected.as_bytes()).into());
    match is_equal {
        true => Ok(()),
        false => Err(ApiError::CsrfTokenMissing),
    }
}

/// The row of the account that the header names, or of the only one that the user has.
fn chosen_account<'r>(request: &HttpRequest, rows: &'r [Row]) -> Result<&'r Row, ApiError> {
    let mut accounts = rows
        .iter()
        .filter(|row| row.get::<_, Option<i64>>("account_id").is_some());
    if let Some(header) = request.headers().get(ACCOUNT_HEADER) {
        let id = header.to_str().ok().and_then(|text| text.parse().ok());
        return accounts
            .find(|row| row.get::<_, Option<i64>>("account_id") == id)
            .ok_or(ApiError::NotFound("account"));
    }
    match (accounts.next(), accounts.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(ApiError::NotFound("account")),
        (Some(_), Some(_)) => Err(ApiError::AccountNotNamed),
    }
}

fn caller_in_account(user: SessionUser, row: &Row) -> Caller {
    let role = Role::parse(row.get("role"));
    let products: Vec<&str> = row.get("products");
    Caller {
        account_id: AccountId(row.get("account_id")),
        filters_bots: row.get("filters_bots"),
        scopes: role.map_or_else(Vec::new, |role| role.scopes().to_vec()),
        products: products.into_iter().filter_map(Product::parse).collect(),
        ..Caller::new(Identity::User(user))
    }
}

/// Sets the time of the last use. The caller does so at most once per session and minute.
async fn session_touch(client: &impl GenericClient, session_id: i64) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached("UPDATE sessions SET last_used_at = now() WHERE id = $1")
        .await?;
    client.execute(&statement, &[&session_id]).await?;
    Ok(())
}
