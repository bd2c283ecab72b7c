//! Comparing the sums of days with the clicks and conversions, for the recount.

use jiff::SignedDuration;
use postgres::pool::{GenericClient as _, Transaction};
use tokio_postgres::Row;

use super::{OTHER_VALUES, ValueDay, compute::select_sums};

/// The days whose sums are current and whose clicks are all there.
pub async fn value_day_list_current(
    transaction: &Transaction<'_>,
    account: Option<i64>,
) -> Result<Vec<ValueDay>, tokio_postgres::Error> {
    let sql = "
        SELECT d.account_id, d.day
        FROM value_total_days d
        LEFT JOIN accounts a ON a.id = d.account_id
        WHERE d.state = 'current'
          AND ($1::bigint IS NULL OR d.account_id = $1)
          AND d.day >= coalesce(a.raw_since, '-infinity')
        ORDER BY d.account_id, d.day";
    let rows = transaction.query(sql, &[&account]).await?;
    let day = |row: &Row| ValueDay {
        account_id: row.get("account_id"),
        day: row.get("day"),
    };
    Ok(rows.iter().map(day).collect())
}

/// The sums of a current day that are not those of its clicks and conversions, each with a text in
/// the column `difference`.
pub async fn value_day_difference_all(
    transaction: &Transaction<'_>,
    ValueDay { account_id, day }: ValueDay,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let sums = "
        sum(clicks)::bigint AS clicks, sum(unique_clicks)::bigint AS unique_clicks,
        sum(bot_clicks)::bigint AS bot_clicks, sum(confirmed_clicks)::bigint AS confirmed_clicks,
        sum(click_cost) AS click_cost, sum(conversions)::bigint AS conversions,
        sum(pending_conversions)::bigint AS pending_conversions, sum(revenue) AS revenue,
        sum(pending_revenue) AS pending_revenue";
    let sql = format!(
        "WITH stored AS (
             SELECT t.dimension, t.value, t.currency, {sums}
             FROM value_totals t
             JOIN value_total_days d USING (account_id, day, version)
             WHERE t.account_id = $1 AND t.day = $2
             GROUP BY t.dimension, t.value, t.currency
         ),
         computed AS ({}),
         expected AS (
             SELECT dimension, told_value AS value, currency, {sums}
             FROM (
                 SELECT c.*,
                        CASE
                            WHEN EXISTS (
                                SELECT FROM stored s
                                WHERE s.dimension = c.dimension AND s.value = c.value
                            )
                            THEN c.value
                            ELSE $4
                        END AS told_value
                 FROM computed c
             ) AS told
             GROUP BY dimension, told_value, currency
         )
         SELECT $1::bigint AS account_id,
                format('day %s, %s %L in %L: is %s, should be %s', $2::timestamptz, dimension,
                       value, currency, s, e) AS difference
         FROM stored s
         FULL JOIN expected e USING (dimension, value, currency)
         WHERE (s.clicks, s.unique_clicks, s.bot_clicks, s.confirmed_clicks, s.click_cost, s.conversions,
                s.pending_conversions, s.revenue, s.pending_revenue)
               IS DISTINCT FROM
               (e.clicks, e.unique_clicks, e.bot_clicks, e.confirmed_clicks, e.click_cost, e.conversions,
                e.pending_conversions, e.revenue, e.pending_revenue)",
        select_sums()
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let end = day
        .saturating_add(SignedDuration::from_hours(24))
        .unwrap_or(day);
    transaction
        .query(&statement, &[&account_id, &day, &end, &OTHER_VALUES])
        .await
}
