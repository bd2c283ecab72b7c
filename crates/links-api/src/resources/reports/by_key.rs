//! Reports by link and by message, in pages: first the keys of a page are selected, then what
//! happened to them is summed up.

#![warn(clippy::indexing_slicing)]

use std::collections::HashMap;

use ledger::totals::day_start;
use postgres::pool::GenericClient as _;
use tokio_postgres::types::ToSql;

use super::{
    breakdown::Breakdown,
    counts,
    fetch::{FromClause, Granularity, fetch, from_clause},
    filters::Filters,
    group::Group,
    measures::add_measures,
    request::{DEFAULT_ROWS, ReportRequest},
    row::KeyedCounts,
    source::Source,
};
use crate::{error::ApiError, http::RequestContext};

const GRANULARITY: Granularity = Granularity::QuarterHourRows;

/// A page of rows, and the cursor of the next one.
pub async fn select(
    context: RequestContext<'_>,
    request: &ReportRequest,
) -> Result<(Vec<KeyedCounts>, Option<String>), ApiError> {
    let limit = request.limit.unwrap_or(DEFAULT_ROWS);
    let (mut keys, offset) = if is_sorted(request) {
        let offset = parse_offset(request.cursor.as_deref())?;
        let keys = select_sorted_keys(context, request, limit, offset).await?;
        (keys, Some(offset))
    } else {
        (select_keys(context, request, limit).await?, None)
    };
    let n_rows = usize::try_from(limit).unwrap_or(usize::MAX);
    let next_cursor = if keys.len() > n_rows {
        keys.truncate(n_rows);
        match offset {
            Some(offset) => Some((offset + limit).to_string()),
            None => keys.last().cloned(),
        }
    } else {
        None
    };
    let rows = select_of(context, request, &keys).await?;
    Ok((rows, next_cursor))
}

/// The rows of some links or messages, in the order of the keys.
pub async fn select_of(
    context: RequestContext<'_>,
    request: &ReportRequest,
    keys: &[String],
) -> Result<Vec<KeyedCounts>, ApiError> {
    let breakdown = Breakdown::Keys(request.group, keys);
    let counts = counts::select(context, request, breakdown).await?;
    let mut counts_by_key: HashMap<_, _> = counts.into_iter().collect();
    let mut counts: Vec<KeyedCounts> = keys
        .iter()
        .map(|key| {
            let key = Some(key.clone());
            let counts = counts_by_key.remove(&key).unwrap_or_default();
            (key, counts)
        })
        .collect();
    add_measures(context, request, breakdown, &mut counts, None).await?;
    Ok(counts)
}

/// Whether the order of rows is not that of keys, so that everything has to be summed up before
/// the first row is known.
fn is_sorted(request: &ReportRequest) -> bool {
    request.order.is_some() || request.min_clicks.is_some() || request.filters.need_clicks()
}

/// The cursor of sorted rows is the number of the rows before.
fn parse_offset(cursor: Option<&str>) -> Result<i64, ApiError> {
    let offset = cursor.map_or(Ok(0), str::parse);
    match offset {
        Ok(0..) => Ok(offset.unwrap_or_default()),
        _ => {
            let problem = "it is not a value of `next_cursor` of a report with this order";
            Err(ApiError::invalid_field("cursor", problem))
        }
    }
}

/// The keys of a page in the order of the report, and one more if there is another page.
async fn select_sorted_keys(
    context: RequestContext<'_>,
    request: &ReportRequest,
    limit: i64,
    offset: i64,
) -> Result<Vec<String>, ApiError> {
    let source = Source::select(&request.filters, Some(request.group));
    let FromClause { sql, n_parameters } = from_clause(source, &request.filters);
    let key = source.value(request.group);
    let order = match request.order {
        Some(order) => format!(
            "{}, ",
            order.sql(request.statuses, request.exchange.is_some())?
        ),
        None => String::new(),
    };
    let sql = format!(
        "SELECT {key}::text AS row_key
         {sql}
           AND {key} IS NOT NULL
           AND $4::text IS NOT NULL
         GROUP BY {key}
         HAVING sum(t.clicks) >= ${}
         ORDER BY {order}{key}
         LIMIT ${}
         OFFSET ${}",
        n_parameters + 1,
        n_parameters + 2,
        n_parameters + 3
    );
    let min_clicks = request.min_clicks.unwrap_or(0);
    let limit = limit + 1;
    let extra: [&(dyn ToSql + Sync); 3] = [&min_clicks, &limit, &offset];
    let rows = fetch(context, request, source, GRANULARITY, &sql, &extra).await?;
    Ok(rows.iter().map(|row| row.get("row_key")).collect())
}

/// The keys of a page, and one more if there is another page.
async fn select_keys(
    context: RequestContext<'_>,
    request: &ReportRequest,
    n_rows: i64,
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
    let sql = if is_sparse(context, request, n_rows).await? {
        keys_of_totals(column, &request.filters)
    } else {
        keys_of_links(column, &request.filters)
    };
    // The currency is a parameter of all queries, and must be used by each.
    let sql = format!("SELECT row_key::text FROM ({sql}) AS keys WHERE $4::text IS NOT NULL");
    let limit = n_rows + 1;
    let extra: [&(dyn ToSql + Sync); 2] = [after, &limit];
    let rows = fetch(context, request, Source::Links, GRANULARITY, &sql, &extra).await?;
    Ok(rows.iter().map(|row| row.get("row_key")).collect())
}

/// Reads all totals of the period, which are few, and sorts their keys.
fn keys_of_totals(column: &str, filters: &Filters) -> String {
    let FromClause { sql, n_parameters } = from_clause(Source::Links, filters);
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
fn keys_of_links(column: &str, filters: &Filters) -> String {
    let FromClause { sql, n_parameters } = from_clause(Source::Links, filters);
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
async fn is_sparse(
    context: RequestContext<'_>,
    request: &ReportRequest,
    n_rows: i64,
) -> Result<bool, ApiError> {
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
    let n_rows = u128::try_from(n_rows).unwrap_or(0);
    Ok(n_in_period * n_in_period < n_rows * n_all)
}
