//! An API key as JSON.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    auth::ApiKey,
    db::api_keys::ApiKeyRow,
    error::ApiError,
    fields::Timestamp,
    http::{ListPage, Response},
};

#[derive(Debug, Serialize, JsonSchema)]
pub struct Keys {
    pub keys: Vec<KeyObject>,
    #[serde(flatten)]
    pub page: ListPage,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct KeyObject {
    id: i64,
    name: String,
    /// The first characters of the key.
    prefix: String,
    scopes: Vec<String>,
    rate_limit_per_minute: Option<i32>,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    created_at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct CreatedKey {
    #[serde(flatten)]
    object: KeyObject,
    /// Null in a replay.
    key: Option<String>,
}

impl From<ApiKeyRow> for KeyObject {
    fn from(row: ApiKeyRow) -> Self {
        let fields = row.fields;
        Self {
            id: row.id.0,
            name: fields.name,
            prefix: row.prefix,
            scopes: fields.scopes,
            rate_limit_per_minute: fields.rate_limit_per_minute,
            expires_at: fields.expires_at.map(Timestamp),
            last_used_at: row.last_used_at.map(Timestamp),
            revoked_at: row.revoked_at.map(Timestamp),
            created_at: Timestamp(row.created_at),
        }
    }
}

impl KeyObject {
    pub fn example() -> Value {
        json!({
            "id": 3,
            "name": "sender",
            "prefix": "trk_x7kQ",
            "scopes": ["links:read", "links:write"],
            "rate_limit_per_minute": 600,
            "expires_at": null,
            "last_used_at": "2026-03-11T09:00:00.000Z",
            "revoked_at": null,
            "created_at": "2026-03-10T08:15:00.000Z",
        })
    }
}

impl CreatedKey {
    /// The response that shows the key. A replay does not.
    pub fn response(key: ApiKey, row: ApiKeyRow) -> Result<Response, ApiError> {
        let mut body = Self {
            object: KeyObject::from(row),
            key: Some(key.reveal().to_owned()),
        };
        let response = Response::created(&body)?;
        body.key = None;
        response.with_replay_body(&body)
    }

    pub fn example() -> Value {
        let mut example = KeyObject::example();
        example["key"] = json!("trk_x7kQ2mNpx7kQ2mNpx7kQ2mNpx7kQ2mNp");
        example
    }
}

impl Keys {
    pub fn example() -> Value {
        json!({
            "keys": [KeyObject::example()],
            "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
            "next_cursor": null,
            "has_more": false,
        })
    }
}
