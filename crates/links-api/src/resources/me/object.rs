//! A key and its account as JSON, as those who have the key may see them.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    db::{
        accounts::{AccountRow, AccountStatus},
        api_keys::ApiKeyRow,
    },
    fields::{ClickCostObject, Timestamp},
};

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Me")]
pub struct MeObject {
    account: OwnAccount,
    key: OwnKey,
}

#[derive(Debug, Serialize, JsonSchema)]
struct OwnAccount {
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
    /// Which parameter of clicks' URLs is what the click costs; null if none is.
    click_cost: Option<ClickCostObject>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct OwnKey {
    id: i64,
    name: String,
    /// The first characters of the key.
    prefix: String,
    scopes: Vec<String>,
    rate_limit_per_minute: Option<i32>,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl MeObject {
    pub fn new(account: AccountRow, key: ApiKeyRow) -> Self {
        let fields = account.fields;
        Self {
            account: OwnAccount {
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
                click_cost: fields.click_cost.map(|rule| rule.0.into()),
            },
            key: OwnKey {
                id: key.id.0,
                name: key.fields.name,
                prefix: key.prefix,
                scopes: key.fields.scopes,
                rate_limit_per_minute: key.fields.rate_limit_per_minute,
                expires_at: key.fields.expires_at.map(Timestamp),
                created_at: Timestamp(key.created_at),
            },
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
                "click_cost": { "parameter": "cost", "currency": "USD", "max": "2.50" },
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
        })
    }
}
