//! Destination templates and their macros.

mod preview;

use serde_json::json;

use crate::{
    auth::Scope,
    error::{ApiError, CodedField},
    http::Operation,
};
use preview::{MacroPreview, preview_macros};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::post("/macros/preview", preview_macros)
            .changes_nothing()
            .scope(Scope::Offers)
            .tag("macros")
            .summary("Preview a destination template")
            .description(
                "Expands the template with sample values, which are given by the names of the \
                 macros without braces, as a click would: encoded, once, and with the parameters \
                 that are appended. `url` is null if the template has an error.",
            )
            .request_examples([json!({
                "template": "https://example.com/lp?c={click_id}&s={sub1}&x={clickid}",
                "values": { "click_id": "01a11d5c-1e7b-7123-8123-456789abcdef", "sub1": "a b" },
            })])
            .required_fields(["template"])
            .response::<MacroPreview>(200, MacroPreview::example())
            .errors([ApiError::MissingField(CodedField::Template)]),
    ]
}
