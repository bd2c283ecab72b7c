//! The OpenAPI 3.1 document, made of the operations that the server is made
//! of. Served at `/openapi.json` and written to `proto-docs/openapi.json`.

use std::collections::BTreeMap;

use postgres::pool::PoolError;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::operation::{Body, Content, Operation, ResponseSpec, path_parameter};
use crate::{
    enumeration::Enumeration as _,
    error::{ApiError, ApiFamily, FieldError},
};

const DESCRIPTION: &str = "\
Mints and manages tracked links for SMS and affiliate offers.

**Authentication.** An API key, `trk_` and 32 alphanumerics, as `X-Api-Key` or as \
`Authorization: Bearer`. It is checked before anything else.

**Two APIs.** Paths under `/api/v2` answer under `/v2` alike; their errors are \
`{\"error\", \"code\"}`. Paths under `/api/links`, `/api/campaigns` and `/api/conversions` answer \
errors as `{\"detail\", \"error_code\", \"status\"}`, and what is wrong with a body as 422 with `fields`.

**Bodies** are JSON of at most 5 MB. Unknown fields are ignored and `null` is as good as \
absent. Where something is changed, an empty text takes a value away.

**Idempotency.** Any POST takes an `Idempotency-Key`. The same key and request within 24 hours \
is answered with the first answer and `Idempotent-Replayed: true`. A request that was refused \
did nothing and leaves its key free.

**Rate limits**, where a key has one, are per minute: `X-RateLimit-Limit`, \
`X-RateLimit-Remaining`, `X-RateLimit-Reset` (Unix seconds), and `Retry-After` (seconds) with 429.

**Ids of others** answer exactly as ids that do not exist. Times are UTC.";

/// Sections, in the order in which they are read.
const TAGS: [(&str, &str); 12] = [
    ("links", "Short links (v2 API)"),
    (
        "creatives",
        "Message templates, and rendering them at send time",
    ),
    ("offers", "SMS offers and partnership offers"),
    ("lists", "Sending lists and domains"),
    ("macros", "Destination templates"),
    ("reports", "Performance by any dimension"),
    ("clicks", "Raw clicks, and judging them again"),
    (
        "conversions",
        "Raw conversions, and recording them (affiliate API)",
    ),
    ("contacts", "What became of a message, and of a contact"),
    ("affiliate links", "Campaign links (affiliate API)"),
    ("campaigns", "Affiliate programs (affiliate API)"),
    ("accounts", "Accounts and API keys (operators)"),
];

pub fn document(operations: &[Operation]) -> Value {
    let settings = |settings: SchemaSettings| {
        settings.with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
    };
    let mut bodies = settings(SchemaSettings::draft2020_12().for_deserialize()).into_generator();
    let mut answers = settings(SchemaSettings::draft2020_12().for_serialize()).into_generator();
    let mut paths = BTreeMap::<String, Map<String, Value>>::new();
    for operation in operations {
        let path = operation.paths().swap_remove(0);
        let method = operation.method.as_str().to_ascii_lowercase();
        let described = describe(operation, &mut bodies, &mut answers);
        paths.entry(path).or_default().insert(method, described);
    }
    let mut schemas = bodies.take_definitions(true);
    for (name, schema) in answers.take_definitions(true) {
        // A type that is both read and answered has one form.
        if let Some(read) = schemas.get(&name) {
            assert_eq!(*read, schema, "{name} is two schemas");
        }
        schemas.insert(name, schema);
    }
    schemas.insert("Error".into(), platform_error());
    schemas.insert("AffiliateError".into(), affiliate_error());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Waypost links API",
            "version": "2",
            "description": DESCRIPTION,
        },
        "servers": [{ "url": "/" }],
        "tags": TAGS.map(|(name, description)| json!({ "name": name, "description": description })),
        "security": [{ "ApiKey": [] }, { "Bearer": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "ApiKey": { "type": "apiKey", "in": "header", "name": "X-Api-Key" },
                "Bearer": { "type": "http", "scheme": "bearer" },
            },
        },
    })
}

fn describe(
    operation: &Operation,
    bodies: &mut SchemaGenerator,
    answers: &mut SchemaGenerator,
) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": format!(
            "{}\n\nNeeds the scope `{}`.", operation.description, operation.scope.name(),
        ).trim_start(),
        "parameters": parameters(operation),
        "responses": responses(operation, answers),
    });
    if let Some(body) = &operation.body {
        described["requestBody"] = json!({
            "required": true,
            "content": { "application/json": {
                "schema": body_schema(body, bodies),
                "examples": named(&body.examples),
            }},
        });
    }
    described
}

fn body_schema(body: &Body, bodies: &mut SchemaGenerator) -> Value {
    let schema = (body.schema)(bodies).to_value();
    if body.required.is_empty() {
        return schema;
    }
    let filled = |name: &&str| {
        (
            (*name).to_owned(),
            json!({ "type": ["string", "array"], "minLength": 1 }),
        )
    };
    let filled: Map<_, _> = body.required.iter().map(filled).collect();
    json!({ "allOf": [schema, { "required": body.required, "properties": filled }] })
}

fn named(examples: &[Value]) -> Map<String, Value> {
    examples
        .iter()
        .enumerate()
        .map(|(i, example)| (format!("example{}", i + 1), json!({ "value": example })))
        .collect()
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let mut parameters = Vec::new();
    for name in operation.path_parameters() {
        let (schema, example, description) =
            path_parameter(name).unwrap_or_else(|| panic!("{name} is not described"));
        parameters.push(json!({
            "name": name, "in": "path", "required": true,
            "description": description, "schema": schema, "example": example,
        }));
    }
    for parameter in &operation.parameters {
        parameters.push(json!({
            "name": parameter.name, "in": "query",
            "description": parameter.description, "schema": parameter.schema,
        }));
    }
    if operation.is_post() {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header",
            "description": "Makes the request safe to send again.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
        }));
    }
    parameters
}

fn responses(operation: &Operation, answers: &mut SchemaGenerator) -> Map<String, Value> {
    let mut responses = Map::new();
    for ResponseSpec {
        status,
        description,
        content,
    } in &operation.responses
    {
        let mut response = json!({ "description": description });
        match content {
            Content::Json(schema, example) => {
                response["content"] = json!({ "application/json": {
                    "schema": schema(answers), "example": example,
                }});
            }
            Content::Bytes(content_type) => {
                response["content"][content_type] = json!({});
            }
            Content::Empty => {}
        }
        // One answer in several forms.
        if let Some(before) = responses.get_mut(status.as_str()) {
            let forms = before["content"].as_object_mut().expect("it has a form");
            forms.extend(response["content"].as_object().cloned().unwrap_or_default());
            continue;
        }
        responses.insert(status.as_str().to_owned(), response);
    }
    let mut by_status = BTreeMap::<u16, Vec<&ApiError>>::new();
    let common = common_errors(operation);
    for error in common.iter().chain(&operation.errors) {
        let status = operation.family.status(error).as_u16();
        by_status.entry(status).or_default().push(error);
    }
    for (status, errors) in by_status {
        responses.insert(status.to_string(), refusal(operation.family, &errors));
    }
    responses
}

/// One response for all errors of a status, with an example for each code.
fn refusal(family: ApiFamily, errors: &[&ApiError]) -> Value {
    let codes: BTreeMap<String, Value> = errors
        .iter()
        .map(|error| {
            let example = json!({ "summary": error.to_string(), "value": family.body(error) });
            (family.code(error), example)
        })
        .collect();
    let names: Vec<_> = codes.keys().collect();
    let (schema, field) = match family {
        ApiFamily::V2 => ("Error", "code"),
        ApiFamily::Affiliate => ("AffiliateError", "error_code"),
    };
    let all: Vec<_> = codes.keys().map(|code| format!("`{code}`")).collect();
    json!({
        "description": all.join(", "),
        "content": { "application/json": {
            "schema": {
                "allOf": [{ "$ref": format!("#/components/schemas/{schema}") }],
                "properties": { field: { "enum": names } },
            },
            "examples": codes,
        }},
    })
}

/// What every operation of its kind can answer.
fn common_errors(operation: &Operation) -> Vec<ApiError> {
    let mut errors = vec![
        ApiError::Unauthorized,
        ApiError::AccountSuspended,
        ApiError::InsufficientScope(operation.scope.name()),
        ApiError::RateLimited { retry_after_s: 17 },
        ApiError::unavailable(PoolError::Closed),
        ApiError::internal(anyhow::Error::msg("an example")),
    ];
    if operation.body.is_some() {
        errors.extend([
            ApiError::InvalidJson("EOF while parsing an object at line 1 column 1".into()),
            ApiError::InvalidField(FieldError::new(
                "name",
                "invalid type: integer `5`, expected a string",
            )),
        ]);
    }
    if operation.reads_body() {
        errors.extend([ApiError::PayloadTooLarge, ApiError::UnreadableBody]);
    }
    if !operation.parameters.is_empty() {
        errors.push(ApiError::invalid_field(
            "page",
            "it is not an integer from 1 to 1000000",
        ));
    }
    if operation.is_post() {
        errors.extend([
            ApiError::InvalidIdempotencyKey,
            ApiError::IdempotencyMismatch,
        ]);
    }
    errors
}

fn platform_error() -> Value {
    json!({
        "type": "object",
        "required": ["error", "code"],
        "properties": {
            "error": { "type": "string", "description": "A sentence for people." },
            "code": { "type": "string", "description": "A word for programs." },
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
            "fields": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "message"],
                    "properties": {
                        "field": { "type": "string" },
                        "message": { "type": "string" },
                    },
                },
            },
        },
    })
}
