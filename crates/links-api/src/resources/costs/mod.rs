//! What traffic costs, as accounts import it. Reports multiply it with clicks and conversions.

mod body;
mod handlers;
mod object;
mod row;
mod targets;
mod time;

use crate::{
    audit::ObjectKind,
    auth::Scope,
    error::{ApiError, InvalidRow, RowFailure},
    http::Operation,
};
use body::{CostImportBody, MAX_ROWS};
use handlers::{CostImportResult, DeletedCost, MAX_COSTS, delete_cost, import_costs, list_costs};
use object::Costs;

pub fn operations() -> Vec<Operation> {
    let invalid_row = || InvalidRow {
        row: 2,
        failure: RowFailure::from(&ApiError::invalid_field("model", row::NOT_A_MODEL)),
    };
    vec![
        Operation::get("/costs", list_costs)
            .scope(Scope::ReportsRead)
            .summary("List costs")
            .description("Those that begin last come first.")
            .response::<Costs>(200, Costs::example()),
        Operation::post("/costs/import", import_costs)
            .audits_many(ObjectKind::Cost, "id")
            .scope(Scope::CostsWrite)
            .summary("Import costs")
            .description(
                "Up to 10,000 rows: a JSON array, newline-delimited JSON \
                 (`application/x-ndjson`), or CSV (`text/csv`) with a line of names. Each row is \
                 the price of the traffic of one link, offer, list or campaign for a time: `cpc` \
                 for each click that is not a suspected bot's, `cpa` for each conversion, \
                 `per_day` for each day. A row of the same target, model, time and currency as a \
                 stored cost replaces its amount, so a file can be imported again; costs that \
                 overlap otherwise add up. If any row is not valid, nothing is stored, and the \
                 error lists the first 100 of those rows. An account has at most 100,000 costs.",
            )
            .request_examples([CostImportBody::example()])
            .response::<CostImportResult>(200, CostImportResult::example())
            .errors([
                ApiError::UnsupportedMediaType,
                ApiError::InvalidCsv("invalid utf-8 sequence of 1 bytes from index 7".into()),
                ApiError::TooManyRows(MAX_ROWS),
                ApiError::InvalidRows(vec![invalid_row()]),
                ApiError::TooManyCosts(MAX_COSTS),
            ]),
        Operation::delete("/costs/{cost_id}", delete_cost)
            .audits_change(ObjectKind::Cost, "/id")
            .scope(Scope::CostsWrite)
            .summary("Delete a cost")
            .description("Reports of all times are without it at once.")
            .response::<DeletedCost>(200, DeletedCost::example())
            .errors([ApiError::NotFound("cost")]),
    ]
    .into_iter()
    .map(|operation| operation.tag("costs"))
    .collect()
}
