//! What became of each row, as JSON.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{db::links::MessageLink, error::RowFailure};

#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "SentMessagesResult")]
pub struct RecordResponse {
    pub created: usize,
    pub unchanged: usize,
    pub failed: usize,
    /// A result for each row, in their order.
    messages: Vec<RecordedRow>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RecordedRow {
    /// Index of the row in the request, from 0.
    index: usize,
    result: RowResult,
    /// Links whose clicks do not count as the message's. Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unbound_links: Vec<UnboundLink>,
    /// Why the row failed.
    #[serde(flatten)]
    failure: Option<RowFailure>,
}

/// created; unchanged: the message was recorded or rendered before, and the row says nothing
/// else; failed: nothing of the row is stored.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "SentMessageResult")]
enum RowResult {
    Created,
    Unchanged,
    Failed,
}

/// A link that stays as it is: the message counts as sent with it, and its clicks remain its
/// own.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct UnboundLink {
    link_id: String,
    reason: UnboundReason,
}

/// clicked_before: it was clicked, converted or sent before; several_messages: several rows
/// name it.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnboundReason {
    ClickedBefore,
    SeveralMessages,
}

/// What became of a row.
pub enum RowOutcome {
    Created(Vec<UnboundLink>),
    Unchanged,
    Failed(RowFailure),
}

impl UnboundLink {
    pub fn new(link: &MessageLink, reason: UnboundReason) -> Self {
        let code = link.code.as_ref().map(|code| format!("lnk_{code}"));
        Self {
            link_id: code.unwrap_or_else(|| link.short_id.clone()),
            reason,
        }
    }
}

impl RecordResponse {
    /// Counts a row and adds its result. Rows come in the order of the request.
    pub fn add(&mut self, outcome: RowOutcome) {
        let (count, result) = match &outcome {
            RowOutcome::Created(_) => (&mut self.created, RowResult::Created),
            RowOutcome::Unchanged => (&mut self.unchanged, RowResult::Unchanged),
            RowOutcome::Failed(_) => (&mut self.failed, RowResult::Failed),
        };
        *count += 1;
        let (unbound_links, failure) = match outcome {
            RowOutcome::Created(unbound_links) => (unbound_links, None),
            RowOutcome::Unchanged => (Vec::new(), None),
            RowOutcome::Failed(failure) => (Vec::new(), Some(failure)),
        };
        self.messages.push(RecordedRow {
            index: self.messages.len(),
            result,
            unbound_links,
            failure,
        });
    }

    pub fn example() -> Value {
        json!({
            "created": 1,
            "unchanged": 1,
            "failed": 1,
            "messages": [
                {
                    "index": 0,
                    "result": "created",
                    "unbound_links": [{ "link_id": "Ab3kX9q", "reason": "clicked_before" }],
                },
                { "index": 1, "result": "unchanged" },
                {
                    "index": 2,
                    "result": "failed",
                    "code": "list_not_found",
                    "field": "messages[2].list_id",
                    "error": "The sending list was not found or does not belong to your account.",
                },
            ],
        })
    }

    pub fn example_without_new() -> Value {
        json!({
            "created": 0,
            "unchanged": 1,
            "failed": 0,
            "messages": [{ "index": 0, "result": "unchanged" }],
        })
    }
}
