//! API keys: `trk_` and 32 alphanumerics, stored as a SHA-256 digest. A key is
//! 190 random bits, so a plain digest cannot be turned back, and looking it up
//! by digest tells an attacker nothing about time.

use actix_web::{HttpRequest, http::header};
use domain::id::{AccountId, random_base62};
use postgres::pool::GenericClient;
use rand::CryptoRng;
use sha2::{Digest, Sha256};

use crate::error::ApiError;

const PREFIX: &str = "trk_";
const RANDOM_LEN: usize = 32;

/// What a key may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    LinksRead,
    LinksWrite,
    Creatives,
    Offers,
    Lists,
    Campaigns,
    ReportsRead,
    ConversionsWrite,
    /// Accounts and keys of the whole installation.
    Admin,
}

impl Scope {
    pub fn name(self) -> &'static str {
        match self {
            Self::LinksRead => "links:read",
            Self::LinksWrite => "links:write",
            Self::Creatives => "creatives:*",
            Self::Offers => "offers:*",
            Self::Lists => "lists:*",
            Self::Campaigns => "campaigns:*",
            Self::ReportsRead => "reports:read",
            Self::ConversionsWrite => "conversions:write",
            Self::Admin => "admin",
        }
    }
}

/// The scopes that a key can be given; those without an operation yet are
/// names that keys can have already.
pub const SCOPES: [&str; 10] = [
    "links:read",
    "links:write",
    "creatives:*",
    "offers:*",
    "lists:*",
    "campaigns:*",
    "reports:read",
    "webhooks:manage",
    "conversions:write",
    "admin",
];

/// A new key in clear: shown once and stored nowhere.
pub fn generate(rng: &mut impl CryptoRng) -> String {
    format!("{PREFIX}{}", random_base62(rng, RANDOM_LEN))
}

pub fn digest(key: &str) -> Vec<u8> {
    Sha256::digest(key).to_vec()
}

/// The start of a key, by which people tell keys apart.
pub fn visible_prefix(key: &str) -> &str {
    let len = key.floor_char_boundary(PREFIX.len() + 4);
    key.split_at(len).0
}

/// Who calls.
#[derive(Debug)]
pub struct Caller {
    pub key_id: i64,
    pub account_id: AccountId,
    pub rate_limit_per_minute: Option<u32>,
    /// Whether the account's links filter bots, where nothing else is said.
    pub filters_bots: bool,
    scopes: Vec<String>,
    products: Vec<String>,
}

impl Caller {
    pub fn require(&self, scope: Scope) -> Result<(), ApiError> {
        if self.scopes.iter().any(|own| own == scope.name()) {
            Ok(())
        } else {
            Err(ApiError::InsufficientScope(scope.name()))
        }
    }

    pub fn require_product(&self, product: Product) -> Result<(), ApiError> {
        if self.products.iter().any(|own| own == product.name()) {
            Ok(())
        } else {
            Err(ApiError::ProductNotEnabled(product.title()))
        }
    }
}

/// What an account has bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    Sms,
    OfferManagement,
}

impl Product {
    pub const NAMES: [&str; 2] = ["sms", "offer_management"];

    fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::OfferManagement => "offer_management",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Sms => "SMS",
            Self::OfferManagement => "Offer Management",
        }
    }
}

/// The caller behind `X-Api-Key` or `Authorization: Bearer`, or `api_key` where
/// the query may have it. Looked up on every request, so that revoking a key or
/// suspending an account acts at once.
pub async fn authenticate(
    client: &impl GenericClient,
    request: &HttpRequest,
    may_be_in_query: bool,
) -> Result<Caller, ApiError> {
    let in_query = || {
        let query = url::form_urlencoded::parse(request.query_string().as_bytes());
        let key = query.into_iter().find(|(name, _)| name == "api_key");
        key.filter(|_| may_be_in_query)
            .map(|(_, key)| key.into_owned())
    };
    let key = presented_key(request).map(str::to_owned).or_else(in_query);
    let key = key
        .filter(|key| has_form(key))
        .ok_or(ApiError::Unauthorized)?;
    let statement = client
        .prepare_cached(
            "SELECT k.id, k.account_id, k.scopes, k.rate_limit_per_minute, a.products, a.status,
                    a.bot_filter_mode = 'filter' AS filters_bots,
                    coalesce(k.last_used_at < now() - interval '1 minute', true) AS use_is_news
             FROM api_keys k
             JOIN accounts a ON a.id = k.account_id
             WHERE k.digest = $1
               AND k.revoked_at IS NULL
               AND (k.expires_at IS NULL OR k.expires_at > now())",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&digest(&key)])
        .await?
        .ok_or(ApiError::Unauthorized)?;
    if row.get::<_, &str>("status") != "active" {
        return Err(ApiError::AccountSuspended);
    }
    if row.get("use_is_news") {
        key_touch(client, row.get("id")).await?;
    }
    let rate_limit: Option<i32> = row.get("rate_limit_per_minute");
    Ok(Caller {
        key_id: row.get("id"),
        rate_limit_per_minute: rate_limit.and_then(|limit| limit.try_into().ok()),
        account_id: AccountId(row.get("account_id")),
        filters_bots: row.get("filters_bots"),
        scopes: row.get("scopes"),
        products: row.get("products"),
    })
}

fn presented_key(request: &HttpRequest) -> Option<&str> {
    let headers = request.headers();
    let own = headers
        .get("x-api-key")
        .and_then(|value| value.to_str().ok());
    let bearer = || {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    };
    own.or_else(bearer)
}

fn has_form(key: &str) -> bool {
    key.len() == PREFIX.len() + RANDOM_LEN && key.starts_with(PREFIX)
}

/// At most one write per key and minute.
async fn key_touch(client: &impl GenericClient, key_id: i64) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached("UPDATE api_keys SET last_used_at = now() WHERE id = $1")
        .await?;
    client.execute(&statement, &[&key_id]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_form_and_a_prefix_that_gives_nothing_away() {
        let key = generate(&mut rand::rng());
        assert_eq!(key.len(), 36);
        assert!(key.split_at(4).1.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_eq!(visible_prefix(&key), key.split_at(8).0);
        assert_ne!(digest(&key), digest(&generate(&mut rand::rng())));
    }
}
