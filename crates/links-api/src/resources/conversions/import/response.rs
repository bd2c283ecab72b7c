//! What became of the rows of an import, as JSON.

use ledger::conversions::{ImportOutcome, MAX_CORRECTIONS};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    audit::MAX_SUMMARY_IDS,
    error::{ApiError, RowFailure},
};

#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "ConversionImportResult")]
pub struct ImportResponse {
    created: usize,
    updated: usize,
    unchanged: usize,
    failed: usize,
    /// A result for each row, in their order.
    rows: Vec<RowResult>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RowResult {
    /// The number of the row, from 1. The line of names of CSV does not count.
    row: usize,
    result: RowResultKind,
    /// The stored conversion.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversion_id: Option<String>,
    /// Why the row failed.
    #[serde(flatten)]
    failure: Option<RowFailure>,
}

/// created; updated: the conversion was there and has been corrected; unchanged: what the row
/// says is known; failed: nothing of the row is stored.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RowResultKind {
    Created,
    Updated,
    Unchanged,
    Failed,
}

impl ImportResponse {
    /// Adds what became of the next row.
    pub fn add(&mut self, outcome: Result<ImportOutcome, RowFailure>) {
        let outcome = outcome.and_then(|outcome| match outcome {
            ImportOutcome::Created(id) => Ok((RowResultKind::Created, id)),
            ImportOutcome::Updated(id) => Ok((RowResultKind::Updated, id)),
            ImportOutcome::Unchanged(id) => Ok((RowResultKind::Unchanged, id)),
            ImportOutcome::Deleted => Err(RowFailure::from(&ApiError::ConversionDeleted)),
            ImportOutcome::TooManyCorrections => {
                let error = ApiError::TooManyCorrections(MAX_CORRECTIONS);
                Err(RowFailure::from(&error))
            }
        });
        let (result, conversion_id, failure) = match outcome {
            Ok((result, id)) => (result, Some(id.to_string()), None),
            Err(failure) => (RowResultKind::Failed, None, Some(failure)),
        };
        *match result {
            RowResultKind::Created => &mut self.created,
            RowResultKind::Updated => &mut self.updated,
            RowResultKind::Unchanged => &mut self.unchanged,
            RowResultKind::Failed => &mut self.failed,
        } += 1;
        self.rows.push(RowResult {
            row: self.rows.len() + 1,
            result,
            conversion_id,
            failure,
        });
    }

    /// Adds the rows of the next piece.
    pub fn append(&mut self, piece: Self) {
        self.created += piece.created;
        self.updated += piece.updated;
        self.unchanged += piece.unchanged;
        self.failed += piece.failed;
        let n_before = self.rows.len();
        self.rows
            .extend(piece.rows.into_iter().map(|row| RowResult {
                row: n_before + row.row,
                ..row
            }));
    }

    /// What the audit trail says once the next piece is stored too.
    pub fn summary_with(&self, piece: &Self) -> Value {
        let rows = self.rows.iter().chain(&piece.rows);
        let ids = rows.filter_map(|row| row.conversion_id.as_ref());
        let ids: Vec<_> = ids.take(MAX_SUMMARY_IDS).collect();
        json!({
            "created": self.created + piece.created,
            "updated": self.updated + piece.updated,
            "unchanged": self.unchanged + piece.unchanged,
            "failed": self.failed + piece.failed,
            "rows": { "count": self.rows.len() + piece.rows.len(), "ids": ids },
        })
    }

    pub fn example() -> Value {
        json!({
            "created": 1,
            "updated": 0,
            "unchanged": 0,
            "failed": 1,
            "rows": [
                {
                    "row": 1,
                    "result": "created",
                    "conversion_id": "01a11d5d-1e7b-7123-8123-456789abcdef",
                },
                {
                    "row": 2,
                    "result": "failed",
                    "code": "invalid_field",
                    "field": "status",
                    "error": "The field status is not valid: it is not one of approved, pending, \
                              rejected, reversed.",
                },
            ],
        })
    }
}
