//! A change as JSON.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::{Row, types::Json};
use uuid::Uuid;

use crate::fields::Timestamp;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Change")]
pub struct AuditObject {
    pub audit_id: String,
    occurred_at: Timestamp,
    /// The account that was changed; null for the whole installation.
    account_id: Option<i64>,
    /// api_key: a key of the account. user: a user of the account. operator: a key of an operator's account. command: a
    /// command of the command line.
    actor: String,
    /// The key of the account, and its name at that time.
    key_id: Option<i64>,
    key_name: Option<String>,
    /// Who has started the command on which host, for operators.
    os_user: Option<String>,
    host: Option<String>,
    /// The id of the operation as in this document, or the command.
    operation: String,
    object_kind: String,
    /// Null for a change of many objects.
    object_id: Option<String>,
    /// What differs of the object before and after the change. A new object has no `before`, and
    /// one that was deleted no `after`. A change of many objects has numbers and the first
    /// ids as `after`.
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    before: Option<Value>,
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    after: Option<Value>,
    /// `X-Request-Id` of the request.
    request_id: Option<String>,
    /// The user, and the address at that time.
    user_id: Option<i64>,
    user_email: Option<String>,
}

/// The columns of CSV, in the order of the object.
pub const CSV_COLUMNS: [&str; 16] = [
    "audit_id",
    "occurred_at",
    "account_id",
    "actor",
    "key_id",
    "key_name",
    "os_user",
    "host",
    "operation",
    "object_kind",
    "object_id",
    "before",
    "after",
    "request_id",
    "user_id",
    "user_email",
];

impl AuditObject {
    /// Tenants see neither the keys of operators nor their hosts.
    pub fn new(row: &Row, is_operator: bool) -> Self {
        let actor: String = row.get("actor");
        let shows_key = is_operator || actor == "api_key";
        let value = |column: &str| {
            let value: Option<Json<Value>> = row.get(column);
            value.map(|Json(value)| value)
        };
        let of_operators =
            |column: &str| row.get::<_, Option<String>>(column).filter(|_| is_operator);
        Self {
            audit_id: row.get::<_, Uuid>("audit_id").to_string(),
            occurred_at: Timestamp(row.get("occurred_at")),
            account_id: row.get("account_id"),
            actor,
            key_id: row
                .get::<_, Option<i64>>("api_key_id")
                .filter(|_| shows_key),
            key_name: row
                .get::<_, Option<String>>("api_key_name")
                .filter(|_| shows_key),
            os_user: of_operators("os_user"),
            host: of_operators("host"),
            operation: row.get("operation"),
            object_kind: row.get("object_kind"),
            object_id: row.get("object_id"),
            before: value("before"),
            after: value("after"),
            request_id: row.get("request_id"),
            user_id: row.get("user_id"),
            user_email: row.get("user_email"),
        }
    }

    pub fn example() -> Value {
        json!({
            "audit_id": "01a11d5d-1e7b-7123-8123-456789abcdef",
            "occurred_at": "2026-03-10T09:00:00.123Z",
            "account_id": 1,
            "actor": "api_key",
            "key_id": 3,
            "key_name": "sender",
            "os_user": null,
            "host": null,
            "operation": "update_link",
            "object_kind": "link",
            "object_id": "Ab3kX9q",
            "before": { "status": "active", "updatedAt": "2026-03-10T08:15:00.000Z" },
            "after": { "status": "inactive", "updatedAt": "2026-03-10T09:00:00.123Z" },
            "request_id": "7c2f0c1e-2a64-4d0e-9d0a-3f1c5b7a9e10",
            "user_id": null,
            "user_email": null,
        })
    }
}
