//! `POST /api/v2/macros/preview`: the URL that a template becomes, and what the linter finds.

use std::{borrow::Cow, collections::BTreeMap};

use domain::macros::{Macro, Template, lint};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    error::{ApiError, CodedField},
    fields::{Text, non_empty},
    http::{RequestBody, RequestContext, Response},
    objects::finding::FindingObject,
};

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "PreviewRequest")]
pub struct MacroPreviewRequest {
    /// Required.
    template: Option<Text>,
    /// Values by the names of macros.
    values: Option<BTreeMap<String, String>>,
}

impl RequestBody for MacroPreviewRequest {}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Preview")]
pub struct MacroPreview {
    url: Option<String>,
    findings: Vec<FindingObject>,
}

impl MacroPreview {
    pub fn example() -> Value {
        json!({
            "url": "https://example.com/lp?c=01a11d5c-1e7b-7123-8123-456789abcdef&s=a%20b\
                    &x={clickid}",
            "findings": [{
                "severity": "warning",
                "code": "unknown_macro",
                "message": "{clickid} is not one of our macros and stays as it is. \
                            Did you mean {click_id}?",
            }],
        })
    }
}

pub async fn preview_macros(
    _context: RequestContext<'_>,
    body: MacroPreviewRequest,
) -> Result<Response, ApiError> {
    let template = non_empty(&body.template).ok_or(ApiError::MissingField(CodedField::Template))?;
    let mut values = Vec::new();
    for (name, value) in body.values.unwrap_or_default() {
        let field = || format!("values.{name}");
        let name = Macro::parse_double_braces(&name)
            .ok_or_else(|| ApiError::invalid_field(field(), "there is no such macro"))?;
        values.push((name, value));
    }
    let value_of = |name: Macro| {
        let pair = values.iter().find(|(other, _)| *other == name);
        pair.map(|(_, value)| Cow::Borrowed(value.as_str()))
    };
    let parsed = Template::parse(template).ok();
    Response::ok(&MacroPreview {
        url: parsed.map(|template| template.expand(value_of)),
        findings: lint(template)
            .into_iter()
            .map(FindingObject::from)
            .collect(),
    })
}
