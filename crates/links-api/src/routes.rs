//! The list of all operations. One that is missing here does not exist: neither in the
//! server nor in the OpenAPI document.

use crate::{
    accounts, affiliate_links, campaigns, clicks, contacts, conversions, creatives, domains,
    http::Operation, links, lists, macros_preview, offers, reports,
};

/// All operations of the API, in the order of the document.
pub fn operations() -> Vec<Operation> {
    [
        links::operations(),
        offers::operations(),
        lists::operations(),
        domains::operations(),
        creatives::operations(),
        macros_preview::operations(),
        affiliate_links::operations(),
        campaigns::operations(),
        reports::operations(),
        clicks::operations(),
        conversions::operations(),
        contacts::operations(),
        accounts::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
