//! Paging.

use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::{Row, types::ToSql};

use super::RequestContext;
use crate::error::ApiError;

pub const MAX_PAGE: u32 = 1_000_000;
pub const MAX_PER_PAGE: u32 = 100;

/// Which entries of a list are asked for.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest {
    pub page: u32,
    pub per_page: u32,
}

/// What is listed.
#[derive(Debug, Clone, Copy)]
pub struct ListQuery<'a> {
    pub columns: &'a str,
    /// `FROM` and `WHERE`, with parameters from `$1` on.
    pub from: &'a str,
    pub order_by: &'a str,
}

/// The paging part of a list response of the v2 API.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pagination {
    page: u32,
    per_page: u32,
    total: i64,
    total_pages: i64,
}

impl PageRequest {
    pub fn from_request(
        context: &RequestContext<'_>,
        default_per_page: u32,
    ) -> Result<Self, ApiError> {
        let page = context.integer("page", 1..=i64::from(MAX_PAGE))?;
        let per_page = context.integer("per_page", 1..=i64::from(MAX_PER_PAGE))?;
        let or =
            |value: Option<i64>, default| value.and_then(|v| v.try_into().ok()).unwrap_or(default);
        Ok(Self {
            page: or(page, 1),
            per_page: or(per_page, default_per_page),
        })
    }

    /// The rows of the page, and the number of all there are.
    pub async fn fetch(
        self,
        context: RequestContext<'_>,
        listing: ListQuery<'_>,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<(Vec<Row>, i64), ApiError> {
        let ListQuery {
            columns,
            from,
            order_by,
        } = listing;
        let counting = format!("SELECT count(*) AS total {from}");
        let statement = context.db.prepare_cached(&counting).await?;
        let total = context.db.query_one(&statement, parameters).await?;
        let n = parameters.len();
        let sql = format!(
            "SELECT {columns} {from} ORDER BY {order_by} LIMIT ${} OFFSET ${}",
            n + 1,
            n + 2
        );
        let statement = context.db.prepare_cached(&sql).await?;
        let (limit, offset) = (self.limit(), i64::from(self.page - 1) * self.limit());
        let parameters = [parameters, &[&limit, &offset]].concat();
        let rows = context.db.query(&statement, &parameters).await?;
        Ok((rows, total.get("total")))
    }

    fn limit(self) -> i64 {
        i64::from(self.per_page)
    }

    pub fn pagination(self, total: i64) -> Pagination {
        Pagination {
            page: self.page,
            per_page: self.per_page,
            total,
            total_pages: (total + self.limit() - 1) / self.limit(),
        }
    }
}

/// The page's place among all entries, as the affiliate API writes it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Meta")]
pub struct AffiliatePageMeta {
    page: u32,
    per_page: u32,
    total: i64,
}

impl AffiliatePageMeta {
    pub fn new(page: PageRequest, total: i64) -> Self {
        Self {
            page: page.page,
            per_page: page.per_page,
            total,
        }
    }
}
