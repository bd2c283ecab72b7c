//! The OpenAPI 3.1 document, made of the same operations as the server. It is served at
//! `/openapi.json` and written to `proto-docs/openapi.json`.

use std::collections::BTreeMap;

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    openapi_errors,
    operation::Operation,
    operation_parts::{BodySpec, Content, ResponseSpec},
};
use crate::enumeration::Enumeration as _;

/// What the document says of the API as a whole.
pub struct ApiInfo {
    pub title: &'static str,
    /// Markdown.
    pub description: &'static str,
    /// Names and descriptions of the sections, in the order in which they are read.
    pub tags: &'static [(&'static str, &'static str)],
}

/// Makes the document.
pub fn document(info: &ApiInfo, operations: &[Operation]) -> Value {
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
    let mut schemas = request_schemas.take_definitions(true);
    for (name, schema) in response_schemas.take_definitions(true) {
        // A type that is both read and answered has one form.
        if let Some(read) = schemas.get(&name) {
            assert_eq!(*read, schema, "{name} is two schemas");
        }
        schemas.insert(name, schema);
    }
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
        "servers": [{ "url": "/" }],
        "tags": tags.collect::<Vec<_>>(),
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
    request_schemas: &mut SchemaGenerator,
    response_schemas: &mut SchemaGenerator,
) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": format!(
            "{}\n\nNeeds the scope `{}`.", operation.description, operation.scope.name(),
        ).trim_start(),
        "parameters": parameters(operation),
        "responses": responses(operation, response_schemas),
    });
    if let Some(body) = &operation.inputs.body {
        let mut content = Map::new();
        let json_body = json!({
            "schema": body_schema(body, request_schemas),
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

fn body_schema(body: &BodySpec, request_schemas: &mut SchemaGenerator) -> Value {
    let schema = (body.schema)(request_schemas).to_value();
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
    for (status, response) in openapi_errors::responses(operation) {
        responses.insert(status.to_string(), response);
    }
    responses
}
