//! The totals, added up.

#![warn(clippy::indexing_slicing)]

use std::collections::HashMap;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use ledger::totals::day_start;
use postgres::pool::GenericClient as _;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use tokio_postgres::types::ToSql;

use super::{
    asked::{Asked, Group, Source},
    names::names,
    period::Period,
    row::{Counts, Metrics, Row, key_column, key_columns},
};
use crate::{error::ApiError, http::RequestContext};

pub struct Found {
    pub rows: Vec<Row>,
    pub next_cursor: Option<String>,
}

/// From `totals`: `$1` to `$10` are account, from, to, currency and the filters
/// that both tables have, `$11` is the dimension, `$12` and `$13` are the first
/// and the last midnight (UTC) of the whole days in between, which are read as
/// such. Without them they are the same moment. `$14` is the key of the rows, where
/// the filter is on their own dimension, `$15` the offer that it starts with.
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
    WHERE ($5::text IS NULL OR t.offer_id = $5)
      AND ($6::bigint IS NULL OR t.list_id = $6)
      AND ($7::bigint IS NULL OR t.creative_id = $7)
      AND ($8::text IS NULL OR t.campaign_id = $8)
      AND ($9::text IS NULL OR t.country = $9)
      AND ($10::text IS NULL OR t.device = $10)
";

/// From `link_totals`: `$11` are links, `$12` is a message.
const FROM_LINKS: &str = "
    FROM link_totals t
    JOIN links l ON l.id = t.link_key
    WHERE t.account_id = $1
      AND t.bucket >= $2
      AND t.bucket < $3
      AND ($5::text IS NULL OR l.offer_id = $5)
      AND ($6::bigint IS NULL OR l.list_id = $6)
      AND ($7::bigint IS NULL OR l.creative_id = $7)
      AND ($8::text IS NULL OR l.campaign_id = $8)
      AND ($9::text IS NULL OR t.country = $9)
      AND ($10::text IS NULL OR t.device = $10)
      AND ($11::bigint[] IS NULL OR t.link_key = ANY ($11))
      AND ($12::text IS NULL OR t.link_key IN (
          SELECT id FROM links WHERE account_id = $1 AND message_id = $12
      ))
";

/// What is added up. A message has a send in the row of each of its offers, and
/// counts once elsewhere.
fn measures(asked: &Asked, source: Source, group: Option<Group>) -> String {
    let filters = &asked.filters;
    let is_of_offers = group == Some(Group::Offer) || filters.offer_id.is_some();
    // Nobody is sent anything of these.
    let has_no_sends = matches!(
        group,
        Some(Group::Campaign | Group::Country | Group::Device)
    );
    let sends = match source {
        _ if has_no_sends => "0::bigint",
        Source::Links => "count(DISTINCT l.message_id) FILTER (WHERE t.sends > 0)",
        Source::Dimension(_) if is_of_offers => "sum(t.sends)::bigint",
        Source::Dimension(_) => "sum(t.messages)::bigint",
    };
    format!(
        "coalesce({sends}, 0) AS sends,
         coalesce(sum(t.clicks), 0)::bigint AS clicks,
         coalesce(sum(t.unique_clicks), 0)::bigint AS unique_clicks,
         coalesce(sum(t.bot_clicks), 0)::bigint AS bot_clicks,
         coalesce(sum(t.confirmed_clicks), 0)::bigint AS confirmed_clicks,
         coalesce(sum(t.conversions), 0)::bigint AS conversions,
         coalesce(sum(t.revenue) FILTER (WHERE t.currency = $4), 0) AS revenue"
    )
}

/// Runs a query with the parameters of its source, and more.
async fn fetch(
    context: RequestContext<'_>,
    asked: &Asked,
    source: Source,
    days: Days,
    sql: &str,
    more: &[&(dyn ToSql + Sync)],
) -> Result<Vec<tokio_postgres::Row>, ApiError> {
    let account_id = context.caller.account_id.0;
    let filters = &asked.filters;
    let (first_day, last_day) = days.of(asked);
    let (key, key_start) = match source {
        Source::Dimension(dimension) => {
            (filters.key_of(dimension), filters.key_start_of(dimension))
        }
        Source::Links => (None, None),
    };
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![
        &account_id,
        &asked.period.from,
        &asked.period.to,
        &asked.currency,
        &filters.offer_id,
        &filters.list_id,
        &filters.creative_id,
        &filters.campaign_id,
        &filters.country,
        &filters.device,
    ];
    match &source {
        Source::Dimension(dimension) => parameters.extend([
            dimension as &(dyn ToSql + Sync),
            &first_day,
            &last_day,
            &key,
            &key_start,
        ]),
        Source::Links => parameters.extend([
            &filters.link_keys as &(dyn ToSql + Sync),
            &filters.message_id,
        ]),
    }
    parameters.extend(more);
    let statement = context.db.prepare_cached(sql).await?;
    Ok(context.db.query(&statement, &parameters).await?)
}

/// Whether whole days can be read as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Days {
    Whole,
    /// They would be torn apart.
    InQuarters,
}

impl Days {
    /// The midnights between which whole days are read.
    fn of(self, asked: &Asked) -> (Timestamp, Timestamp) {
        let Period { from, to, .. } = asked.period;
        let almost_a_day = SignedDuration::from_hours(24) - SignedDuration::from_millis(1);
        let first = day_start(from.saturating_add(almost_a_day).unwrap_or(from));
        match self {
            Self::Whole if first < day_start(to) => (first, day_start(to)),
            _ => (to, to),
        }
    }
}

fn from(source: Source) -> (&'static str, usize) {
    match source {
        Source::Dimension(_) => (FROM_TOTALS, 15),
        Source::Links => (FROM_LINKS, 12),
    }
}

pub async fn totals(
    context: RequestContext<'_>,
    asked: &Asked,
) -> Result<(Metrics, Vec<String>), ApiError> {
    let source = asked.source(None);
    let (from, _) = from(source);
    let sql = format!(
        "SELECT {},
                array_agg(DISTINCT t.currency::text) FILTER (WHERE t.revenue <> 0) AS currencies
         {from}",
        measures(asked, source, None)
    );
    let rows = fetch(context, asked, source, Days::Whole, &sql, &[]).await?;
    let row = rows.first().context("sums without groups are one row");
    let row = row.map_err(ApiError::internal)?;
    let currencies: Option<Vec<String>> = row.get("currencies");
    Ok((counts(row).into(), currencies.unwrap_or_default()))
}

pub async fn rows(context: RequestContext<'_>, asked: &Asked) -> Result<Found, ApiError> {
    match asked.group {
        Group::Date => in_time(context, asked, &asked.period.days()?).await,
        Group::Hour => in_time(context, asked, &asked.period.hours()?).await,
        Group::Link | Group::Message => page(context, asked).await,
        _ => by_dimension(context, asked).await,
    }
}

/// Every day or hour, also those in which nothing happened.
async fn in_time(
    context: RequestContext<'_>,
    asked: &Asked,
    starts: &[(Timestamp, String)],
) -> Result<Found, ApiError> {
    let source = asked.source(None);
    let (from, n) = from(source);
    let sql = format!(
        "SELECT width_bucket(t.bucket, ${}::timestamptz[]) AS place, {}
         {from}
         GROUP BY place",
        n + 1,
        measures(asked, source, Some(asked.group))
    );
    let times: Vec<_> = starts.iter().map(|(at, _)| *at).collect();
    // Behind the first, which is the period's start.
    let is_midnight = |(at, _): &(Timestamp, String)| *at == day_start(*at);
    let days = match asked.group {
        Group::Date if starts.iter().skip(1).all(is_midnight) => Days::Whole,
        _ => Days::InQuarters,
    };
    let found = fetch(context, asked, source, days, &sql, &[&times]).await?;
    let mut all = vec![Counts::default(); starts.len()];
    for row in &found {
        let place: i32 = row.get("place");
        if let Some(of) = usize::try_from(place - 1).ok().and_then(|i| all.get_mut(i)) {
            *of = counts(row);
        }
    }
    let key = key_column(asked.group);
    let rows = starts.iter().zip(all).map(|((_, name), counts)| Row {
        key: Map::from_iter([(key.to_owned(), json!(name))]),
        metrics: counts.into(),
    });
    Ok(Found {
        rows: rows.collect(),
        next_cursor: None,
    })
}

async fn by_dimension(context: RequestContext<'_>, asked: &Asked) -> Result<Found, ApiError> {
    let source = asked.source(Some(asked.group));
    let (from, _) = from(source);
    let table = match (source, asked.group) {
        (Source::Links, Group::Country | Group::Device) | (Source::Dimension(_), _) => "t",
        (Source::Links, _) => "l",
    };
    let column = key_column(asked.group);
    let sql = format!(
        "SELECT nullif({table}.{column}::text, '') AS row_key, {}
         {from}
         GROUP BY row_key
         ORDER BY clicks DESC, row_key",
        measures(asked, source, Some(asked.group))
    );
    let found = fetch(context, asked, source, Days::Whole, &sql, &[]).await?;
    let keyed = found.iter().map(|row| (row.get("row_key"), counts(row)));
    // What was there and is not any more counts as nothing.
    let keyed = keyed.filter(|(_, counts)| *counts != Counts::default());
    Ok(Found {
        rows: named(context, asked.group, keyed.collect()).await?,
        next_cursor: None,
    })
}

/// Links or messages, in the order of their keys: first the keys of the page, then
/// what is added up of them.
async fn page(context: RequestContext<'_>, asked: &Asked) -> Result<Found, ApiError> {
    let mut keys = page_keys(context, asked).await?;
    let limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
    let next_cursor = match keys.len() > limit {
        true => {
            keys.truncate(limit);
            keys.last().cloned()
        }
        false => None,
    };
    let (from, n) = from(Source::Links);
    let (column, of_links) = match asked.group {
        Group::Link => ("t.link_key", "id"),
        _ => ("l.message_id", "message_id"),
    };
    // By the links' keys, so that only their rows are read.
    let sql = format!(
        "SELECT {column}::text AS row_key, {}
         {from}
           AND t.link_key IN (
               SELECT id FROM links WHERE account_id = $1 AND {of_links} = ANY (${})
           )
         GROUP BY {column}",
        measures(asked, Source::Links, Some(asked.group)),
        n + 1
    );
    let numbers: Vec<i64> = keys.iter().filter_map(|key| key.parse().ok()).collect();
    let of_keys: &(dyn ToSql + Sync) = match asked.group {
        Group::Link => &numbers,
        _ => &keys,
    };
    let found = fetch(
        context,
        asked,
        Source::Links,
        Days::InQuarters,
        &sql,
        &[of_keys],
    )
    .await?;
    let mut counted: HashMap<String, Counts> = found
        .iter()
        .map(|row| (row.get("row_key"), counts(row)))
        .collect();
    let keyed = keys.into_iter().map(|key| {
        let counts = counted.remove(&key).unwrap_or_default();
        (Some(key), counts)
    });
    Ok(Found {
        rows: named(context, asked.group, keyed.collect()).await?,
        next_cursor,
    })
}

/// The keys of a page, and one more if there are more.
async fn page_keys(context: RequestContext<'_>, asked: &Asked) -> Result<Vec<String>, ApiError> {
    let problem = || ApiError::invalid_field("cursor", "it is not one that was answered");
    let after_link: i64 = match (asked.group, &asked.cursor) {
        (Group::Link, Some(text)) => text.parse().map_err(|_| problem())?,
        _ => 0,
    };
    let after_message = asked.cursor.clone().unwrap_or_default();
    let after: &(dyn ToSql + Sync) = match asked.group {
        Group::Link => &after_link,
        _ => &after_message,
    };
    let column = if asked.group == Group::Link {
        "id"
    } else {
        "message_id"
    };
    let (from, n) = from(Source::Links);
    let sql = if is_sparse(context, asked).await? {
        // The few rows of the range, put in order.
        format!(
            "SELECT DISTINCT l.{column} AS row_key
             {from}
               AND l.{column} > ${}
             ORDER BY row_key
             LIMIT ${}",
            n + 1,
            n + 2
        )
    } else {
        // In the order of the index until there are enough: each link is asked
        // whether it has a row.
        let of_link = from
            .replace("JOIN links l ON l.id = t.link_key", "")
            .replace(
                "WHERE t.account_id = $1",
                "WHERE t.account_id = $1 AND t.link_key = l.id",
            );
        format!(
            "SELECT DISTINCT l.{column} AS row_key
             FROM links l
             CROSS JOIN LATERAL (SELECT 1 {of_link} LIMIT 1) AS row
             WHERE l.account_id = $1 AND l.{column} > ${}
             ORDER BY row_key
             LIMIT ${}",
            n + 1,
            n + 2
        )
    };
    // The currency says nothing here.
    let sql = format!("SELECT row_key::text FROM ({sql}) AS keys WHERE $4::text IS NOT NULL");
    let limit = asked.limit + 1;
    let more: [&(dyn ToSql + Sync); 2] = [after, &limit];
    let rows = fetch(context, asked, Source::Links, Days::InQuarters, &sql, &more).await?;
    Ok(rows.iter().map(|row| row.get("row_key")).collect())
}

/// Whether so little of what happened to the account lies in the range that it is
/// less to read all of that than to ask one link after the other.
async fn is_sparse(context: RequestContext<'_>, asked: &Asked) -> Result<bool, ApiError> {
    let statement = context
        .db
        .prepare_cached(
            "SELECT coalesce(sum(clicks + sends), 0)::bigint AS n_all,
                    coalesce(sum(clicks + sends) FILTER (WHERE bucket >= $2 AND bucket < $3), 0)::bigint
                        AS n_in_range
             FROM totals
             WHERE account_id = $1 AND span = 'day' AND dimension = 'all'",
        )
        .await?;
    let account_id = context.caller.account_id.0;
    let (from, to) = (day_start(asked.period.from), asked.period.to);
    let row = context
        .db
        .query_one(&statement, &[&account_id, &from, &to])
        .await?;
    let n_all = u128::try_from(row.get::<_, i64>("n_all")).unwrap_or(0);
    let n_in_range = u128::try_from(row.get::<_, i64>("n_in_range")).unwrap_or(0);
    let n_wanted = u128::try_from(asked.limit).unwrap_or(0);
    Ok(n_in_range * n_in_range < n_wanted * n_all)
}

async fn named(
    context: RequestContext<'_>,
    group: Group,
    keyed: Vec<(Option<String>, Counts)>,
) -> Result<Vec<Row>, ApiError> {
    let keys: Vec<String> = keyed.iter().filter_map(|(key, _)| key.clone()).collect();
    let names = names(context, group, &keys).await?;
    let columns = key_columns(group);
    let row = |(key, counts): (Option<String>, Counts)| {
        let named = key.as_ref().and_then(|key| names.get(key));
        let (id, name) = match (group, &key, named) {
            (Group::Link, _, Some((id, url))) => (json!(id), json!(url)),
            (Group::List | Group::Creative, Some(key), _) => (
                key.parse::<i64>().map_or(Value::Null, |id| json!(id)),
                json!(named.map(|(_, name)| name)),
            ),
            (_, key, _) => (json!(key), json!(named.map(|(_, name)| name))),
        };
        let values = [id, name];
        Row {
            key: columns
                .iter()
                .map(|name| (*name).to_owned())
                .zip(values)
                .collect(),
            metrics: counts.into(),
        }
    };
    Ok(keyed.into_iter().map(row).collect())
}

fn counts(row: &tokio_postgres::Row) -> Counts {
    Counts {
        sends: row.get("sends"),
        clicks: row.get("clicks"),
        unique_clicks: row.get("unique_clicks"),
        bot_clicks: row.get("bot_clicks"),
        confirmed_clicks: row.get("confirmed_clicks"),
        conversions: row.get("conversions"),
        revenue: row.get::<_, Decimal>("revenue"),
    }
}
