//! The OpenAPI 3.1 document, made of the same operations as the server. It is served at
//! `/openapi.json` and written to `proto-docs/openapi.json`.

use std::collections::BTreeMap;

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    openapi_errors,
    openapi_schemas::simplify,
    operation::{Access, Operation},
    operation_parts::{BodySpec, Content, ResponseSpec},
};
use crate::{auth::SESSION_COOKIE, enumeration::Enumeration as _};

/// What the document says of the API as a whole.
pub struct ApiInfo {
    pub title: &'static str,
    /// Markdown.
    pub description: &'static str,
    /// Names and descriptions of the sections, in the order in which they are read.
    pub tags: &'static [(&'static str, &'static str)],
}

/// Operations of other servers, which stand in the document only.
#[derive(Default)]
pub struct OtherOperations {
    /// Paths, each with its methods, as they stand in the document.
    pub paths: Map<String, Value>,
    pub schemas: Map<String, Value>,
}

/// Makes the document.
pub fn document(info: &ApiInfo, operations: &[Operation], others: OtherOperations) -> Value {
    let settings = |settings: SchemaSettings| {
        settings.with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
    };
    let mut request_schemas =
        settings(SchemaSettings::draft2020_12().for_deserialize()).into_generator();
    let mut response_schemas =
        settings(SchemaSettings::draft2020_12().for_serialize()).into_generator();
    let mut paths = BTreeMap::<String, Map<String, Value>>::new();
    for operation in operations {
        let path = operation.paths().swap_remove(0);
        let method = operation.method.as_str().to_ascii_lowercase();
        let described = describe(operation, &mut request_schemas, &mut response_schemas);
        paths.entry(path).or_default().insert(method, described);
    }
    for (path, methods) in others.paths {
        let methods = methods.as_object().cloned().unwrap_or_default();
        paths.entry(path).or_default().extend(methods);
    }
    let mut schemas = request_schemas.take_definitions(true);
    for (name, schema) in response_schemas.take_definitions(true) {
        // A type that is both read and answered has one form.
        if let Some(read) = schemas.get(&name) {
            assert_eq!(*read, schema, "{name} is two schemas");
        }
        schemas.insert(name, schema);
    }
    schemas.extend(others.schemas);
    schemas.values_mut().for_each(simplify);
    schemas.extend(openapi_errors::schemas());
    let tags = info.tags.iter();
    let tags = tags.map(|(name, description)| json!({ "name": name, "description": description }));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": info.title,
            "version": "2",
            "description": info.description,
        },
        "servers": [{ "url": "/", "description": "links-api" }],
        "tags": tags.collect::<Vec<_>>(),
        "security": [{ "ApiKey": [] }, { "Bearer": [] }, { "Session": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "ApiKey": { "type": "apiKey", "in": "header", "name": "X-Api-Key" },
                "Bearer": { "type": "http", "scheme": "bearer" },
                "Session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": SESSION_COOKIE,
                    "description": "The session of a user, by `POST /api/v2/sessions`. Requests \
                        that change something also need the header `X-CSRF-Token`, and those of a \
                        user of several accounts the header `X-Waypost-Account`.",
                },
            },
        },
    })
}

fn describe(
    operation: &Operation,
    request_schemas: &mut SchemaGenerator,
    response_schemas: &mut SchemaGenerator,
) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": format!(
            "{}\n\n{}", operation.description, needed_scope(operation),
        ).trim_start(),
        "parameters": parameters(operation),
        "responses": responses(operation, response_schemas),
    });
    match operation.access {
        Access::Scope(_) | Access::AnyCaller => {}
        Access::Session => described["security"] = json!([{ "Session": [] }]),
        Access::Public => described["security"] = json!([]),
    }
    if let Some(body) = &operation.inputs.body {
        let mut content = Map::new();
        let json_body = json!({
            "schema": body_schema(operation, body, request_schemas),
            "examples": named(&body.examples),
        });
        content.insert("application/json".to_owned(), json_body);
        for (content_type, example) in body.other_content {
            let text = json!({ "schema": { "type": "string" }, "example": example });
            content.insert((*content_type).to_owned(), text);
        }
        described["requestBody"] = json!({ "required": true, "content": content });
    }
    described
}

fn needed_scope(operation: &Operation) -> String {
    match operation.access {
        Access::Scope(scope) => format!("Needs the scope `{}`.", scope.name()),
        Access::AnyCaller => "Any key and any session will do.".to_owned(),
        Access::Session => "Needs the session of a user.".to_owned(),
        Access::Public => "Needs neither a key nor a session.".to_owned(),
    }
}

/// The schema of a body. Where fields must be there that the type of the body leaves out, since
/// an update has the same type, the body has a schema of its own, `CreateOfferRequest` for the
/// operation `create_offer`: generated clients do not understand a schema that is put together
/// of two.
fn body_schema(
    operation: &Operation,
    body: &BodySpec,
    request_schemas: &mut SchemaGenerator,
) -> Value {
    let schema = (body.schema)(request_schemas).to_value();
    if body.required.is_empty() {
        return schema;
    }
    let name = schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next());
    let name = name.expect("the type of a body has a name");
    let definition = request_schemas.definitions().get(name);
    let mut definition = definition.expect("a reference has a definition").clone();
    for field in &body.required {
        require_value(&mut definition["properties"][field]);
    }
    definition["required"] = json!(body.required);
    let name = format!("{}Request", pascal_case(operation.id));
    let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
    request_schemas.definitions_mut().insert(name, definition);
    reference
}

/// Takes `null` and empty values out of the schema of a field.
fn require_value(schema: &mut Value) {
    let without_null = |types: &mut Vec<Value>, null: &Value| types.retain(|t| t != null);
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        without_null(types, &json!("null"));
        if let [only] = &types[..] {
            schema["type"] = only.clone();
        }
    }
    if let Some(Value::Array(variants)) = schema.get_mut("anyOf") {
        without_null(variants, &json!({ "type": "null" }));
    }
    if let Some(Value::Array(names)) = schema.get_mut("enum") {
        names.retain(|name| !name.is_null() && name != "");
    }
    match schema["type"].as_str() {
        Some("string") => schema["minLength"] = json!(1),
        Some("array") => schema["minItems"] = json!(1),
        _ => {}
    }
}

fn pascal_case(snake_case: &str) -> String {
    let capitalize = |word: &str| {
        let mut chars = word.chars();
        let first = chars.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(chars).collect::<String>()
    };
    snake_case.split('_').map(capitalize).collect()
}

fn simplified(schema: &Value) -> Value {
    let mut schema = schema.clone();
    simplify(&mut schema);
    schema
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
    for parameter in &operation.inputs.path_parameters {
        parameters.push(json!({
            "name": parameter.name, "in": "path", "required": true,
            "description": parameter.description, "schema": parameter.schema,
            "example": parameter.example,
        }));
    }
    for parameter in &operation.inputs.query_parameters {
        parameters.push(json!({
            "name": parameter.name, "in": "query",
            "description": parameter.description, "schema": simplified(&parameter.schema),
        }));
    }
    if operation.takes_idempotency_key() {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header",
            "description": "Makes the request safe to send again.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
        }));
    }
    parameters
}

fn responses(operation: &Operation, response_schemas: &mut SchemaGenerator) -> Map<String, Value> {
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
                    "schema": schema(response_schemas), "example": example,
                }});
            }
            Content::Bytes(content_type) => {
                let schema = match content_type.starts_with("image/") {
                    true => json!({ "type": "string", "format": "binary" }),
                    false => json!({ "type": "string" }),
                };
                response["content"][content_type] = json!({ "schema": schema });
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
    for (status, response) in openapi_errors::responses(operation) {
        responses.insert(status.to_string(), response);
    }
    responses
}
