//! `click-worker recount`: whether message clicks, credits and totals are what
//! the facts say; with `--repair` they are made so.
//!
//! What should be is computed in SQL from the raw rows, by other means than the
//! worker's own, without a lock. Rows that are older than what an account keeps are left
//! out. A repair works in pieces under the lock of one account, each complete in itself.
//! Totals are repaired by adding what they lack: since every transaction changes facts
//! and totals alike, what a total lacked in one snapshot of the database it still lacks
//! when it is repaired, whatever was stored meanwhile.

mod repair;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use ledger::conversions::credited_message_click;
use postgres::{
    migrations,
    pool::{self, GenericClient, Object, PoolSettings, Transaction},
};
use serde::Serialize;
use tokio_postgres::{IsolationLevel, Row};

use crate::command;

/// Differences that are shown of each kind.
const SHOWN: usize = 20;

#[derive(Debug, Args)]
pub struct RecountSettings {
    /// Only this account.
    #[arg(long)]
    account: Option<i64>,
    /// Make message clicks, credits and totals what they should be, while clicks are
    /// stored.
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    pool: PoolSettings,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Report {
    clicks: i64,
    conversions: i64,
    message_clicks: Differences,
    credits: Differences,
    totals: Differences,
    link_totals: Differences,
    repaired: bool,
}

#[derive(Debug, Default, Serialize)]
struct Differences {
    different: usize,
    /// Some of them.
    examples: Vec<String>,
}

impl Differences {
    /// Of rows with a column `difference`.
    fn of(rows: &[Row]) -> Self {
        let examples = rows.iter().take(SHOWN).map(|row| row.get("difference"));
        Self {
            different: rows.len(),
            examples: examples.collect(),
        }
    }
}

/// Prints the report as JSON; fails if there are differences that are not
/// repaired.
pub fn main(settings: RecountSettings) -> ExitCode {
    command::run(async {
        let report = run(settings).await?;
        let is_right = [
            &report.message_clicks,
            &report.credits,
            &report.totals,
            &report.link_totals,
        ]
        .iter()
        .all(|found| found.different == 0);
        let code = match is_right || report.repaired {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        };
        Ok((serde_json::json!(report), code))
    })
}

async fn run(settings: RecountSettings) -> anyhow::Result<Report> {
    let pool = pool::build(&settings.pool.with_size(1), "click-worker recount")?;
    let mut client = pool.get().await.context("Postgres cannot be reached")?;
    migrations::check(&client).await?;
    // As long as it takes: it reads everything, and holds nobody up.
    let no_limits = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";
    client.batch_execute(no_limits).await?;
    match settings.repair {
        true => repair::run(&mut client, settings.account).await,
        false => compare(&mut client, settings.account).await,
    }
}

/// Compares all of it in one snapshot of the database, so that what is stored meanwhile
/// makes no difference.
async fn compare(client: &mut Object, account: Option<i64>) -> anyhow::Result<Report> {
    let transaction = snapshot(client).await?;
    let find = Find {
        transaction: &transaction,
        account,
    };
    let report = Report {
        message_clicks: Differences::of(&find.message_clicks().await?),
        credits: Differences::of(&find.credits().await?),
        totals: Differences::of(&find.totals(&TOTALS).await?),
        link_totals: Differences::of(&find.totals(&LINK_TOTALS).await?),
        clicks: find.count("clicks").await?,
        conversions: find.count("conversions").await?,
        repaired: false,
    };
    transaction.commit().await?;
    Ok(report)
}

async fn snapshot(client: &mut Object) -> Result<Transaction<'_>, tokio_postgres::Error> {
    client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .start()
        .await
}

/// Finds what is different, in one transaction.
struct Find<'t> {
    transaction: &'t Transaction<'t>,
    account: Option<i64>,
}

impl Find<'_> {
    async fn count(&self, table: &str) -> anyhow::Result<i64> {
        let sql =
            format!("SELECT count(*) FROM {table} WHERE $1::bigint IS NULL OR account_id = $1");
        Ok(self
            .transaction
            .query_one(&sql, &[&self.account])
            .await?
            .get(0))
    }

    async fn message_clicks(&self) -> anyhow::Result<Vec<Row>> {
        let sql = include_str!("message_clicks.sql");
        Ok(self.transaction.query(sql, &[&self.account]).await?)
    }

    async fn credits(&self) -> anyhow::Result<Vec<Row>> {
        let reversals = include_str!("reversals.sql");
        let is_limited = "NOT c.authenticated AND c.event IN ('refund', 'chargeback')";
        let counted = format!("CASE WHEN {is_limited} THEN coalesce(r.counted_amount, 0) END");
        let sql = format!(
            "WITH {reversals}
             SELECT c.account_id, c.conversion_id,
                    format('conversion %s: is credited to %s %s for %s, should be to %s for %s',
                           c.conversion_id, c.attribution, c.credited_click_id,
                           c.counted_amount, m.click_id, {counted})
                        AS difference
             FROM conversions c
             LEFT JOIN counted_reversals r ON r.conversion_id = c.conversion_id
             LEFT JOIN {} AS m ON true
             LEFT JOIN accounts a ON a.id = c.account_id
             WHERE ($1::bigint IS NULL OR c.account_id = $1)
               AND c.account_id IS NOT NULL
               AND c.converted_at >= coalesce(a.raw_since, '-infinity')
               AND (c.credited_click_id IS DISTINCT FROM m.click_id
                    OR c.counted_amount IS DISTINCT FROM {counted}
                    OR c.attribution <> CASE
                        WHEN m.click_id IS NOT NULL THEN 'click'
                        WHEN c.source = 'offer' THEN 'offer'
                        ELSE 'none'
                    END)",
            credited_message_click()
        );
        Ok(self.transaction.query(&sql, &[&self.account]).await?)
    }

    async fn totals(&self, table: &Table) -> anyhow::Result<Vec<Row>> {
        let sql = table.differences();
        Ok(self.transaction.query(&sql, &[&self.account]).await?)
    }
}

const MEASURES: [&str; 8] = [
    "sends",
    "messages",
    "clicks",
    "unique_clicks",
    "bot_clicks",
    "confirmed_clicks",
    "conversions",
    "revenue",
];

/// A table of totals, and what it should be by `totals.sql`.
struct Table {
    name: &'static str,
    wanted: &'static str,
    key: &'static str,
    columns: &'static str,
    /// Whether it has at most one row of a key.
    is_unique: bool,
}

const TOTALS: Table = Table {
    name: "totals",
    wanted: "wanted_totals",
    key: "account_id, span, dimension, bucket, key, currency",
    columns: "offer_id, list_id, creative_id, campaign_id, country, device, ",
    is_unique: true,
};

const LINK_TOTALS: Table = Table {
    name: "link_totals",
    wanted: "wanted_links",
    key: "account_id, link_key, bucket, country, device, currency",
    columns: "",
    is_unique: false,
};

impl Table {
    /// The rows that are not what they should be: their key and columns, what each
    /// measure lacks, and the difference in words. `$1` is an account, or null.
    fn differences(&self) -> String {
        let (reversals, with) = (include_str!("reversals.sql"), include_str!("totals.sql"));
        let Self {
            name,
            wanted,
            key,
            columns,
            is_unique: _,
        } = self;
        // A row that counts nothing is as good as none.
        let is_counted = "AND ($1::bigint IS NULL OR t.account_id = $1)
               AND t.bucket >= coalesce(
                   (SELECT a.raw_since FROM accounts a WHERE a.id = t.account_id), '-infinity')";
        let measures = |alias: &str| {
            let column = |name: &&str| format!("coalesce({alias}.{name}, 0)");
            MEASURES.map(|name| column(&name)).join(", ")
        };
        let lacking = MEASURES
            .map(|name| format!("coalesce(w.{name}, 0) - coalesce(t.{name}, 0) AS {name}"))
            .join(", ");
        // Several rows may count the same.
        let sums = MEASURES
            .map(|name| format!("sum({name}) AS {name}"))
            .join(", ");
        let group: String = columns.to_string() + key;
        let columns: String = columns
            .split_terminator(", ")
            .map(|name| format!("coalesce(w.{name}, t.{name}) AS {name}, "))
            .collect();
        let (are, should_be) = (measures("t"), measures("w"));
        format!(
            "WITH {reversals},
             {with}
             SELECT {key}, {columns}{lacking},
                    format('{name} %s: is (%s), should be (%s)', concat_ws(' ', {key}),
                           concat_ws(' ', {are}), concat_ws(' ', {should_be})) AS difference
             FROM (SELECT * FROM {wanted} t WHERE true {is_counted}) AS w
             FULL JOIN (SELECT {group}, {sums} FROM {name} t WHERE true {is_counted} GROUP BY {group})
                 AS t USING ({key})
             WHERE ({are}) IS DISTINCT FROM ({should_be})"
        )
    }
}
