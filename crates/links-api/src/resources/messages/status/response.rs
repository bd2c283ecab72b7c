//! What became of each report, as JSON.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{db::messages::MessageStatus, error::RowFailure};

#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "MessageStatusesResult")]
pub struct StatusesResponse {
    updated: usize,
    unchanged: usize,
    failed: usize,
    /// A result for each row, in their order.
    messages: Vec<ReportedRow>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ReportedRow {
    /// Index of the row in the request, from 0.
    index: usize,
    result: RowResult,
    /// The status of the message now.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<MessageStatus>,
    /// Why the row failed.
    #[serde(flatten)]
    failure: Option<RowFailure>,
}

/// updated; unchanged: the report is known, or another one prevails; failed: nothing of the row
/// is stored.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "MessageStatusResult")]
enum RowResult {
    Updated,
    Unchanged,
    Failed,
}

/// What became of a report.
pub enum ReportOutcome {
    Updated(MessageStatus),
    Unchanged(MessageStatus),
    Failed(RowFailure),
}

impl StatusesResponse {
    /// Counts a row and adds its result. Rows come in the order of the request.
    pub fn add(&mut self, outcome: ReportOutcome) {
        let (count, result, status, failure) = match outcome {
            ReportOutcome::Updated(status) => {
                (&mut self.updated, RowResult::Updated, Some(status), None)
            }
            ReportOutcome::Unchanged(status) => {
                let count = &mut self.unchanged;
                (count, RowResult::Unchanged, Some(status), None)
            }
            ReportOutcome::Failed(failure) => {
                (&mut self.failed, RowResult::Failed, None, Some(failure))
            }
        };
        *count += 1;
        self.messages.push(ReportedRow {
            index: self.messages.len(),
            result,
            status,
            failure,
        });
    }

    pub fn example() -> Value {
        json!({
            "updated": 1,
            "unchanged": 0,
            "failed": 1,
            "messages": [
                { "index": 0, "result": "updated", "status": "delivered" },
                {
                    "index": 1,
                    "result": "failed",
                    "code": "not_found",
                    "field": "messages[1].message_id",
                    "error": "There is no such message.",
                },
            ],
        })
    }
}
