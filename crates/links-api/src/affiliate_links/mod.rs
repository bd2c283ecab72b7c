//! Campaign links: the affiliate API, by the letter of seed affiliate-links-api.

mod create;
mod object;
mod read;
mod update;

use crate::{auth::Scope, http::Operation};

pub fn operations() -> Vec<Operation> {
    let reading = read::operations()
        .into_iter()
        .map(|operation| operation.scope(Scope::LinksRead).tag("affiliate links"));
    let writing = create::operations()
        .into_iter()
        .chain([update::operation()])
        .map(|operation| operation.scope(Scope::LinksWrite).tag("affiliate links"));
    reading.chain(writing).collect()
}
