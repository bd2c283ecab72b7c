//! What the linter of templates finds.

use domain::macros::{Finding, Severity};
use schemars::JsonSchema;
use serde::Serialize;

/// One finding about a template.
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
