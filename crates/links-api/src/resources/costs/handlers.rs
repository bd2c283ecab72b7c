//! The handlers of costs.

use std::collections::BTreeMap;

use domain::conversion::DEFAULT_CURRENCY;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    body::CostImportBody,
    object::{CostObject, Costs},
    row::ValidRow,
    targets::Targets,
};
use crate::{
    db::{
        accounts,
        costs::{self, CostFields, CostTargetKind},
    },
    enumeration::Enumeration as _,
    error::{ApiError, RowFailure, all_valid},
    fields::{ids::CostId, moment::parse_zone},
    http::{ListPage, PageQuery, QueryParameters, RequestContext, Response, success_body},
};

/// Limit of an account's costs, since each report looks for those of its period.
pub const MAX_COSTS: i64 = 100_000;

#[derive(Debug, Deserialize, JsonSchema)]
pub struct CostsQuery {
    /// Only costs of this kind of target.
    target: Option<CostTargetKind>,
}

impl QueryParameters for CostsQuery {}

#[derive(Debug, Deserialize, JsonSchema)]
pub struct CostImportQuery {
    /// The time zone of days, as in America/New_York. UTC by default.
    tz: Option<String>,
}

impl QueryParameters for CostImportQuery {}

/// What became of the rows of an import.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CostImportResult {
    created: usize,
    /// Costs that were there, with another amount.
    updated: usize,
    unchanged: usize,
}

impl CostImportResult {
    pub fn example() -> Value {
        json!({ "created": 1, "updated": 0, "unchanged": 0 })
    }
}

success_body! {
    #[schemars(rename = "DeletedCost")]
    pub struct DeletedCost { deleted }
}

pub async fn list_costs(
    context: RequestContext<'_>,
    page: PageQuery<50>,
    query: CostsQuery,
) -> Result<Response, ApiError> {
    let page = page.page();
    let account_id = context.caller.account_id;
    let (rows, total) = costs::select_page(context.db, account_id, query.target, page).await?;
    Response::ok(&Costs {
        costs: rows.into_iter().map(Into::into).collect(),
        page: ListPage::new(page, total),
    })
}

pub async fn import_costs(
    context: RequestContext<'_>,
    body: CostImportBody,
    query: CostImportQuery,
) -> Result<Response, ApiError> {
    let account_id = context.caller.account_id;
    let zone = parse_zone(query.tz.as_deref())?;
    let currency = accounts::find_default_currency(context.db, account_id).await?;
    let currency = currency.as_deref().unwrap_or(DEFAULT_CURRENCY);
    let rows: Vec<_> = body
        .0
        .into_iter()
        .map(|row| {
            let valid = row?.validate(&zone, currency);
            valid.map_err(|error| RowFailure::from(&error))
        })
        .collect();
    let targets = Targets::load(context.db, account_id, &rows).await?;
    let costs = rows
        .into_iter()
        .map(|row| with_target(row?, &targets))
        .collect();
    let costs = all_valid(without_repetitions(costs))?;
    let stored = costs::upsert_all(context.db, account_id, &costs, MAX_COSTS).await?;
    Response::ok(&CostImportResult {
        created: stored.n_created,
        updated: stored.n_updated,
        unchanged: costs.len() - stored.n_created - stored.n_updated,
    })
}

fn with_target(row: ValidRow, targets: &Targets) -> Result<CostFields, RowFailure> {
    Ok(CostFields {
        target: targets.find(&row)?,
        range: row.range,
        currency: row.currency,
    })
}

/// Of two rows for the same, one would replace the other: which of them is meant cannot be
/// known.
fn without_repetitions(
    rows: Vec<Result<CostFields, RowFailure>>,
) -> Vec<Result<CostFields, RowFailure>> {
    let mut first_rows = BTreeMap::new();
    let checked = (1_usize..).zip(rows).map(|(number, row)| {
        let row = row?;
        let key = (
            row.target.kind.name(),
            row.target.id.clone(),
            row.range.model,
            row.range.starts_at,
            row.range.ends_at,
            row.currency.clone(),
        );
        let first = *first_rows.entry(key).or_insert(number);
        match first == number {
            true => Ok(row),
            false => Err(RowFailure {
                code: "repeated_row",
                field: None,
                error: format!("Row {first} is for the same target, model, time and currency."),
            }),
        }
    });
    checked.collect()
}

pub async fn delete_cost(context: RequestContext<'_>, id: CostId) -> Result<Response, ApiError> {
    let account_id = context.caller.account_id;
    if let Some(cost) = costs::find(context.db, account_id, id).await? {
        context.audit.set_before(&CostObject::from(cost))?;
    }
    match costs::delete(context.db, account_id, id).await? {
        true => Response::ok(&DeletedCost::new()),
        false => Err(ApiError::NotFound("cost")),
    }
}
