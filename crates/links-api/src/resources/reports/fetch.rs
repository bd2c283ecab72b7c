//! The SQL that all reports have in common.

use jiff::{SignedDuration, Timestamp};
use ledger::{
    facts::{facts, facts_of_periods},
    totals::day_start,
};
use postgres::pool::GenericClient as _;
use tokio_postgres::{Row, types::ToSql};

use super::{
    filters::{Condition, Filters},
    group::Group,
    period::Period,
    request::ReportRequest,
    source::Source,
    statuses::CountedColumns,
};
use crate::{error::ApiError, http::RequestContext};

/// Whether the rows of whole days can be read, or only those of quarters of an hour because a
/// row of the report does not consist of whole days by UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    DailyRows,
    QuarterHourRows,
}

impl Granularity {
    /// The midnights (UTC) between which rows of whole days are read; the same moment if none
    /// are.
    fn whole_days(self, period: &Period) -> (Timestamp, Timestamp) {
        let Period { from, to, .. } = *period;
        let almost_a_day = SignedDuration::from_hours(24) - SignedDuration::from_millis(1);
        let first = day_start(from.saturating_add(almost_a_day).unwrap_or(from));
        match self {
            Self::DailyRows if first < day_start(to) => (first, day_start(to)),
            Self::DailyRows | Self::QuarterHourRows => (to, to),
        }
    }
}

/// `$1` to `$10` are account, from, to, currency and the filters that both tables have, `$11`
/// is the dimension, `$12` and `$13` are the midnights of [`Granularity::whole_days`], `$14` is
/// the key of the rows if the filter is on their only dimension, and `$15` the offer that their
/// key begins with.
const FROM_TOTALS: &str = "
    FROM (
        SELECT * FROM totals
        WHERE account_id = $1 AND span = 'quarter' AND dimension = $11
          AND ($14::text IS NULL OR key = $14)
          AND ($15::text IS NULL OR (key > $15 || '|' AND key < $15 || '}'))
          AND bucket >= $2 AND bucket < $12
        UNION ALL
        SELECT * FROM totals
        WHERE account_id = $1 AND span = 'day' AND dimension = $11
          AND ($14::text IS NULL OR key = $14)
          AND ($15::text IS NULL OR (key > $15 || '|' AND key < $15 || '}'))
          AND bucket >= $12 AND bucket < $13
        UNION ALL
        SELECT * FROM totals
        WHERE account_id = $1 AND span = 'quarter' AND dimension = $11
          AND ($14::text IS NULL OR key = $14)
          AND ($15::text IS NULL OR (key > $15 || '|' AND key < $15 || '}'))
          AND bucket >= $13 AND bucket < $3
    ) AS t
    WHERE true
";

/// `$11` are links, `$12` is a message; `$1` to `$10` are those of `FROM_TOTALS`.
const FROM_LINKS: &str = "
    FROM link_totals t
    JOIN links l ON l.id = t.link_key
    WHERE t.account_id = $1
      AND t.bucket >= $2
      AND t.bucket < $3
      AND ($11::bigint[] IS NULL OR t.link_key = ANY ($11))
      AND ($12::text IS NULL OR t.link_key IN (
          SELECT id FROM links WHERE account_id = $1 AND message_id = $12
      ))
";

/// `$1` to `$12` are those of `FROM_LINKS`.
const FROM_EVENTS: &str = "
    FROM event_totals t
    LEFT JOIN links l ON l.id = t.link_key
    WHERE t.account_id = $1
      AND t.bucket >= $2
      AND t.bucket < $3
      AND ($11::bigint[] IS NULL OR t.link_key = ANY ($11))
      AND ($12::text IS NULL OR t.link_key IN (
          SELECT id FROM links WHERE account_id = $1 AND message_id = $12
      ))
";

/// `$11` are links, `$12` is a message; `$1` to `$10` are those of `FROM_TOTALS`.
fn from_facts() -> String {
    format!(
        "FROM ({}) AS t
         WHERE ($11::bigint[] IS NULL OR t.link_key = ANY ($11))
           AND ($12::text IS NULL OR t.message_id = $12)",
        facts()
    )
}

/// `$1` to `$4` are account, from, to and currency, `$5` is the dimension, and `$6` and `$7` are
/// the midnights of [`Granularity::whole_days`]. What lies between the days whose sums are
/// current is read from the facts.
fn from_values(group: Group) -> String {
    format!(
        "FROM (
            WITH current_day AS MATERIALIZED (
                SELECT day, version
                FROM value_total_days
                WHERE account_id = $1 AND state = 'current' AND day >= $6 AND day < $7
            ),
            period AS MATERIALIZED (
                SELECT starts_at, ends_at
                FROM (
                    SELECT sums_end AS starts_at,
                           lead(sums_start, 1, $3::timestamptz) OVER (ORDER BY sums_start, sums_end) AS ends_at
                    FROM (
                        SELECT day AS sums_start, day + interval '24 hours' AS sums_end
                        FROM current_day
                        UNION ALL
                        SELECT $2::timestamptz, $2::timestamptz
                    ) AS summed
                ) AS between_days
                WHERE starts_at < ends_at
            )
            SELECT t.bucket, {}::text AS value, t.currency, t.clicks, t.unique_clicks,
                   t.bot_clicks, t.confirmed_clicks, t.click_cost, t.conversions,
                   t.pending_conversions, t.revenue, t.pending_revenue
            FROM ({}) AS t
            UNION ALL
            SELECT v.day, v.value, v.currency, v.clicks, v.unique_clicks, v.bot_clicks,
                   v.confirmed_clicks, v.click_cost, v.conversions, v.pending_conversions,
                   v.revenue, v.pending_revenue
            FROM value_totals v
            JOIN current_day USING (day, version)
            WHERE v.account_id = $1 AND v.dimension = $5 AND v.day >= $6 AND v.day < $7
        ) AS t
        WHERE true",
        Source::Facts.row_key(group),
        facts_of_periods()
    )
}

/// The tables of a query with their conditions.
pub struct FromClause {
    pub sql: String,
    /// The parameters that it has; further ones have higher numbers.
    pub n_parameters: usize,
}

/// The dimensions of the filters on one value, with the types of their parameters, from `$5` on.
const FILTERED: [(Group, &str); 6] = [
    (Group::Offer, "text"),
    (Group::List, "bigint"),
    (Group::Creative, "bigint"),
    (Group::Campaign, "text"),
    (Group::Country, "text"),
    (Group::Device, "text"),
];

/// The conditions of the filters on several values follow those that the tables have.
pub fn from_clause(source: Source, filters: &Filters) -> FromClause {
    let (sql, mut n_parameters) = match source {
        Source::Rollup(_) => (FROM_TOTALS.to_owned(), 15),
        Source::Links => (FROM_LINKS.to_owned(), 12),
        Source::Events => (FROM_EVENTS.to_owned(), 12),
        Source::Facts => (from_facts(), 12),
        // It is not read with filters.
        Source::Values(group) => {
            return FromClause {
                sql: from_values(group),
                n_parameters: 7,
            };
        }
    };
    let mut from = FromClause { sql, n_parameters };
    for (number, (group, sql_type)) in (5..).zip(FILTERED) {
        let value = source.value(group);
        let condition = format!("AND (${number}::{sql_type} IS NULL OR {value} = ${number})");
        from.sql.push_str(&format!("\n      {condition}"));
    }
    for condition in &filters.conditions {
        n_parameters += 1;
        let condition = condition_sql(condition, source, n_parameters);
        from.sql.push_str(&format!("\n      {condition}"));
    }
    from.n_parameters = n_parameters;
    from
}

/// A condition as SQL with the parameter `number`, an array of texts.
fn condition_sql(condition: &Condition, source: Source, number: usize) -> String {
    let column = source.value(condition.group);
    let is_one = match condition.group {
        Group::BotReason | Group::BotRule => format!(
            "CASE cardinality({column}) WHEN 0 THEN ARRAY[''] ELSE {column} END
             && ${number}::text[]"
        ),
        _ => format!("coalesce({column}::text, '') = ANY (${number}::text[])"),
    };
    match condition.is_excluded {
        true => format!("AND NOT ({is_one})"),
        false => format!("AND ({is_one})"),
    }
}

/// The columns that `RowCounts` are made of. In rows of offers, a message counts as a send of
/// each of its offers, and elsewhere once.
pub fn measures(request: &ReportRequest, source: Source, groups: &[Group]) -> String {
    let filters = &request.filters;
    let is_about = |group| groups.contains(&group) || filters.has_condition_on(group);
    let is_of_offers = is_about(Group::Offer);
    // A send has no campaign, country or device.
    let has_no_sends = [Group::Campaign, Group::Country, Group::Device]
        .into_iter()
        .any(is_about);
    let [sends, delivered, failed] = match source {
        _ if has_no_sends => ["0", "0", "0"].map(str::to_owned),
        Source::Events | Source::Facts | Source::Values(_) => ["0", "0", "0"].map(str::to_owned),
        Source::Links => sends_of_links(),
        Source::Rollup(_) => {
            let counted = if is_of_offers { "sends" } else { "messages" };
            [
                format!("sum(t.{counted})"),
                format!("sum(t.delivered_{counted})"),
                format!("sum(t.failed_{counted})"),
            ]
        }
    };
    let CountedColumns {
        conversions,
        revenue,
    } = request.statuses.columns();
    format!(
        "coalesce({sends}, 0)::bigint AS sends,
         coalesce({delivered}, 0)::bigint AS delivered,
         coalesce({failed}, 0)::bigint AS failed,
         coalesce(sum(t.clicks), 0)::bigint AS clicks,
         coalesce(sum(t.unique_clicks), 0)::bigint AS unique_clicks,
         coalesce(sum(t.bot_clicks), 0)::bigint AS bot_clicks,
         coalesce(sum(t.confirmed_clicks), 0)::bigint AS confirmed_clicks,
         coalesce(sum(t.click_cost) FILTER (WHERE t.currency = $4), 0) AS click_cost,
         coalesce(sum({conversions}), 0)::bigint AS conversions,
         coalesce(sum({revenue}) FILTER (WHERE t.currency = $4), 0) AS revenue"
    )
}

/// Sends, delivered and failed messages of links. A message with several links counts once; a
/// link that belongs to no message has a send for each message that it was sent in. A message
/// of several links is delivered or failed with all of them.
fn sends_of_links() -> [String; 3] {
    let sends = "(count(DISTINCT l.message_id) FILTER (WHERE t.sends > 0)
                  + coalesce(sum(t.sends) FILTER (WHERE l.message_id IS NULL), 0))";
    let at_most_all = |column: &str| format!("least(sum(t.{column}), {sends})");
    [
        sends.to_owned(),
        at_most_all("delivered_sends"),
        at_most_all("failed_sends"),
    ]
}

/// Runs a query on a [`from_clause`]. Its parameters are followed by `extra_parameters`.
pub async fn fetch(
    context: RequestContext<'_>,
    request: &ReportRequest,
    source: Source,
    granularity: Granularity,
    sql: &str,
    extra_parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, ApiError> {
    let account_id = context.caller.account_id.0;
    let filters = &request.filters;
    let (first_day, end_of_days) = granularity.whole_days(&request.period);
    let (key, key_start) = match source {
        Source::Rollup(dimension) => (filters.key_of(dimension), filters.key_start_of(dimension)),
        Source::Links | Source::Events | Source::Facts | Source::Values(_) => (None, None),
    };
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![
        &account_id,
        &request.period.from,
        &request.period.to,
        &request.currency,
    ];
    let value_filters: [&(dyn ToSql + Sync); 6] = [
        &filters.offer_id,
        &filters.list_id,
        &filters.creative_id,
        &filters.campaign_id,
        &filters.country,
        &filters.device,
    ];
    match &source {
        Source::Values(group) => {
            parameters.extend([group as &(dyn ToSql + Sync), &first_day, &end_of_days]);
        }
        Source::Rollup(dimension) => {
            parameters.extend(value_filters);
            parameters.extend([
                dimension as &(dyn ToSql + Sync),
                &first_day,
                &end_of_days,
                &key,
                &key_start,
            ]);
        }
        Source::Links | Source::Events | Source::Facts => {
            parameters.extend(value_filters);
            parameters.extend([
                &filters.link_keys as &(dyn ToSql + Sync),
                &filters.message_id,
            ]);
        }
    }
    let conditions = filters.conditions.iter();
    parameters.extend(conditions.map(|condition| &condition.values as &(dyn ToSql + Sync)));
    parameters.extend(extra_parameters);
    let statement = context.db.prepare_cached(sql).await?;
    Ok(context.db.query(&statement, &parameters).await?)
}
