//! Changes of the rows of tables that may be large. They are made in many small transactions,
//! so that writers wait for a row for some milliseconds at most; a migration would hold its
//! locks until all rows are changed.
//!
//! `links-api migrate` runs those that the table `backfills` does not name as finished. One
//! that was interrupted begins again: it skips rows that are changed already.

use tokio_postgres::{Client, types::ToSql};

/// A change of all rows of a table.
struct Backfill {
    name: &'static str,
    /// Changes rows behind the key `$1` in the order of the key, at most `$2`, and returns the
    /// last key that it has seen as a text in the column `last`, NULL at the end.
    sql: &'static str,
}

const ROWS_PER_TRANSACTION: i64 = 2_000;
/// No id is smaller.
const LEAST_KEY: &str = "00000000-0000-0000-0000-000000000000";

/// `domain::dedupe::DedupeFields::dedupe_key` in SQL, for conversions of before.
const DEDUPE_KEYS_BY_ORDER: Backfill = Backfill {
    name: "dedupe_keys_by_order",
    sql: "
        WITH seen AS MATERIALIZED (
            SELECT conversion_id
            FROM conversions
            WHERE conversion_id > $1::text::uuid
            ORDER BY conversion_id
            LIMIT $2
        ),
        changed AS (
            UPDATE conversions c
            SET dedupe_key = CASE
                    WHEN c.txn_id IS NOT NULL THEN format('t:%s:%s', c.offer_id, c.txn_id)
                    WHEN c.click_id IS NOT NULL THEN 'c:' || c.click_id
                    ELSE format('l:%s:%s', coalesce(c.link_key, 0), c.visitor)
                END
                || E'\\x1f' || c.event
                || CASE WHEN c.event IN ('refund', 'chargeback')
                    THEN format(E'\\x1f%s\\x1f@%s', trim_scale(c.revenue), c.conversion_id)
                    ELSE ''
                END
            FROM seen
            WHERE c.conversion_id = seen.conversion_id
              AND strpos(c.dedupe_key, E'\\x1f') = 0
        )
        SELECT max(conversion_id::text) AS last FROM seen",
};

/// Runs what is not finished. Returns the names of what it has run.
pub(crate) async fn run_unfinished(client: &Client) -> Result<Vec<String>, tokio_postgres::Error> {
    let mut finished = Vec::new();
    for backfill in [DEDUPE_KEYS_BY_ORDER] {
        let sql = "SELECT EXISTS (SELECT FROM backfills WHERE name = $1)";
        if client.query_one(sql, &[&backfill.name]).await?.get(0) {
            continue;
        }
        let statement = client.prepare(backfill.sql).await?;
        let mut last = Some(LEAST_KEY.to_owned());
        while let Some(key) = last {
            let parameters: [&(dyn ToSql + Sync); 2] = [&key, &ROWS_PER_TRANSACTION];
            let row = client.query_one(&statement, &parameters).await?;
            last = row.get("last");
        }
        let sql = "INSERT INTO backfills (name) VALUES ($1) ON CONFLICT DO NOTHING";
        client.execute(sql, &[&backfill.name]).await?;
        finished.push(backfill.name.to_owned());
    }
    Ok(finished)
}
