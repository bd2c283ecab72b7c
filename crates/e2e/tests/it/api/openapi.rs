//! `proto-docs/openapi.json` is generated from the server's declarations. `UPDATE_DOCS=1`
//! updates the file.

use std::collections::HashSet;

use e2e::{
    client::{Client, answer},
    openapi::{Document, object},
    servers::workspace,
    service::{Env, command},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, isolation::Access};

#[test]
fn the_published_document_is_up_to_date() {
    let output = command("links-api", &["openapi"], &Env::new())
        .output()
        .unwrap();
    assert!(output.status.success());
    let path = workspace().join("proto-docs/openapi.json");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &output.stdout).unwrap();
    }
    let written = std::fs::read(&path).unwrap_or_default();
    assert!(
        written == output.stdout,
        "stale: run UPDATE_DOCS=1 cargo test -p e2e the_published_document_is_up_to_date"
    );
}

#[tokio::test]
async fn document_and_reference_need_no_key_and_no_other_host() {
    let api = Api::start("reference").await;
    let base = api.service.url("api.address");
    let served: Value = api
        .client
        .get(&format!("{base}/openapi.json"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(served, Document::written().0);
    assert_eq!(api.client.get(&format!("{base}/docs")).await.status(), 308);
    let mut n_files = 0;
    for page in ["/docs/", "/docs/guides/conversions", "/docs/reference/"] {
        let response = api.client.get(&format!("{base}{page}")).await;
        assert_eq!(response.status(), 200, "{page}");
        let html = response.text().await.unwrap();
        for element in html
            .split('<')
            .filter(|e| e.starts_with("script") || e.starts_with("link"))
        {
            let file = element
                .split('"')
                .find(|text| text.starts_with('/') || text.contains(':'));
            let file = file.unwrap_or_else(|| panic!("{element} of {page}"));
            if file == "data:," {
                continue;
            }
            assert!(file.starts_with("/docs/"), "{file} of {page}");
            let response = api.client.get(&format!("{base}{file}")).await;
            assert_eq!(response.status(), 200, "{file}");
            n_files += 1;
        }
    }
    assert_eq!(n_files, 10);
    let (status, body) = api.get("/docs/nothing").await;
    assert_eq!((status, &body["code"]), (404, &json!("not_found")));
}

/// Rules for the document itself.
#[test]
fn every_operation_is_fully_documented() {
    let document = Document::written();
    let mut ids = HashSet::new();
    let mut titles = HashSet::new();
    for operation in document.redirector_operations() {
        ids.insert(operation.json["operationId"].as_str().unwrap());
        titles.insert(operation.json["summary"].as_str().unwrap());
    }
    for operation in document.operations() {
        let name = format!("{} {}", operation.method, operation.path);
        let json = operation.json;
        let id = json["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{id} is two operations");
        let title = json["summary"].as_str().unwrap();
        assert!(titles.insert(title), "{title} is two operations");
        for field in ["summary", "description"] {
            assert!(
                json[field].as_str().is_some_and(|text| !text.is_empty()),
                "{name}: {field}"
            );
        }
        let responses = object(&json["responses"]);
        let statuses: &[&str] = match Access::of(operation) {
            Access::Public => &["500", "503"],
            Access::Account | Access::Session => &["401", "403", "429", "500", "503"],
        };
        for status in statuses {
            assert!(responses.contains_key(*status), "{name}: {status}");
        }
        for (status, response) in responses {
            let content = &response["content"]["application/json"];
            if status.starts_with(['4', '5']) {
                check_examples(document, &name, content);
            } else if content.is_object() {
                check(document, &name, &content["schema"], &content["example"]);
            }
        }
        if json["requestBody"].is_object() {
            check_examples(
                document,
                &name,
                &json["requestBody"]["content"]["application/json"],
            );
        }
    }
}

/// The schemas of requests and responses say of each value what it is: generated clients have a
/// type for it.
#[test]
fn every_schema_has_a_type() {
    let document = Document::written();
    let mut untyped = Vec::new();
    for (name, schema) in object(&document.0["components"]["schemas"]) {
        find_untyped(schema, name, &mut untyped);
    }
    for operation in document.operations() {
        for parameter in operation.json["parameters"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let path = format!("{} {}", operation.path, parameter["name"]);
            find_untyped(&parameter["schema"], &path, &mut untyped);
        }
        for (status, response) in object(&operation.json["responses"]) {
            for (content_type, content) in response["content"].as_object().into_iter().flatten() {
                let path = format!("{} {status} {content_type}", operation.path);
                find_untyped(&content["schema"], &path, &mut untyped);
            }
        }
    }
    assert_eq!(untyped, Vec::<String>::new());
}

fn find_untyped(schema: &Value, path: &str, untyped: &mut Vec<String>) {
    let variants = ["anyOf", "oneOf"].map(|name| schema[name].as_array());
    let variants: Vec<_> = variants.into_iter().flatten().flatten().collect();
    // A list of types is one type or null.
    let types = match &schema["type"] {
        Value::String(_) => 1,
        Value::Array(names) => names.iter().filter(|name| *name != "null").count(),
        _ => usize::from(schema["$ref"].is_string() || !variants.is_empty()),
    };
    let is_object = schema["type"] == "object" || schema["type"] == json!(["object", "null"]);
    let is_explicit = schema["properties"].is_object() || !schema["additionalProperties"].is_null();
    if types != 1 || (is_object && !is_explicit) {
        untyped.push(format!("{path}: {schema}"));
    }
    for variant in variants {
        find_untyped(variant, path, untyped);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        find_untyped(property, &format!("{path}.{name}"), untyped);
    }
    if schema["items"].is_object() {
        find_untyped(&schema["items"], &format!("{path}[]"), untyped);
    }
}

#[tokio::test]
async fn redirectors_answer_as_the_document_says() {
    let api = Api::start("documented").await;
    let edge = api.test_env.start_edge(&api.service);
    let client = Client::new(&api.service, Some(&edge));
    let link = api.create("/api/v2/links", api.tenant.link_body()).await;
    let link_id = link["linkId"].as_str().unwrap();
    let document = Document::written();
    let mut n_accepted = 0;
    for operation in document.redirector_operations() {
        let json = operation.json;
        let name = format!("{} {}", operation.method, operation.path);
        for (status, response) in object(&json["responses"]) {
            let content = &response["content"]["application/json"];
            match status.as_str() {
                "200" if content.is_object() => {
                    check(document, &name, &content["schema"], &content["example"]);
                }
                "200" => assert!(response["content"]["image/gif"].is_object(), "{name}"),
                _ => check_examples(document, &name, content),
            }
        }
        let parameters = json["parameters"].as_array().unwrap();
        let required = parameters.iter().filter(|p| p["required"] == json!(true));
        let mut path = operation.path.to_owned();
        let mut query = vec![("revenue", "5")];
        for parameter in required {
            let name = parameter["name"].as_str().unwrap();
            let value = parameter["example"].as_str().unwrap();
            match parameter["in"].as_str() {
                Some("path") if name == "link_id" => path = path.replace("{link_id}", link_id),
                Some("path") => path = path.replace(&format!("{{{name}}}"), value),
                _ => query.push((name, value)),
            }
        }
        if ["/conv", "/api/postbacks/tune"].contains(&path.as_str()) {
            query.push(("link_id", link_id));
        }
        let path = e2e::client::with_query(&path, &query);
        let method: Method = operation.method.to_ascii_uppercase().parse().unwrap();
        let request = client.edge_request(method, &api.tenant.short_host, &path);
        if path.starts_with("/pixel/") {
            let response = request.send().await.unwrap();
            assert_eq!(response.headers()["content-type"], "image/gif");
            continue;
        }
        let (status, body) = answer(request).await;
        let content = &json["responses"][status.to_string()]["content"]["application/json"];
        check(document, &name, &content["schema"], &body);
        match body["code"].as_str() {
            Some(code) => assert!(content["examples"][code].is_object(), "{name}: {body}"),
            None => n_accepted += 1,
        }
    }
    // Those of a link: the others name an offer or coupon that is not there.
    assert_eq!(n_accepted, 4);
    edge.stop();
}

fn check_examples(document: &Document, name: &str, content: &Value) {
    let examples = object(&content["examples"]);
    assert!(!examples.is_empty(), "{name} has no example");
    for example in examples.values() {
        check(document, name, &content["schema"], &example["value"]);
    }
}

/// Examples match their schemas.
fn check(document: &Document, name: &str, schema: &Value, example: &Value) {
    let whole = serde_json::json!({
        "allOf": [schema],
        "components": document.0["components"],
    });
    let validator = jsonschema::validator_for(&whole).unwrap();
    let wrong: Vec<_> = validator
        .iter_errors(example)
        .map(|e| e.to_string())
        .collect();
    assert!(wrong.is_empty(), "{name}: {example}: {wrong:?}");
}
