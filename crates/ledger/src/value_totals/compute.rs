//! Computing the sums of a day.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use postgres::pool::{GenericClient as _, Object};

use super::{LIST_DIMENSIONS, MAX_VALUES_PER_DAY, OTHER_VALUES, VALUE_DIMENSIONS};
use crate::{account_lock, facts::facts};

/// How long a computation may take. A day of ten million clicks takes some minutes.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(1_800);
/// A day is computed at most this often, however often it changes.
const MIN_INTERVAL: SignedDuration = SignedDuration::from_hours(1);

/// A day (UTC) of an account whose sums are not right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueDay {
    pub account_id: i64,
    /// Its midnight.
    pub day: Timestamp,
}

/// Finds an outdated day that is over, and that was not computed within the last hour before
/// `now`. Days whose clicks retention has deleted stay as they are.
pub async fn value_day_find_due(
    client: &Object,
    now: Timestamp,
) -> Result<Option<ValueDay>, tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "SELECT d.account_id, d.day
             FROM value_total_days d
             LEFT JOIN accounts a ON a.id = d.account_id
             WHERE d.state <> 'current'
               AND d.day < date_trunc('day', $1::timestamptz, 'UTC')
               AND (d.computed_at IS NULL OR d.computed_at <= $2)
               AND d.day >= coalesce(a.raw_since, '-infinity')
             ORDER BY d.day DESC
             LIMIT 1",
        )
        .await?;
    let computed_before = now.saturating_sub(MIN_INTERVAL).unwrap_or(now);
    let row = client
        .query_opt(&statement, &[&now, &computed_before])
        .await?;
    Ok(row.map(|row| ValueDay {
        account_id: row.get("account_id"),
        day: row.get("day"),
    }))
}

/// Computes the sums of a day. Returns whether they count: they do not if what is counted of the
/// day has changed meanwhile. Holds the lock of the account only for two short statements.
pub async fn value_day_compute(
    client: &mut Object,
    ValueDay { account_id, day }: ValueDay,
) -> Result<bool, tokio_postgres::Error> {
    // Who holds the lock meanwhile commits before this snapshot is taken; who takes it later
    // makes the day outdated again.
    let transaction = client.transaction().await?;
    account_lock(&transaction, account_id).await?;
    let sql = "
        UPDATE value_total_days
        SET state = 'computing', version = version + 1, computed_at = now()
        WHERE account_id = $1 AND day = $2
        RETURNING version";
    let statement = transaction.prepare_cached(sql).await?;
    let row = transaction
        .query_opt(&statement, &[&account_id, &day])
        .await?;
    transaction.commit().await?;
    let Some(row) = row else { return Ok(false) };
    let version: i32 = row.get("version");

    let transaction = client.transaction().await?;
    let timeout_ms = STATEMENT_TIMEOUT.as_millis();
    let sql = format!("SET LOCAL statement_timeout = {timeout_ms}");
    transaction.batch_execute(&sql).await?;
    let end = day
        .saturating_add(SignedDuration::from_hours(24))
        .unwrap_or(day);
    transaction
        .execute(
            &insert_sums(),
            &[
                &account_id,
                &day,
                &end,
                &version,
                &MAX_VALUES_PER_DAY,
                &OTHER_VALUES,
            ],
        )
        .await?;
    account_lock(&transaction, account_id).await?;
    let sql = "
        UPDATE value_total_days
        SET state = 'current'
        WHERE account_id = $1 AND day = $2 AND state = 'computing' AND version = $3";
    let statement = transaction.prepare_cached(sql).await?;
    let n_current = transaction
        .execute(&statement, &[&account_id, &day, &version])
        .await?;
    if n_current == 0 {
        transaction.rollback().await?;
        return Ok(false);
    }
    transaction.commit().await?;
    let sql = "
        DELETE FROM value_totals
        WHERE account_id = $1 AND dimension = ANY ($2) AND day = $3 AND version < $4";
    let statement = client.prepare_cached(sql).await?;
    let names: Vec<_> = all_dimensions().collect();
    client
        .execute(&statement, &[&account_id, &names, &day, &version])
        .await?;
    Ok(true)
}

fn all_dimensions() -> impl Iterator<Item = &'static str> {
    let lists = LIST_DIMENSIONS.iter().map(|(name, _)| *name);
    VALUE_DIMENSIONS.into_iter().chain(lists)
}

/// Inserts the sums of the account `$1` from `$2` to `$3` as version `$4`, with at most `$5`
/// values of each dimension, and all others as `$6`.
fn insert_sums() -> String {
    format!(
        "INSERT INTO value_totals
             (account_id, day, dimension, version, value, currency, clicks, unique_clicks,
              bot_clicks, confirmed_clicks, click_cost, conversions, pending_conversions, revenue,
              pending_revenue)
         WITH sums AS ({})
         SELECT $1, $2, dimension, $4::integer,
                CASE WHEN rank <= $5 OR value = '' THEN value ELSE $6 END AS told_value,
                currency, sum(clicks), sum(unique_clicks), sum(bot_clicks),
                sum(confirmed_clicks), sum(click_cost), sum(conversions), sum(pending_conversions), sum(revenue),
                sum(pending_revenue)
         FROM (
             SELECT *, dense_rank() OVER (PARTITION BY dimension ORDER BY n DESC, value) AS rank
             FROM (
                 SELECT *, sum(clicks + conversions) OVER (PARTITION BY dimension, value) AS n
                 FROM sums
             ) AS counted
         ) AS ranked
         GROUP BY dimension, told_value, currency",
        select_sums()
    )
}

/// The sums by dimension, value and currency of the account `$1` from `$2` to `$3`.
pub(crate) fn select_sums() -> String {
    let single = VALUE_DIMENSIONS.map(|name| format!("('{name}', f.{name}::text)"));
    let lists = LIST_DIMENSIONS.map(|(name, column)| {
        format!(
            "UNION ALL
             SELECT '{name}', unnest(
                 CASE cardinality(f.{column}) WHEN 0 THEN ARRAY[''] ELSE f.{column} END
             )"
        )
    });
    format!(
        "SELECT v.dimension, coalesce(v.value, '') AS value, f.currency,
                sum(f.clicks) AS clicks, sum(f.unique_clicks) AS unique_clicks,
                sum(f.bot_clicks) AS bot_clicks, sum(f.confirmed_clicks) AS confirmed_clicks,
                sum(f.click_cost) AS click_cost, sum(f.conversions) AS conversions,
                sum(f.pending_conversions) AS pending_conversions, sum(f.revenue) AS revenue,
                sum(f.pending_revenue) AS pending_revenue
         FROM ({}) AS f
         CROSS JOIN LATERAL (
             VALUES {}
             {}
         ) AS v (dimension, value)
         GROUP BY v.dimension, coalesce(v.value, ''), f.currency",
        facts(),
        single.join(", "),
        lists.join(" ")
    )
}
