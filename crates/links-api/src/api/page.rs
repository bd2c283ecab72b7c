//! Paging.

use schemars::JsonSchema;
use serde::Serialize;

use super::Call;
use crate::error::ApiError;

pub const MAX_PAGE: u32 = 1_000_000;
pub const MAX_PER_PAGE: u32 = 100;

/// Which entries of a list are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    pub page: u32,
    pub per_page: u32,
}

/// Surface A's form of what there is besides the page.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pagination {
    page: u32,
    per_page: u32,
    total: i64,
    total_pages: i64,
}

impl Page {
    pub fn read(call: &Call<'_>, default_per_page: u32) -> Result<Self, ApiError> {
        let page = call.integer("page", 1..=i64::from(MAX_PAGE))?;
        let per_page = call.integer("per_page", 1..=i64::from(MAX_PER_PAGE))?;
        let or =
            |value: Option<i64>, default| value.and_then(|v| v.try_into().ok()).unwrap_or(default);
        Ok(Self {
            page: or(page, 1),
            per_page: or(per_page, default_per_page),
        })
    }

    pub fn limit(self) -> i64 {
        i64::from(self.per_page)
    }

    pub fn offset(self) -> i64 {
        i64::from(self.page - 1) * i64::from(self.per_page)
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
