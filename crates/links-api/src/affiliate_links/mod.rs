//! Campaign links: surface B, by the letter of seed affiliate-links-api.

mod create;
mod object;
mod read;
mod update;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    api::{Operation, Page},
    auth::Scope,
};

/// Surface B's form of what there is besides the page.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Meta {
    page: u32,
    per_page: u32,
    total: i64,
}

impl Meta {
    pub fn new(page: Page, total: i64) -> Self {
        Self {
            page: page.page,
            per_page: page.per_page,
            total,
        }
    }
}

pub fn operations() -> Vec<Operation> {
    let reading = read::operations()
        .into_iter()
        .map(|operation| operation.needs(Scope::LinksRead, "affiliate links"));
    let writing = create::operations()
        .into_iter()
        .chain([update::operation()])
        .map(|operation| operation.needs(Scope::LinksWrite, "affiliate links"));
    reading.chain(writing).collect()
}
