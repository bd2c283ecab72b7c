//! `proto-docs/openapi.json` is generated from the server's declarations. `UPDATE_DOCS=1`
//! updates the file.

use e2e::{
    openapi::{Document, object},
    servers::workspace,
    service::{Env, command},
};
use serde_json::Value;

use super::Api;

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
    let mut files = vec!["index.html".to_owned()];
    let page = api.client.get(&format!("{base}/docs/")).await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    let names = page
        .split(['"', '\''])
        .filter_map(|text| text.strip_prefix("./"));
    files.extend(names.map(str::to_owned));
    assert!(files.len() > 4, "{page}");
    for file in files {
        let response = api.client.get(&format!("{base}/docs/{file}")).await;
        assert_eq!(response.status(), 200, "{file}");
    }
    let outside: Vec<_> = page
        .split(['"', '\''])
        .filter(|text| text.starts_with("http") || text.starts_with("//"))
        .collect();
    assert_eq!(outside, Vec::<&str>::new());
}

/// Rules for the document itself.
#[test]
fn every_operation_is_fully_documented() {
    let document = Document::written();
    let mut ids = std::collections::HashSet::new();
    for operation in document.operations() {
        let name = format!("{} {}", operation.method, operation.path);
        let json = operation.json;
        let id = json["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{id} is two operations");
        for field in ["summary", "description"] {
            assert!(
                json[field].as_str().is_some_and(|text| !text.is_empty()),
                "{name}: {field}"
            );
        }
        let responses = object(&json["responses"]);
        for status in ["401", "403", "429", "500", "503"] {
            assert!(responses.contains_key(status), "{name}: {status}");
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
