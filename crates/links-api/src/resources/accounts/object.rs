//! An account as JSON.

use domain::{money, postback::PostbackMapping};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    db::accounts::{AccountRow, AccountStatus},
    fields::{ClickCostObject, Timestamp},
    http::ListPage,
};

#[derive(Debug, Serialize, JsonSchema)]
pub struct Accounts {
    pub accounts: Vec<AccountObject>,
    #[serde(flatten)]
    pub page: ListPage,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct AccountObject {
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
    postback_secrets: Vec<String>,
    /// A decimal number, as text; null is any.
    postback_max_amount: Option<String>,
    postback_mapping: Option<PostbackMapping>,
    default_currency: Option<String>,
    /// Null if no costs are read from URLs.
    click_cost: Option<ClickCostObject>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<AccountRow> for AccountObject {
    fn from(row: AccountRow) -> Self {
        let fields = row.fields;
        Self {
            id: row.id.0,
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
            postback_secrets: fields.postback_secrets,
            postback_max_amount: fields.postback_max_amount.map(money::format),
            postback_mapping: fields.postback_mapping.map(|mapping| mapping.0),
            default_currency: fields.default_currency,
            click_cost: fields.click_cost.map(|rule| rule.0.into()),
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
        }
    }
}

impl AccountObject {
    pub fn example() -> Value {
        json!({
            "id": 1,
            "name": "Example",
            "status": "active",
            "products": ["sms", "offer_management"],
            "bot_filter_mode": "no_filter",
            "allowed_countries": ["US", "CA"],
            "blocked_countries": [],
            "prepend_text": "{{brand_name}}: ",
            "append_text": "Reply STOP to opt out.",
            "retention_days": 400,
            "ip_storage": "full",
            "postbacks": "token",
            "postback_secrets": ["pbs_x7kQ2mNpx7kQ2mNpx7kQ2mNpx7kQ2mNp"],
            "postback_max_amount": null,
            "postback_mapping": { "preset": "tune" },
            "default_currency": "USD",
            "click_cost": { "parameter": "cost", "currency": "USD", "max": "2.50" },
            "created_at": "2026-03-10T08:15:00.000Z",
            "updated_at": "2026-03-10T08:15:00.000Z",
        })
    }
}

impl Accounts {
    pub fn example() -> Value {
        json!({
            "accounts": [AccountObject::example()],
            "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
            "next_cursor": null,
            "has_more": false,
        })
    }
}
