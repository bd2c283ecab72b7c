//! The OpenAPI document, to check responses against it.

use std::sync::OnceLock;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::servers::workspace;

/// One documented operation.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'d> {
    pub method: &'d str,
    /// The path with its parameters in braces.
    pub path: &'d str,
    pub json: &'d Value,
}

pub struct Document(pub Value);

impl Document {
    /// `proto-docs/openapi.json`.
    pub fn written() -> &'static Self {
        static WRITTEN: OnceLock<Document> = OnceLock::new();
        WRITTEN.get_or_init(|| {
            let path = workspace().join("proto-docs/openapi.json");
            let text = std::fs::read_to_string(path).expect("proto-docs/openapi.json");
            Self(serde_json::from_str(&text).expect("JSON"))
        })
    }

    /// The operations of links-api.
    pub fn operations(&self) -> impl Iterator<Item = Operation<'_>> {
        let all = self.all_operations();
        all.filter(|operation| operation.json["servers"].is_null())
    }

    /// The operations of the redirectors, which have a server of their own.
    pub fn redirector_operations(&self) -> impl Iterator<Item = Operation<'_>> {
        let all = self.all_operations();
        all.filter(|operation| !operation.json["servers"].is_null())
    }

    fn all_operations(&self) -> impl Iterator<Item = Operation<'_>> {
        let paths = object(&self.0["paths"]).iter();
        paths.flat_map(|(path, methods)| {
            object(methods)
                .iter()
                .map(move |(method, json)| Operation { method, path, json })
        })
    }

    /// The operation of a path without its query. Fixed paths come before those with parameters.
    pub fn find(&self, method: &Method, path: &str) -> Option<Operation<'_>> {
        let is_short = path.starts_with("/v2/");
        let path = &format!("{}{path}", if is_short { "/api" } else { "" });
        let method = method.as_str().to_ascii_lowercase();
        let fits =
            |operation: &Operation<'_>| operation.method == method && matches(operation.path, path);
        let mut found: Vec<_> = self.operations().filter(fits).collect();
        found.sort_by_key(|operation| operation.path.contains('{'));
        found.into_iter().next()
    }

    /// Panics unless the response is documented: status, error code and schema. For a path that
    /// is not documented only 404 and 405 are.
    pub fn check(&self, method: &Method, path: &str, status: u16, body: &Value) {
        let path = path.split('?').next().unwrap_or_default();
        let Some(operation) = self.find(method, path) else {
            assert!(
                matches!(status, 401 | 404 | 405),
                "{method} {path} is not documented and answers {status}"
            );
            return;
        };
        let response = &operation.json["responses"][status.to_string()];
        assert!(
            response.is_object(),
            "{method} {path} answers {status} {body}, which is not documented"
        );
        let content = &response["content"]["application/json"];
        let schema = &content["schema"];
        if schema.is_null() {
            return;
        }
        let code = body.get("code").or_else(|| body.get("error_code"));
        if let Some(code) = code.and_then(Value::as_str).filter(|_| status >= 400) {
            assert!(
                content["examples"].get(code).is_some(),
                "{method} {path} answers {status} {code}, which is not documented"
            );
        }
        let whole = json!({ "allOf": [schema], "components": self.0["components"] });
        let validator = jsonschema::validator_for(&whole).expect("a schema");
        let wrong: Vec<_> = validator.iter_errors(body).map(|e| e.to_string()).collect();
        assert!(
            wrong.is_empty(),
            "{method} {path} answers {status} {body}: {wrong:?}"
        );
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(expected), Some(part)) if expected == part || expected.starts_with('{') => {}
            _ => return false,
        }
    }
}

pub fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("an object")
}
