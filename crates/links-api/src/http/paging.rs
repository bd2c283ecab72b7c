//! Pages of lists: which one a request asks for, and how the response describes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::query::{BoundedInteger, QueryParameters};

pub const MAX_PAGE: u32 = 1_000_000;
pub const MAX_PER_PAGE: u32 = 100;

/// The parameters of a list: a page has `DEFAULT_SIZE` entries unless the request says
/// otherwise.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PageQuery<const DEFAULT_SIZE: u32> {
    /// Which page, from 1.
    #[schemars(extend("minimum" = 1, "maximum" = MAX_PAGE, "default" = 1))]
    page: Option<BoundedInteger<1, { MAX_PAGE as i64 }>>,
    /// Entries on a page.
    #[schemars(extend("minimum" = 1, "maximum" = MAX_PER_PAGE, "default" = DEFAULT_SIZE))]
    per_page: Option<BoundedInteger<1, { MAX_PER_PAGE as i64 }>>,
}

impl<const DEFAULT_SIZE: u32> QueryParameters for PageQuery<DEFAULT_SIZE> {}

impl<const DEFAULT_SIZE: u32> PageQuery<DEFAULT_SIZE> {
    pub fn page(&self) -> PageRequest {
        PageRequest {
            number: self.page.map_or(1, BoundedInteger::get),
            size: self.per_page.map_or(DEFAULT_SIZE, BoundedInteger::get),
        }
    }
}

/// The page that a request asks for.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest {
    /// From 1.
    pub number: u32,
    /// Most entries on the page.
    pub size: u32,
}

impl PageRequest {
    pub fn limit(self) -> i64 {
        i64::from(self.size)
    }

    pub fn offset(self) -> i64 {
        i64::from(self.number - 1) * self.limit()
    }
}

/// Where a page stands among all entries, as the v2 API writes it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pagination {
    page: u32,
    per_page: u32,
    total: i64,
    total_pages: i64,
}

impl Pagination {
    /// `total` is the number of all entries.
    pub fn new(page: PageRequest, total: i64) -> Self {
        Self {
            page: page.number,
            per_page: page.size,
            total,
            total_pages: (total + page.limit() - 1) / page.limit(),
        }
    }
}

/// Where a page stands among all entries, as the affiliate API writes it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Meta")]
pub struct AffiliatePageMeta {
    page: u32,
    per_page: u32,
    total: i64,
}

impl AffiliatePageMeta {
    /// `total` is the number of all entries.
    pub fn new(page: PageRequest, total: i64) -> Self {
        Self {
            page: page.number,
            per_page: page.size,
            total,
        }
    }
}
