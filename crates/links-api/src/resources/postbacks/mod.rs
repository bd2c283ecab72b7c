//! Setting up postbacks: the networks that are known, the URL to paste into one, and what a
//! postback would be read as. And the log of those that arrived.

pub mod endpoints;
mod log;
mod presets;
mod template;
mod trial;

use serde_json::json;

use crate::{
    auth::Scope,
    error::ApiError,
    http::{Content, Operation},
    state::PoolKind,
};
use log::{Postbacks, list_postbacks, list_postbacks_without_account};
use presets::{Presets, list_presets};
use template::{PostbackTemplate, get_template};
use trial::{PostbackTrial, test_postback};

pub fn operations() -> Vec<Operation> {
    let invalid = || ApiError::invalid_field("preset", "there is no such preset");
    let log = [
        Operation::get("/postbacks", list_postbacks)
            .scope(Scope::Offers)
            .summary("List postbacks")
            .description(
                "The postbacks of the last 7 days that arrived at the redirectors, also refused \
                 ones, from the newest: what was understood, what was ignored, and what became \
                 of them. They appear a few seconds after they arrived.",
            ),
        Operation::get("/postbacks/without-account", list_postbacks_without_account)
            .scope(Scope::Admin)
            .summary("List postbacks without an account")
            .description(
                "For operators: the postbacks whose account nobody knows, since neither a link, \
                 an offer or a click nor the host or an `account_id` names it.",
            ),
    ]
    .map(|operation| {
        operation
            .response::<Postbacks>(200, Postbacks::example())
            .response_with_content(200, "Success", Content::Bytes("text/csv"))
            .pool(PoolKind::Exports)
    });
    let setup = [
        Operation::get("/postbacks/presets", list_presets)
            .summary("List presets of postbacks")
            .description(
                "The networks, trackers and shops whose names and values are known. A preset is \
                 chosen by the `postback_mapping` of an account or offer, by the parameter \
                 `preset`, or by the path `/api/postbacks/<preset>` at a redirector.",
            )
            .response::<Presets>(200, Presets::example()),
        Operation::get("/postbacks/template", get_template)
            .summary("Get the postback URL for a network")
            .description(
                "The URL to paste into the network, with the network's own macros. It names the \
                 account; add a `token` where the account or offer requires one. Without a `host` \
                 it is at the account's short domain.",
            )
            .response::<PostbackTemplate>(200, PostbackTemplate::example())
            .errors([invalid(), ApiError::NotFound("offer")]),
        Operation::post("/postbacks/test", test_postback)
            .changes_nothing()
            .summary("Explain a postback")
            .description(
                "What a postback would be read as by the mappings of the account and of the offer \
                 that it is for. Nothing is stored, and no secret is checked.",
            )
            .request_examples([json!({
                "url": "https://go.example.com/conv?cid=01a11d5c1e7b71238123456789abcdef\
                        &order_id=A-17&payout=%2412.50&status=approved&adv=7",
            })])
            .required_fields(["url"])
            .response::<PostbackTrial>(200, PostbackTrial::example())
            .errors([
                ApiError::invalid_field("url", "it is required"),
                ApiError::NotFound("offer"),
                ApiError::AmbiguousOfferId,
            ]),
    ]
    .map(|operation| operation.scope(Scope::Offers));
    log.into_iter()
        .chain(setup)
        .map(|operation| operation.tag("postbacks"))
        .collect()
}
