//! The error responses of the OpenAPI document: each has an example for every code.

use std::collections::BTreeMap;

use postgres::pool::PoolError;
use serde_json::{Map, Value, json};

use super::operation::{Access, Operation};
use crate::{
    enumeration::Enumeration as _,
    error::{ApiError, ApiFamily, FieldError, UnauthorizedReason},
};

/// The responses to failed requests, by status.
pub fn responses(operation: &Operation) -> Vec<(u16, Value)> {
    let mut by_status = BTreeMap::<u16, Vec<&ApiError>>::new();
    let common = common_errors(operation);
    for error in common.iter().chain(&operation.errors) {
        let status = operation.family.status(error).as_u16();
        by_status.entry(status).or_default().push(error);
    }
    by_status
        .into_iter()
        .map(|(status, errors)| (status, error_response(operation.family, &errors)))
        .collect()
}

/// The schemas of the error formats of the two APIs.
pub fn schemas() -> Map<String, Value> {
    Map::from_iter([
        (schema_name(ApiFamily::V2).to_owned(), v2_error()),
        (
            schema_name(ApiFamily::Affiliate).to_owned(),
            affiliate_error(),
        ),
        ("InvalidRow".to_owned(), invalid_row()),
        ("InvalidField".to_owned(), invalid_field()),
    ])
}

/// The name of the schema of the family's errors. TypeScript has a type `Error` of its own.
fn schema_name(family: ApiFamily) -> &'static str {
    match family {
        ApiFamily::V2 => "V2Error",
        ApiFamily::Affiliate => "AffiliateError",
    }
}

/// One response for all errors of a status, with an example for each code. The codes are the
/// names of the examples, and no part of the schema: a schema for each status of each operation
/// would be 600 types in a generated client.
fn error_response(family: ApiFamily, errors: &[&ApiError]) -> Value {
    let codes: BTreeMap<String, Value> = errors
        .iter()
        .map(|error| {
            let example = json!({ "summary": error.to_string(), "value": family.body(error) });
            (family.code(error), example)
        })
        .collect();
    let all: Vec<_> = codes.keys().map(|code| format!("`{code}`")).collect();
    json!({
        "description": all.join(", "),
        "content": { "application/json": {
            "schema": { "$ref": format!("#/components/schemas/{}", schema_name(family)) },
            "examples": codes,
        }},
    })
}

/// The errors of every operation of its kind.
fn common_errors(operation: &Operation) -> Vec<ApiError> {
    let mut errors = vec![
        ApiError::unavailable(PoolError::Closed),
        ApiError::internal(anyhow::Error::msg("an example")),
    ];
    match operation.access {
        Access::Public if operation.is_navigation() => {}
        Access::Public => errors.push(ApiError::CrossSiteRequest),
        Access::Scope(_) | Access::AnyCaller | Access::Session => errors.extend([
            ApiError::Unauthorized(UnauthorizedReason::Absent),
            ApiError::AccountSuspended,
            ApiError::RateLimited { retry_after_s: 17 },
        ]),
    }
    match operation.access {
        Access::Scope(scope) => errors.extend([
            ApiError::InsufficientScope(scope.name()),
            ApiError::AccountNotNamed,
            ApiError::NotFound("account"),
        ]),
        Access::Session => errors.push(ApiError::SessionRequired),
        Access::AnyCaller | Access::Public => {}
    }
    if operation.access != Access::Public && !operation.is_read_only() {
        errors.push(ApiError::CsrfTokenMissing);
    }
    if operation.inputs.body.is_some() {
        errors.extend([
            ApiError::InvalidJson(
                "it is empty. Send an object, such as {\"name\": \"value\"}".into(),
            ),
            ApiError::InvalidField(FieldError::new(
                "name",
                "it is the number 5, and a text such as \"abc\" is wanted",
            )),
        ]);
    }
    if operation.reads_body() {
        let too_large = ApiError::PayloadTooLarge(operation.max_body_mb);
        errors.extend([too_large, ApiError::UnreadableBody]);
    }
    if !operation.inputs.query_parameters.is_empty() {
        errors.push(ApiError::invalid_field(
            "page",
            "it is not an integer from 1 to 1000000",
        ));
    }
    if !operation.ignores_unknown_input {
        errors.push(ApiError::UnknownParameter {
            name: "pag".to_owned(),
            nearest: Some("page".to_owned()),
            known: "page, per_page".to_owned(),
        });
        if operation.inputs.body.is_some() {
            errors.push(ApiError::UnknownField {
                field: "nam".to_owned(),
                nearest: Some("name".to_owned()),
            });
        }
    }
    if operation.changes_object() {
        errors.push(ApiError::PreconditionFailed);
        if operation.inputs.body.is_some() {
            errors.push(ApiError::ReadOnlyField("created_at".to_owned()));
        }
    }
    if operation.takes_idempotency_key() {
        errors.extend([
            ApiError::InvalidIdempotencyKey,
            ApiError::IdempotencyMismatch,
        ]);
    }
    errors
}

fn v2_error() -> Value {
    json!({
        "type": "object",
        "required": ["error", "code"],
        "properties": {
            "error": { "type": "string", "description": "A sentence for people." },
            "code": { "type": "string", "description": "A word for programs." },
            "reason": { "type": "string", "description": "What is wrong with the key." },
            "tries_left": {
                "type": "integer",
                "description": "How often sign-in may be tried before it is refused for a while.",
            },
            "rows": {
                "type": "array",
                "description": "The first 100 rows of an import that cannot be stored.",
                "items": { "$ref": "#/components/schemas/InvalidRow" },
            },
        },
    })
}

fn invalid_row() -> Value {
    json!({
        "type": "object",
        "required": ["row", "code", "error"],
        "properties": {
            "row": { "type": "integer", "description": "From 1." },
            "code": { "type": "string" },
            "field": { "type": ["string", "null"] },
            "error": { "type": "string" },
        },
    })
}

fn affiliate_error() -> Value {
    json!({
        "type": "object",
        "required": ["detail", "error_code", "status"],
        "properties": {
            "detail": { "type": "string", "description": "A sentence for people." },
            "error_code": { "type": "string", "description": "A word for programs." },
            "status": { "type": "integer", "description": "The HTTP status." },
            "reason": { "type": "string", "description": "What is wrong with the key." },
            "fields": {
                "type": "array",
                "items": { "$ref": "#/components/schemas/InvalidField" },
            },
        },
    })
}

fn invalid_field() -> Value {
    json!({
        "type": "object",
        "required": ["field", "message"],
        "properties": {
            "field": { "type": "string" },
            "message": { "type": "string" },
        },
    })
}
