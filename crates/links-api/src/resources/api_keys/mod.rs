//! The API keys of an account: for operators, and for the account itself.

mod handlers;
mod object;
mod own;
mod request;

use serde_json::json;

use crate::{
    audit::ObjectKind,
    auth::Scope,
    error::{ApiError, CodedField},
    http::Operation,
};
use handlers::{RevokedKey, create_key, get_key, list_keys, revoke_key, update_key};
use object::{CreatedKey, KeyObject, Keys};
use own::{create_own_key, get_own_key, list_own_keys, revoke_own_key};

pub fn operations() -> Vec<Operation> {
    let no_account = || ApiError::NotFound("account");
    let no_key = || ApiError::NotFound("API key");
    let name_errors = || {
        [
            ApiError::MissingField(CodedField::Name),
            ApiError::NameTooLong,
        ]
    };
    vec![
        Operation::get("/accounts/{account_id}/keys", list_keys)
            .summary("List an account's API keys")
            .description("The newest first, with those that are revoked.")
            .response::<Keys>(200, Keys::example())
            .errors([no_account()]),
        Operation::post("/accounts/{account_id}/keys", create_key)
            .audits_creation(ObjectKind::ApiKey, "/id")
            .summary("Create an API key")
            .description("`key` is shown only once: it is null in a replay by Idempotency-Key.")
            .request_examples([json!({
                "name": "sender",
                "scopes": ["links:read", "links:write"],
                "rate_limit_per_minute": 600,
            })])
            .required_fields(["name"])
            .response::<CreatedKey>(201, CreatedKey::example())
            .errors(name_errors())
            .errors([no_account()]),
        Operation::get("/accounts/{account_id}/keys/{key_id}", get_key)
            .summary("Get an API key")
            .response::<KeyObject>(200, KeyObject::example())
            .errors([no_account(), no_key()]),
        Operation::put("/accounts/{account_id}/keys/{key_id}", update_key)
            .audits_change(ObjectKind::ApiKey, "/id")
            .summary("Update an API key")
            .description(
                "Updates the given fields. A limit of 0 and an empty `expires_at` clear the \
                 value.",
            )
            .request_examples([json!({ "rate_limit_per_minute": 1200 })])
            .response::<KeyObject>(200, KeyObject::example())
            .errors(name_errors())
            .errors([no_account(), no_key()]),
        Operation::delete("/accounts/{account_id}/keys/{key_id}", revoke_key)
            .audits_change(ObjectKind::ApiKey, "/id")
            .summary("Revoke an API key")
            .description("The key is refused from the next request on. This cannot be undone.")
            .response::<RevokedKey>(200, RevokedKey::example())
            .errors([no_account(), no_key()]),
    ]
    .into_iter()
    .map(|operation| operation.scope(Scope::Admin).tag("accounts"))
    .collect()
}

/// The operations of a tenant for its own keys.
pub fn own_operations() -> Vec<Operation> {
    let no_key = || ApiError::NotFound("API key");
    [
        Operation::get("/api-keys", list_own_keys)
            .summary("List the account's own API keys")
            .description("The newest first, with those that are revoked. No key is shown itself.")
            .response::<Keys>(200, Keys::example()),
        Operation::post("/api-keys", create_own_key)
            .audits_creation(ObjectKind::ApiKey, "/id")
            .summary("Create an API key for the account")
            .description(
                "The new key can do no more than the one that creates it: it has at most its \
                 scopes, and its rate limit and expiry if it has any. `key` is shown only once: \
                 it is null in a replay by Idempotency-Key.",
            )
            .request_examples([json!({
                "name": "sender",
                "scopes": ["links:read", "links:write"],
                "rate_limit_per_minute": 600,
            })])
            .required_fields(["name"])
            .response::<CreatedKey>(201, CreatedKey::example())
            .errors([
                ApiError::MissingField(CodedField::Name),
                ApiError::NameTooLong,
            ]),
        Operation::get("/api-keys/{key_id}", get_own_key)
            .summary("Get an API key of the account")
            .response::<KeyObject>(200, KeyObject::example())
            .errors([no_key()]),
        Operation::delete("/api-keys/{key_id}", revoke_own_key)
            .audits_change(ObjectKind::ApiKey, "/id")
            .summary("Revoke an API key of the account")
            .description(
                "The key is refused from the next request on, also if it is the one of this \
                 request. This cannot be undone. A key that can do more than the one of the \
                 request is not revoked.",
            )
            .response::<RevokedKey>(200, RevokedKey::example())
            .errors([no_key()]),
    ]
    .into_iter()
    .map(|operation| operation.scope(Scope::Keys).tag("me"))
    .collect()
}
