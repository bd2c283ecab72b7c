//! `click-worker recount`: whether message clicks, credits and totals are what
//! the facts say; with `--repair` they are made so.
//!
//! What should be is computed in SQL from the raw rows, by other means than the
//! worker's own. Rows that are older than what an account keeps are left out.

use std::{collections::BTreeSet, process::ExitCode};

use ::store::{
    ledger::{
        self, Lock,
        conversions::{conversion_credit_all, credited_message_click},
        message_clicks::{message_click_delete_all, message_click_rebuild_all},
        totals::Deltas,
    },
    migrations,
    pool::{self, GenericClient, PoolSettings, Transaction},
};
use anyhow::Context as _;
use clap::Args;
use domain::{
    attribution::MessageContact,
    id::{AccountId, ConversionId},
};
use serde::Serialize;

/// Differences that are shown of each kind.
const SHOWN: usize = 20;

#[derive(Debug, Args)]
pub struct RecountSettings {
    /// Only this account.
    #[arg(long)]
    account: Option<i64>,
    /// Make message clicks, credits and totals what they should be. Clicks wait
    /// in their queue meanwhile.
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
    fn of(all: Vec<String>) -> Self {
        Self {
            different: all.len(),
            examples: all.into_iter().take(SHOWN).collect(),
        }
    }
}

/// Prints the report as JSON; fails if there are differences that are not
/// repaired.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]
pub fn main(settings: RecountSettings) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let report = match runtime {
        Ok(runtime) => runtime.block_on(run(settings)),
        Err(error) => Err(error.into()),
    };
    match report {
        Ok(report) => {
            let is_right = [
                &report.message_clicks,
                &report.credits,
                &report.totals,
                &report.link_totals,
            ]
            .iter()
            .all(|found| found.different == 0);
            println!("{}", serde_json::json!(report));
            match is_right || report.repaired {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            eprintln!("click-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: RecountSettings) -> anyhow::Result<Report> {
    let pool = pool::build(&settings.pool, "click-worker recount")?;
    let mut client = pool.get().await.context("Postgres cannot be reached")?;
    migrations::check(&client).await?;
    // As long as it takes: it reads everything.
    client.batch_execute("SET statement_timeout = 0").await?;
    let transaction = client
        .build_transaction()
        .isolation_level(match settings.repair {
            // After the lock is held, everything is seen.
            true => tokio_postgres::IsolationLevel::ReadCommitted,
            false => tokio_postgres::IsolationLevel::RepeatableRead,
        })
        .read_only(!settings.repair)
        .start()
        .await?;
    if settings.repair {
        ledger::lock(&transaction, Lock::Exclusive).await?;
        // Sends are counted without that lock.
        let sql = "LOCK TABLE totals, link_totals, messages IN SHARE ROW EXCLUSIVE MODE";
        transaction.batch_execute(sql).await?;
    }
    let recount = Recount {
        transaction: &transaction,
        account: settings.account,
    };
    let report = recount.run(settings.repair).await?;
    transaction.commit().await?;
    Ok(report)
}

struct Recount<'t> {
    transaction: &'t Transaction<'t>,
    account: Option<i64>,
}

impl Recount<'_> {
    async fn run(&self, repair: bool) -> anyhow::Result<Report> {
        let message_clicks = self.message_clicks(repair).await?;
        let credits = self.credits(repair).await?;
        let totals = self.totals(&TOTALS, repair).await?;
        let link_totals = self.totals(&LINK_TOTALS, repair).await?;
        Ok(Report {
            clicks: self.count("clicks").await?,
            conversions: self.count("conversions").await?,
            message_clicks,
            credits,
            totals,
            link_totals,
            repaired: repair,
        })
    }

    async fn count(&self, table: &str) -> anyhow::Result<i64> {
        let sql =
            format!("SELECT count(*) FROM {table} WHERE $1::bigint IS NULL OR account_id = $1");
        Ok(self
            .transaction
            .query_one(&sql, &[&self.account])
            .await?
            .get(0))
    }

    async fn message_clicks(&self, repair: bool) -> anyhow::Result<Differences> {
        let sql = include_str!("message_clicks.sql");
        let rows = self.transaction.query(sql, &[&self.account]).await?;
        if repair {
            let key = |row: &tokio_postgres::Row| MessageContact {
                account_id: AccountId(row.get("account_id")),
                message_key: row.get("message_key"),
                contact_key: row.get("contact_key"),
            };
            let keys: BTreeSet<_> = rows.iter().map(key).collect();
            // What this changes of the totals is counted anew below.
            message_click_delete_all(self.transaction, &keys.iter().collect::<Vec<_>>()).await?;
            message_click_rebuild_all(self.transaction, &keys, &mut Deltas::default()).await?;
        }
        Ok(Differences::of(
            rows.iter().map(|row| row.get("difference")).collect(),
        ))
    }

    async fn credits(&self, repair: bool) -> anyhow::Result<Differences> {
        let sql = format!(
            "SELECT c.conversion_id,
                    format('conversion %s: is credited to %s %s, should be to %s',
                           c.conversion_id, c.attribution, c.credited_click_id, m.click_id)
                        AS difference
             FROM conversions c
             LEFT JOIN {} AS m ON true
             LEFT JOIN accounts a ON a.id = c.account_id
             WHERE ($1::bigint IS NULL OR c.account_id = $1)
               AND c.converted_at >= coalesce(a.raw_since, '-infinity')
               AND (c.credited_click_id IS DISTINCT FROM m.click_id
                    OR c.attribution <> CASE
                        WHEN m.click_id IS NOT NULL THEN 'click'
                        WHEN c.source = 'offer' THEN 'offer'
                        ELSE 'none'
                    END)",
            credited_message_click()
        );
        let rows = self.transaction.query(&sql, &[&self.account]).await?;
        if repair {
            let id = |row: &tokio_postgres::Row| ConversionId::from_uuid(row.get("conversion_id"));
            let ids: BTreeSet<_> = rows.iter().map(id).collect::<Result<_, _>>()?;
            conversion_credit_all(self.transaction, &ids, &mut Deltas::default()).await?;
        }
        Ok(Differences::of(
            rows.iter().map(|row| row.get("difference")).collect(),
        ))
    }

    async fn totals(&self, table: &Table, repair: bool) -> anyhow::Result<Differences> {
        let with = include_str!("totals.sql");
        let Table {
            name,
            wanted,
            key,
            columns,
        } = table;
        // A row that counts nothing is as good as none.
        let is_counted = "AND ($1::bigint IS NULL OR t.account_id = $1)
               AND t.bucket >= coalesce(
                   (SELECT a.raw_since FROM accounts a WHERE a.id = t.account_id), '-infinity')";
        let measures = |alias: &str| {
            let column = |name: &&str| format!("coalesce({alias}.{name}, 0)");
            MEASURES.iter().map(column).collect::<Vec<_>>().join(", ")
        };
        let sql = format!(
            "WITH {with}
             SELECT format('{name} %s: is (%s), should be (%s)', concat_ws(' ', {key}),
                           concat_ws(' ', {}), concat_ws(' ', {})) AS difference
             FROM (SELECT * FROM {wanted} t WHERE true {is_counted}) AS w
             FULL JOIN (SELECT * FROM {name} t WHERE true {is_counted}) AS t USING ({key})
             WHERE ({}) IS DISTINCT FROM ({})",
            measures("t"),
            measures("w"),
            measures("t"),
            measures("w"),
        );
        let rows = self.transaction.query(&sql, &[&self.account]).await?;
        if repair {
            let delete = format!("DELETE FROM {name} t WHERE true {is_counted}");
            self.transaction.execute(&delete, &[&self.account]).await?;
            let all = MEASURES.join(", ");
            let insert = format!(
                "WITH {with}
                 INSERT INTO {name} ({key}, {columns}{all})
                 SELECT {key}, {columns}{all} FROM {wanted} t WHERE true {is_counted}"
            );
            self.transaction.execute(&insert, &[&self.account]).await?;
        }
        Ok(Differences::of(
            rows.iter().map(|row| row.get("difference")).collect(),
        ))
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
}

const TOTALS: Table = Table {
    name: "totals",
    wanted: "wanted_totals",
    key: "account_id, span, dimension, bucket, key, currency",
    columns: "offer_id, list_id, creative_id, campaign_id, country, device, ",
};

const LINK_TOTALS: Table = Table {
    name: "link_totals",
    wanted: "wanted_links",
    key: "account_id, link_key, bucket, country, device, currency",
    columns: "",
};
