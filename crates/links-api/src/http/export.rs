//! Exports: rows by cursor, as JSON or CSV.

use std::str::FromStr;

use super::RequestContext;
use crate::{csv::Csv, error::ApiError};

pub const DEFAULT_ROWS: i64 = 1_000;
pub const MAX_ROWS: i64 = 10_000;

/// Which rows of an export are asked for, and how.
#[derive(Debug)]
pub struct Export<I> {
    /// The last row of the page before.
    pub cursor: Option<I>,
    pub limit: i64,
    /// `None` is JSON.
    pub csv: Option<Csv>,
}

impl<I: FromStr> Export<I> {
    pub fn read(context: RequestContext<'_>) -> Result<Self, ApiError> {
        let cursor = context.text("cursor")?.map(|text| {
            let problem = "it is not one that was answered";
            text.parse()
                .map_err(|_| ApiError::invalid_field("cursor", problem))
        });
        Ok(Self {
            cursor: cursor.transpose()?,
            limit: context
                .integer("limit", 1..=MAX_ROWS)?
                .unwrap_or(DEFAULT_ROWS),
            csv: Csv::read(context)?,
        })
    }

    /// Cuts off the row that is there only if there are more; then the cursor of
    /// the next page is the last that is left.
    pub fn cut<R>(&self, rows: &mut Vec<R>, cursor: impl Fn(&R) -> String) -> Option<String> {
        let n_rows = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if rows.len() <= n_rows {
            return None;
        }
        rows.truncate(n_rows);
        rows.last().map(cursor)
    }
}
