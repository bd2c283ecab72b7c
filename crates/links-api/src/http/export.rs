//! Exports: rows by cursor, as JSON or CSV.

use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::{
    csv::Csv,
    query::{BoundedInteger, QueryParameters},
};
use crate::{enumeration::enumeration, error::ApiError};

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

    pub fn limit(&self) -> i64 {
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

enumeration! {
    pub enum OrderDirection {
        Descending = "desc",
        Ascending = "asc",
    }
}

/// The parameters for the order of rows that have a time and a place in the order of storage.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct OrderQuery {
    /// By time, from the oldest row (asc, by default) or from the newest.
    order: Option<OrderDirection>,
    /// Rows in the order in which they were stored, instead of that of their time: `start` for all
    /// of them, `now` for none but those to come, or `next_cursor` of the answer before. Such an
    /// answer always has a `next_cursor`; `has_more` is false if it has the last row that is stored.
    since: Option<Since>,
}

impl QueryParameters for OrderQuery {}

/// The rows of a page, in one of two orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOrder<I> {
    /// Behind the row with an id.
    Time(OrderDirection, Option<I>),
    /// Of storage.
    Storage(Since),
}

impl OrderQuery {
    /// Fails if the parameters ask for two orders.
    pub fn row_order<I: Clone>(&self, export: &ExportQuery<I>) -> Result<RowOrder<I>, ApiError> {
        let (direction, cursor) = (self.order, export.cursor());
        let Some(since) = self.since else {
            let direction = direction.unwrap_or(OrderDirection::Ascending);
            return Ok(RowOrder::Time(direction, cursor));
        };
        let problem = if cursor.is_some() {
            "it must not be given together with `cursor`"
        } else if direction.is_some() {
            "it must not be given together with `order`"
        } else {
            return Ok(RowOrder::Storage(since));
        };
        Err(ApiError::invalid_field("since", problem))
    }
}

/// Where rows in the order of storage begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Behind the row with this number. The numbers begin with 1.
    Row(i64),
    /// Behind all rows that are stored.
    Now,
}

impl Since {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "start" => Some(Self::Row(0)),
            "now" => Some(Self::Now),
            number => {
                let number = number.parse().ok().filter(|number| *number >= 0);
                number.map(Self::Row)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Since {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let problem =
            "it is neither start nor now nor a value of `next_cursor` of rows since a row";
        Self::parse(&text).ok_or_else(|| de::Error::custom(problem))
    }
}

impl JsonSchema for Since {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Since".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::http::query::from_query;

    #[rstest]
    #[case("", Some(RowOrder::Time(OrderDirection::Ascending, None)))]
    #[case("order=desc", Some(RowOrder::Time(OrderDirection::Descending, None)))]
    #[case("cursor=7", Some(RowOrder::Time(OrderDirection::Ascending, Some(7))))]
    #[case("since=start", Some(RowOrder::Storage(Since::Row(0))))]
    #[case("since=now", Some(RowOrder::Storage(Since::Now)))]
    #[case("since=42", Some(RowOrder::Storage(Since::Row(42))))]
    #[case("since=-1", None)]
    #[case("since=2026-03-01", None)]
    #[case("since=1&order=asc", None)]
    #[case("since=1&cursor=7", None)]
    fn rows_have_one_order(#[case] query: &str, #[case] expected: Option<RowOrder<i64>>) {
        let export: ExportQuery<i64> = from_query(query).unwrap();
        let order = from_query::<OrderQuery>(query);
        let order = order.and_then(|order| order.row_order(&export));
        assert_eq!(order.ok(), expected);
    }
}
