//! A key and its account as JSON, as those who have the key may see them.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    db::{
        accounts::{AccountRow, AccountStatus},
        api_keys::ApiKeyRow,
    },
    fields::Timestamp,
    objects::user::{SecondFactorObject, UserAccountObject, UserObject},
};

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Me")]
pub struct MeObject {
    /// The account of the key. With a session, the one that the request names, or the only one
    /// of the user; else null.
    account: Option<OwnAccount>,
    /// Null with a session.
    key: Option<OwnKey>,
    /// Null with a key, like the fields behind it.
    user: Option<UserObject>,
    /// The value of the header `X-CSRF-Token`, for requests that change something.
    csrf_token: Option<String>,
    /// The accounts of the user, of which requests name one in `X-Waypost-Account`.
    accounts: Option<Vec<UserAccountObject>>,
    second_factor: Option<SecondFactorObject>,
}

/// What a session adds.
pub struct SignedIn {
    pub user: UserObject,
    pub csrf_token: String,
    pub accounts: Vec<UserAccountObject>,
    pub second_factor: SecondFactorObject,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct OwnAccount {
    id: i64,
    name: String,
    #[schemars(with = "String")]
    status: AccountStatus,
    products: Vec<String>,
    bot_filter_mode: String,
    allowed_countries: Vec<String>,
    blocked_countries: Vec<String>,
    prepend_text: Option<String>,
    append_text: Option<String>,
    /// Days after which clicks, conversions and messages are deleted; null is never.
    retention_days: Option<i32>,
    ip_storage: String,
    postbacks: String,
    default_currency: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct OwnKey {
    id: i64,
    name: String,
    /// The first characters of the key.
    prefix: String,
    scopes: Vec<String>,
    rate_limit_per_minute: Option<i32>,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl From<AccountRow> for OwnAccount {
    fn from(account: AccountRow) -> Self {
        let fields = account.fields;
        Self {
            id: account.id.0,
            name: fields.name,
            status: fields.status,
            products: fields.products,
            bot_filter_mode: fields.bot_filter_mode,
            allowed_countries: fields.allowed_countries,
            blocked_countries: fields.blocked_countries,
            prepend_text: fields.prepend_text,
            append_text: fields.append_text,
            retention_days: fields.retention_days,
            ip_storage: fields.ip_storage,
            postbacks: fields.postbacks,
            default_currency: fields.default_currency,
        }
    }
}

impl From<ApiKeyRow> for OwnKey {
    fn from(key: ApiKeyRow) -> Self {
        Self {
            id: key.id.0,
            name: key.fields.name,
            prefix: key.prefix,
            scopes: key.fields.scopes,
            rate_limit_per_minute: key.fields.rate_limit_per_minute,
            expires_at: key.fields.expires_at.map(Timestamp),
            created_at: Timestamp(key.created_at),
        }
    }
}

impl MeObject {
    pub fn of_key(account: Option<OwnAccount>, key: OwnKey) -> Self {
        Self {
            account,
            key: Some(key),
            user: None,
            csrf_token: None,
            accounts: None,
            second_factor: None,
        }
    }

    pub fn of_user(account: Option<OwnAccount>, signed_in: SignedIn) -> Self {
        Self {
            account,
            key: None,
            user: Some(signed_in.user),
            csrf_token: Some(signed_in.csrf_token),
            accounts: Some(signed_in.accounts),
            second_factor: Some(signed_in.second_factor),
        }
    }

    pub fn example() -> Value {
        json!({
            "account": {
                "id": 1,
                "name": "Example",
                "status": "active",
                "products": ["sms", "offer_management"],
                "bot_filter_mode": "no_filter",
                "allowed_countries": [],
                "blocked_countries": [],
                "prepend_text": null,
                "append_text": null,
                "retention_days": 400,
                "ip_storage": "full",
                "postbacks": "open",
                "default_currency": "USD",
            },
            "key": {
                "id": 3,
                "name": "sender",
                "prefix": "trk_x7kQ",
                "scopes": ["links:read", "links:write"],
                "rate_limit_per_minute": null,
                "expires_at": null,
                "created_at": "2026-03-10T08:15:00.000Z",
            },
            "user": null,
            "csrf_token": null,
            "accounts": null,
            "second_factor": null,
        })
    }
}
