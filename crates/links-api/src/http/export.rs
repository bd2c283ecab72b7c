//! Exports: rows by cursor, as JSON or CSV.

use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::{
    csv::Csv,
    query::{BoundedInteger, QueryParameters},
};

const DEFAULT_ROWS: i64 = 1_000;
const MAX_ROWS: i64 = 10_000;

/// The parameters of an export whose rows have ids of the type `I`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(bound(deserialize = "I: FromStr"))]
pub struct ExportQuery<I> {
    /// Rows of a page.
    #[schemars(extend("minimum" = 1, "maximum" = MAX_ROWS, "default" = DEFAULT_ROWS))]
    limit: Option<BoundedInteger<1, MAX_ROWS>>,
    /// `next_cursor` of the page before, or its header `X-Next-Cursor` if it is CSV.
    cursor: Option<Cursor<I>>,
}

impl<I: FromStr + JsonSchema> QueryParameters for ExportQuery<I> {}

impl<I: Clone> ExportQuery<I> {
    /// The id of the last row of the page before.
    pub fn cursor(&self) -> Option<I> {
        self.cursor.as_ref().map(|cursor| cursor.0.clone())
    }

    /// Rows to select: one more than the page has, so that it is known whether there is
    /// another page.
    pub fn limit_and_one(&self) -> i64 {
        self.limit() + 1
    }

    fn limit(&self) -> i64 {
        self.limit.map_or(DEFAULT_ROWS, BoundedInteger::get)
    }

    /// Truncates the rows to the page. Returns the cursor of the next page, which is that of
    /// the last row, if there were more.
    pub fn split_next_cursor<R>(
        &self,
        rows: &mut Vec<R>,
        cursor: impl Fn(&R) -> String,
    ) -> Option<String> {
        let limit = usize::try_from(self.limit()).unwrap_or(usize::MAX);
        if rows.len() <= limit {
            return None;
        }
        rows.truncate(limit);
        rows.last().map(cursor)
    }
}

/// A value of `next_cursor`: an id.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<I>(pub I);

impl<'de, I: FromStr> Deserialize<'de> for Cursor<I> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let id = text.parse().ok();
        id.map(Self)
            .ok_or_else(|| de::Error::custom("it is not a value of `next_cursor`"))
    }
}

impl<I> JsonSchema for Cursor<I> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Cursor".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// The parameters for the format of rows.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct FormatQuery {
    /// json by default.
    format: Option<Format>,
    /// Whether CSV begins with a byte order mark, which Excel needs to read UTF-8.
    #[schemars(extend("default" = false))]
    bom: Option<bool>,
}

impl QueryParameters for FormatQuery {}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    Json,
    Csv,
}

impl FormatQuery {
    /// `None` if the request asks for JSON.
    pub fn csv(&self) -> Option<Csv> {
        (self.format == Some(Format::Csv)).then(|| Csv::new(self.bom == Some(true)))
    }
}
