//! Reports by link and by message, in pages: first the keys of a page are selected, then what
//! happened to them is summed up.

#![warn(clippy::indexing_slicing)]

use std::collections::HashMap;

use ledger::totals::day_start;
use postgres::pool::GenericClient as _;
use tokio_postgres::types::ToSql;

use super::{
    breakdown::Breakdown,
    fetch::{FromClause, Granularity, fetch, from_clause, measures},
    group::Group,
    measures::add_measures,
    names::with_names,
    request::ReportRequest,
    row::{KeyedCounts, ReportPage, RowCounts},
    source::Source,
};
use crate::{error::ApiError, http::RequestContext};

const SOURCE: Source = Source::Links;
const GRANULARITY: Granularity = Granularity::QuarterHourRows;

pub async fn select(
    context: RequestContext<'_>,
    request: &ReportRequest,
) -> Result<ReportPage, ApiError> {
    let mut keys = select_keys(context, request).await?;
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    let next_cursor = if keys.len() > limit {
        keys.truncate(limit);
        keys.last().cloned()
    } else {
        None
    };
    let mut counts_by_key = sum_by_key(context, request, &keys).await?;
    let mut counts: Vec<KeyedCounts> = keys
        .iter()
        .map(|key| {
            let counts = counts_by_key.remove(key).unwrap_or_default();
            (Some(key.clone()), counts)
        })
        .collect();
    let breakdown = Breakdown::Keys(request.group, &keys);
    add_measures(context, request, breakdown, &mut counts, None).await?;
    Ok(ReportPage {
        rows: with_names(context, request.group, counts).await?,
        next_cursor,
    })
}

async fn sum_by_key(
    context: RequestContext<'_>,
    request: &ReportRequest,
    keys: &[String],
) -> Result<HashMap<String, RowCounts>, ApiError> {
    let FromClause { sql, n_parameters } = from_clause(SOURCE);
    let breakdown = Breakdown::Keys(request.group, keys);
    let clauses = breakdown.clauses(SOURCE, n_parameters + 1);
    let sql = format!(
        "SELECT {} AS row_key, {}
         {sql}
           {}
         GROUP BY row_key",
        clauses.row_key,
        measures(request, SOURCE, Some(request.group)),
        clauses.condition
    );
    let parameters = clauses.parameters();
    let rows = fetch(context, request, SOURCE, GRANULARITY, &sql, &parameters).await?;
    let counts = rows
        .iter()
        .map(|row| (row.get("row_key"), RowCounts::from(row)));
    Ok(counts.collect())
}

/// The keys of a page, and one more if there is another page.
async fn select_keys(
    context: RequestContext<'_>,
    request: &ReportRequest,
) -> Result<Vec<String>, ApiError> {
    let after_link: i64 = match (request.group, &request.cursor) {
        (Group::Link, Some(text)) => {
            let problem = "it is not a value of `next_cursor`";
            let key = text.parse();
            key.map_err(|_| ApiError::invalid_field("cursor", problem))?
        }
        _ => 0,
    };
    let after_message = request.cursor.clone().unwrap_or_default();
    let (column, after): (_, &(dyn ToSql + Sync)) = match request.group {
        Group::Link => ("id", &after_link),
        _ => ("message_id", &after_message),
    };
    let sql = if is_sparse(context, request).await? {
        keys_of_totals(column)
    } else {
        keys_of_links(column)
    };
    // The currency is a parameter of all queries, and must be used by each.
    let sql = format!("SELECT row_key::text FROM ({sql}) AS keys WHERE $4::text IS NOT NULL");
    let limit = request.limit + 1;
    let extra: [&(dyn ToSql + Sync); 2] = [after, &limit];
    let rows = fetch(context, request, SOURCE, GRANULARITY, &sql, &extra).await?;
    Ok(rows.iter().map(|row| row.get("row_key")).collect())
}

/// Reads all totals of the period, which are few, and sorts their keys.
fn keys_of_totals(column: &str) -> String {
    let FromClause { sql, n_parameters } = from_clause(SOURCE);
    format!(
        "SELECT DISTINCT l.{column} AS row_key
         {sql}
           AND l.{column} > ${}
         ORDER BY row_key
         LIMIT ${}",
        n_parameters + 1,
        n_parameters + 2
    )
}

/// Reads links in the order of their index until there are enough, and looks for each whether
/// it has totals in the period.
fn keys_of_links(column: &str) -> String {
    let FromClause { sql, n_parameters } = from_clause(SOURCE);
    let totals_of_link = sql
        .replace("JOIN links l ON l.id = t.link_key", "")
        .replace(
            "WHERE t.account_id = $1",
            "WHERE t.account_id = $1 AND t.link_key = l.id",
        );
    format!(
        "SELECT DISTINCT l.{column} AS row_key
         FROM links l
         CROSS JOIN LATERAL (SELECT 1 {totals_of_link} LIMIT 1) AS row
         WHERE l.account_id = $1 AND l.{column} > ${}
         ORDER BY row_key
         LIMIT ${}",
        n_parameters + 1,
        n_parameters + 2
    )
}

/// Whether so little of what happened to the account's links is in the period that reading all
/// of it takes less time than looking at one link after the other.
async fn is_sparse(context: RequestContext<'_>, request: &ReportRequest) -> Result<bool, ApiError> {
    let statement = context
        .db
        .prepare_cached(
            "SELECT coalesce(sum(clicks + sends), 0)::bigint AS n_all,
                    coalesce(sum(clicks + sends) FILTER (WHERE bucket >= $2 AND bucket < $3), 0)::bigint
                        AS n_in_period
             FROM totals
             WHERE account_id = $1 AND span = 'day' AND dimension = 'all'",
        )
        .await?;
    let account_id = context.caller.account_id.0;
    let (from, to) = (day_start(request.period.from), request.period.to);
    let row = context
        .db
        .query_one(&statement, &[&account_id, &from, &to])
        .await?;
    let n_all = u128::try_from(row.get::<_, i64>("n_all")).unwrap_or(0);
    let n_in_period = u128::try_from(row.get::<_, i64>("n_in_period")).unwrap_or(0);
    let n_rows = u128::try_from(request.limit).unwrap_or(0);
    Ok(n_in_period * n_in_period < n_rows * n_all)
}
