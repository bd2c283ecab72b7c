//! Multiplying prices with the clicks and conversions of the totals.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use tokio_postgres::types::ToSql;

use super::{CostByKey, KindQuery, part::DayPart};
use crate::{
    error::ApiError,
    resources::reports::{
        breakdown::{Breakdown, BreakdownClauses},
        fetch::{FromClause, Granularity, fetch, from_clause},
        filters::Filters,
        request::ReportRequest,
        source::Source,
        statuses::CountedColumns,
    },
};

/// Adds what clicks and conversions cost to the rows to which these belong.
pub async fn add_priced(
    query: &KindQuery<'_>,
    parts: &[DayPart<'_>],
    sums: &mut CostByKey,
) -> Result<(), ApiError> {
    let mut groups = query.breakdown.groups();
    groups.push(query.kind.group());
    let source = Source::select_all(&query.request.filters, &groups);
    let result = "x.row_key,
        round(sum(p.per_click * (x.clicks - x.costed_clicks) + p.share * x.clicks
                  + p.per_conversion * x.conversions), 12) AS cost";
    let rows = select(
        query,
        query.request,
        source,
        query.breakdown,
        parts,
        (result, "x.row_key"),
    );
    for row in rows.await? {
        *sums.entry(row.get("row_key")).or_default() += row.get::<_, Decimal>("cost");
    }
    Ok(())
}

/// The clicks of the target in each part.
pub async fn count_clicks(
    query: &KindQuery<'_>,
    parts: &[DayPart<'_>],
) -> Result<Vec<i64>, ApiError> {
    let mut clicks = vec![0; parts.len()];
    let request = ReportRequest {
        filters: Filters::default(),
        ..query.request.clone()
    };
    let source = Source::select_all(&request.filters, &[query.kind.group()]);
    let result = "p.number, sum(x.clicks)::bigint AS clicks";
    let breakdown = Breakdown::Whole;
    let rows = select(
        query,
        &request,
        source,
        breakdown,
        parts,
        (result, "p.number"),
    );
    for row in rows.await? {
        // Parts are numbered from 1.
        let number: i64 = row.get("number");
        let index = usize::try_from(number - 1).ok();
        if let Some(n) = index.and_then(|index| clicks.get_mut(index)) {
            *n = row.get("clicks");
        }
    }
    Ok(clicks)
}

/// Joins the totals `x` with parts `p`. A click counts if it is not a suspected bot's.
async fn select(
    query: &KindQuery<'_>,
    request: &ReportRequest,
    source: Source,
    breakdown: Breakdown<'_>,
    parts: &[DayPart<'_>],
    (result, group_by): (&str, &str),
) -> Result<Vec<tokio_postgres::Row>, ApiError> {
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let FromClause { sql, n_parameters } = from_clause(source, &request.filters);
    let clauses = breakdown.clauses(source, n_parameters + 1);
    let mut parameters = clauses.parameters();
    let first = n_parameters + 1 + parameters.len();
    let columns = PartColumns::from_parts(parts);
    parameters.extend(columns.parameters());
    let BreakdownClauses {
        row_key, condition, ..
    } = &clauses;
    let target = source.value(query.kind.group());
    let (clicks, costed_clicks) = match source {
        Source::Events => ("0", "0"),
        Source::Rollup(_) | Source::Links | Source::Facts | Source::Values(_) => {
            ("t.clicks - t.bot_clicks", "t.costed_clicks")
        }
    };
    let CountedColumns { conversions, .. } = request.statuses.columns();
    let arrays = [
        "text",
        "timestamptz",
        "timestamptz",
        "timestamptz",
        "numeric",
        "numeric",
        "numeric",
    ];
    let arrays: Vec<_> = (first..)
        .zip(arrays)
        .map(|(number, array)| format!("${number}::{array}[]"))
        .collect();
    let sql = format!(
        "SELECT {result}
         FROM (
             SELECT {row_key} AS row_key, {target}::text AS target, t.bucket,
                    date_trunc('day', t.bucket, 'UTC') AS day,
                    {clicks} AS clicks, {costed_clicks} AS costed_clicks,
                    {conversions} AS conversions
             {sql}
               {condition}
         ) AS x
         JOIN unnest({}) WITH ORDINALITY
             AS p (target, day, starts_at, ends_at, per_click, share, per_conversion, number)
             ON p.target = x.target
             AND p.day = x.day
             AND x.bucket >= p.starts_at
             AND x.bucket < p.ends_at
         WHERE $4::text IS NOT NULL
         GROUP BY {group_by}",
        arrays.join(", ")
    );
    let granularity = match breakdown.granularity() {
        Granularity::DailyRows if parts.iter().all(|part| is_whole_day(part, request)) => {
            Granularity::DailyRows
        }
        _ => Granularity::QuarterHourRows,
    };
    fetch(
        query.context,
        request,
        source,
        granularity,
        &sql,
        &parameters,
    )
    .await
}

/// Whether a part has all of its day that is in the period.
fn is_whole_day(part: &DayPart<'_>, request: &ReportRequest) -> bool {
    let time = &part.time;
    let next_day = time.day.saturating_add(SignedDuration::from_hours(24));
    (time.starts_at == time.day || time.starts_at == request.period.from)
        && (next_day.is_ok_and(|next_day| next_day == time.ends_at)
            || time.ends_at == request.period.to)
}

/// Parts as arrays of columns, the parameters of a statement.
struct PartColumns<'p> {
    targets: Vec<&'p str>,
    days: Vec<Timestamp>,
    starts: Vec<Timestamp>,
    ends: Vec<Timestamp>,
    per_click: Vec<Decimal>,
    shares: Vec<Decimal>,
    per_conversion: Vec<Decimal>,
}

impl<'p> PartColumns<'p> {
    fn from_parts(parts: &'p [DayPart<'_>]) -> Self {
        Self {
            targets: parts.iter().map(|p| p.cost.target.id.as_str()).collect(),
            days: parts.iter().map(|part| part.time.day).collect(),
            starts: parts.iter().map(|part| part.time.starts_at).collect(),
            ends: parts.iter().map(|part| part.time.ends_at).collect(),
            per_click: parts.iter().map(|part| part.prices.per_click).collect(),
            shares: parts.iter().map(|part| part.prices.share).collect(),
            per_conversion: parts.iter().map(|p| p.prices.per_conversion).collect(),
        }
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 7] {
        [
            &self.targets,
            &self.days,
            &self.starts,
            &self.ends,
            &self.per_click,
            &self.shares,
            &self.per_conversion,
        ]
    }
}
