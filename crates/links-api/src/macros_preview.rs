//! `POST /api/v2/macros/preview`: what a template becomes, and what is to be
//! said of it.

use std::{borrow::Cow, collections::BTreeMap};

use actix_web::http::Method;
use domain::macros::{Finding, Macro, Severity, Template, lint};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    auth::Scope,
    body::{Text, given},
    error::{ApiError, CodedField, FieldError},
    http::{Operation, RequestContext, Response},
};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::platform(Method::POST, "/macros/preview", "preview_macros", preview_macros)
            .scope(Scope::Offers).tag("macros")
            .summary("Preview a destination template").description("Expands the template with sample values, by the names of the macros and without \
                 braces, as a click would: encoded, once, and with the parameters that are \
                 appended. `url` is null if the template has an error.")
            .request_body::<PreviewRequest>([json!({
                "template": "https://example.com/lp?c={click_id}&s={sub1}&x={clickid}",
                "values": { "click_id": "01a11d5c-1e7b-7123-8123-456789abcdef", "sub1": "a b" },
            })]).required_fields(["template"])
            .response::<Preview>(
                200,
                json!({
                    "url": "https://example.com/lp?c=01a11d5c-1e7b-7123-8123-456789abcdef&s=a%20b&x={clickid}",
                    "findings": [{
                        "severity": "warning",
                        "code": "unknown_macro",
                        "message": "{clickid} is not one of our macros and stays as it is. \
                                    Did you mean {click_id}?",
                    }],
                }),
            )
            .errors([ApiError::MissingField(CodedField::Template)]),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct PreviewRequest {
    /// Required.
    template: Option<Text>,
    /// Values by the names of macros.
    values: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Preview {
    url: Option<String>,
    findings: Vec<FindingObject>,
}

/// One thing to say about a template.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FindingObject {
    severity: SeverityName,
    code: &'static str,
    message: String,
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Severity")]
enum SeverityName {
    Info,
    Warning,
    Error,
}

impl From<Finding> for FindingObject {
    fn from(finding: Finding) -> Self {
        Self {
            severity: match finding.severity {
                Severity::Info => SeverityName::Info,
                Severity::Warning => SeverityName::Warning,
                Severity::Error => SeverityName::Error,
            },
            code: finding.code,
            message: finding.message,
        }
    }
}

async fn preview_macros(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let body: PreviewRequest = context.json()?;
    let template = given(&body.template).ok_or(ApiError::MissingField(CodedField::Template))?;
    let mut values = Vec::new();
    for (name, value) in body.values.unwrap_or_default() {
        let name = Macro::parse_double_braces(&name).ok_or_else(|| {
            ApiError::InvalidField(FieldError::new(
                format!("values.{name}"),
                "there is no such macro",
            ))
        })?;
        values.push((name, value));
    }
    let value = |name: Macro| {
        let found = values.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| Cow::Borrowed(value.as_str()))
    };
    let parsed = Template::parse(template).ok();
    Response::ok(&Preview {
        url: parsed.map(|template| template.expand(value)),
        findings: lint(template)
            .into_iter()
            .map(FindingObject::from)
            .collect(),
    })
}
