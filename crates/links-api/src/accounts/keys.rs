//! API keys of an account.

use actix_web::http::Method;
use domain::id::AccountId;
use jiff::Timestamp as Time;
use postgres::pool::GenericClient;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::Row;

use super::account_find;
use crate::{
    auth::{ApiKey, Scope},
    body::Text,
    enumeration::Enumeration as _,
    error::{ApiError, CodedField},
    http::{ListQuery, Operation, PageRequest, Pagination, RequestContext, Response, Timestamp},
    offers::name,
};

const PER_PAGE: u32 = 50;
const COLUMNS: &str = "
    id, name, prefix, scopes, rate_limit_per_minute, expires_at, last_used_at, revoked_at,
    created_at
";

pub fn operations() -> Vec<Operation> {
    let all = "/accounts/{account_id}/keys";
    let one = "/accounts/{account_id}/keys/{key_id}";
    let no_account = || ApiError::NotFound("account");
    let no_key = || ApiError::NotFound("API key");
    let mut created = example();
    created["key"] = json!("trk_x7kQ2mNpx7kQ2mNpx7kQ2mNpx7kQ2mNp");
    vec![
        Operation::platform(Method::GET, all, "list_keys", list_keys)
            .summary("List an account's API keys")
            .description("The newest first, revoked ones too.")
            .with_paging(PER_PAGE)
            .response::<Keys>(
                200,
                json!({
                    "keys": [example()],
                    "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
                }),
            )
            .errors([no_account()]),
        Operation::platform(Method::POST, all, "create_key", create_key)
            .summary("Create an API key")
            .description(
                "`key` is shown this once: a replay by Idempotency-Key answers it as null.",
            )
            .request_body::<KeyRequest>([json!({
                "name": "sender",
                "scopes": ["links:read", "links:write"],
                "rate_limit_per_minute": 600,
            })])
            .required_fields(["name"])
            .response::<CreatedKey>(201, created)
            .errors([
                ApiError::MissingField(CodedField::Name),
                ApiError::NameTooLong,
                no_account(),
            ]),
        Operation::platform(Method::GET, one, "get_key", get_key)
            .summary("Get an API key")
            .response::<KeyObject>(200, example())
            .errors([no_account(), no_key()]),
        Operation::platform(Method::PUT, one, "update_key", update_key)
            .summary("Change an API key")
            .description(
                "Changes what is sent. A limit of 0 and an empty `expires_at` take them away.",
            )
            .request_body::<KeyRequest>([json!({ "rate_limit_per_minute": 1200 })])
            .response::<KeyObject>(200, example())
            .errors([
                ApiError::MissingField(CodedField::Name),
                ApiError::NameTooLong,
                no_account(),
                no_key(),
            ]),
        Operation::platform(Method::DELETE, one, "revoke_key", revoke_key)
            .summary("Revoke an API key")
            .description("At once, and for good.")
            .response::<Revoked>(200, json!({ "success": true, "revoked": true }))
            .errors([no_account(), no_key()]),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct KeyRequest {
    /// At most 255 characters. Required.
    #[schemars(length(max = 255))]
    name: Option<Text>,
    /// links:read, links:write, creatives:*, offers:*, lists:*, campaigns:*,
    /// reports:read, webhooks:manage, conversions:write, admin. Reading and
    /// writing links, where they are not sent.
    scopes: Option<Vec<Text>>,
    /// Requests per minute; 0 for no limit of its own.
    #[schemars(range(min = 0, max = 1_000_000))]
    rate_limit_per_minute: Option<i64>,
    /// When the key ends; it must lie ahead.
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<Text>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Keys {
    keys: Vec<KeyObject>,
    pagination: Pagination,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct KeyObject {
    id: i64,
    name: String,
    /// The start of the key.
    prefix: String,
    scopes: Vec<String>,
    rate_limit_per_minute: Option<i32>,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    created_at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CreatedKey {
    #[serde(flatten)]
    object: KeyObject,
    key: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Revoked {
    success: bool,
    revoked: bool,
}

impl KeyObject {
    fn read(row: &Row) -> Self {
        let time = |column: &str| row.get::<_, Option<Time>>(column).map(Timestamp);
        Self {
            id: row.get("id"),
            name: row.get("name"),
            prefix: row.get("prefix"),
            scopes: row.get("scopes"),
            rate_limit_per_minute: row.get("rate_limit_per_minute"),
            expires_at: time("expires_at"),
            last_used_at: time("last_used_at"),
            revoked_at: time("revoked_at"),
            created_at: Timestamp(row.get("created_at")),
        }
    }
}

fn example() -> Value {
    json!({
        "id": 3,
        "name": "sender",
        "prefix": "trk_x7kQ",
        "scopes": ["links:read", "links:write"],
        "rate_limit_per_minute": 600,
        "expires_at": null,
        "last_used_at": "2026-03-11T09:00:00Z",
        "revoked_at": null,
        "created_at": "2026-03-10T08:15:00Z",
    })
}

/// The columns that can be chosen.
pub struct KeyFields {
    pub name: String,
    pub scopes: Vec<String>,
    pub rate_limit_per_minute: Option<i32>,
    pub expires_at: Option<Time>,
}

impl KeyFields {
    fn apply(&mut self, sent: KeyRequest) -> Result<(), ApiError> {
        self.name = name(&sent.name, &self.name)?;
        if let Some(scopes) = sent.scopes {
            let scopes: Vec<_> = scopes.iter().map(|s| s.as_str().to_owned()).collect();
            if let Some(unknown) = scopes.iter().find(|s| Scope::parse(s.as_str()).is_none()) {
                return Err(ApiError::invalid_field(
                    "scopes",
                    format!("there is no scope {unknown}"),
                ));
            }
            self.scopes = scopes;
            self.scopes.sort();
            self.scopes.dedup();
        }
        if let Some(limit) = sent.rate_limit_per_minute {
            let limit = i32::try_from(limit)
                .ok()
                .filter(|limit| (0..=1_000_000).contains(limit));
            let limit = limit.ok_or_else(|| {
                ApiError::invalid_field("rate_limit_per_minute", "it is not from 0 to 1000000")
            })?;
            self.rate_limit_per_minute = (limit > 0).then_some(limit);
        }
        if let Some(expires_at) = &sent.expires_at {
            self.expires_at = Timestamp::ahead("expires_at", expires_at, Time::now())?;
        }
        Ok(())
    }
}

async fn account_id(context: RequestContext<'_>) -> Result<AccountId, ApiError> {
    let id = context.path("account_id", "account")?;
    account_find(context, id, "").await?;
    Ok(id)
}

async fn list_keys(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let page = PageRequest::from_request(&context, PER_PAGE)?;
    let account_id = account_id(context).await?;
    let listing = ListQuery {
        columns: COLUMNS,
        from: "FROM api_keys WHERE account_id = $1",
        order_by: "id DESC",
    };
    let (rows, total) = page.fetch(context, listing, &[&account_id.0]).await?;
    Response::ok(&Keys {
        keys: rows.iter().map(KeyObject::read).collect(),
        pagination: page.pagination(total),
    })
}

async fn create_key(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let mut fields = KeyFields {
        name: String::new(),
        scopes: vec!["links:read".to_owned(), "links:write".to_owned()],
        rate_limit_per_minute: None,
        expires_at: None,
    };
    fields.apply(context.json()?)?;
    let account_id = account_id(context).await?;
    let (key, row) = key_insert(context.db, account_id, &fields).await?;
    let mut answer = CreatedKey {
        object: KeyObject::read(&row),
        key: Some(key.reveal().to_owned()),
    };
    let shown = Response::created(&answer)?;
    answer.key = None;
    shown.with_replay_body(&answer)
}

/// The key in clear, and its row.
pub async fn key_insert(
    client: &impl GenericClient,
    account_id: AccountId,
    fields: &KeyFields,
) -> Result<(ApiKey, Row), ApiError> {
    let key = ApiKey::generate(&mut rand::rng());
    let sql = format!(
        "INSERT INTO api_keys
             (account_id, name, digest, prefix, scopes, rate_limit_per_minute, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         RETURNING {COLUMNS}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_one(
            &statement,
            &[
                &account_id.0,
                &fields.name,
                &key.digest(),
                &key.visible_prefix(),
                &fields.scopes,
                &fields.rate_limit_per_minute,
                &fields.expires_at,
            ],
        )
        .await?;
    Ok((key, row))
}

async fn key_find(context: RequestContext<'_>, lock: &str) -> Result<Row, ApiError> {
    let account_id = account_id(context).await?;
    let key_id: i64 = context.path("key_id", "API key")?;
    let sql = format!("SELECT {COLUMNS} FROM api_keys WHERE account_id = $1 AND id = $2 {lock}");
    let statement = context.db.prepare_cached(&sql).await?;
    context
        .db
        .query_opt(&statement, &[&account_id.0, &key_id])
        .await?
        .ok_or(ApiError::NotFound("API key"))
}

async fn get_key(context: RequestContext<'_>) -> Result<Response, ApiError> {
    Response::ok(&KeyObject::read(&key_find(context, "").await?))
}

async fn update_key(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let body: KeyRequest = context.json()?;
    let row = key_find(context, "FOR UPDATE").await?;
    let mut fields = KeyFields {
        name: row.get("name"),
        scopes: row.get("scopes"),
        rate_limit_per_minute: row.get("rate_limit_per_minute"),
        expires_at: row.get("expires_at"),
    };
    fields.apply(body)?;
    let sql = format!(
        "UPDATE api_keys
         SET name = $2, scopes = $3, rate_limit_per_minute = $4, expires_at = $5
         WHERE id = $1
         RETURNING {COLUMNS}"
    );
    let statement = context.db.prepare_cached(&sql).await?;
    let id: i64 = row.get("id");
    let row = context
        .db
        .query_one(
            &statement,
            &[
                &id,
                &fields.name,
                &fields.scopes,
                &fields.rate_limit_per_minute,
                &fields.expires_at,
            ],
        )
        .await?;
    Response::ok(&KeyObject::read(&row))
}

async fn revoke_key(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let id: i64 = key_find(context, "").await?.get("id");
    let statement = context
        .db
        .prepare_cached(
            "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1",
        )
        .await?;
    context.db.execute(&statement, &[&id]).await?;
    Response::ok(&Revoked {
        success: true,
        revoked: true,
    })
}
