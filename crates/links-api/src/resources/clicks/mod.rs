//! Raw clicks: exported with a cursor, and reclassified.

mod action;
mod filter;
mod list;
mod query;
mod reclassify;

use crate::{
    audit::ObjectKind,
    auth::Scope,
    error::ApiError,
    http::{Content, Operation},
    state::PoolKind,
};
use list::{Clicks, list_clicks};
use reclassify::{ReclassifyRequest, ReclassifyResponse, reclassify_clicks};

pub fn operations() -> Vec<Operation> {
    [
        Operation::get("/clicks", list_clicks)
            .scope(Scope::ReportsRead)
            .summary("Export clicks")
            .description(
                "Clicks by their time, from the oldest or from the newest, filtered by any column. \
                 Clicks that arrive late have the time at which they happened: to miss none, \
                 export up to a time that is some minutes past, or follow them by `since`.",
            )
            .response::<Clicks>(200, Clicks::example())
            .response_with_content(200, "Success", Content::Bytes("text/csv")),
        Operation::post("/clicks/reclassify", reclassify_clicks)
            .audits_many(ObjectKind::Click, "click_id")
            .scope(Scope::LinksWrite)
            .summary("Reclassify clicks")
            .description(
                "Gives the clicks of a filter another `verdict`, or applies a `rule` to them: \
                 those that match become clicks of bots, the others stay as they are. \
                 Afterwards, message clicks, credits of conversions and totals are what they \
                 would be if the verdicts had been right from the start. A request reclassifies \
                 at most 1,000 clicks, from the newest, or from the oldest for the verdict \
                 `human`, so that the credit of a conversion moves once however many requests it \
                 takes: while there is a `next_cursor`, send the request again with it as \
                 `cursor`. A verdict is final: the detection of bursts does not change it.",
            )
            .request_examples(ReclassifyRequest::examples())
            .response::<ReclassifyResponse>(200, ReclassifyResponse::example()),
    ]
    .into_iter()
    .map(|operation| {
        operation
            .pool(PoolKind::Exports)
            .tag("clicks")
            .errors([ApiError::InvalidPhone("contact_phone")])
    })
    .collect()
}
