//! `click-worker parked list|retry|drop`: what an operator sees of parked events, and
//! does about them. Prints JSON.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use postgres::{
    migrations,
    pool::{self, GenericClient as _, Object, PoolSettings},
};
use serde_json::{Value, json};

use crate::command;

#[derive(Debug, Args)]
pub struct ParkedSettings {
    #[command(subcommand)]
    command: ParkedCommand,
    #[command(flatten)]
    pool: PoolSettings,
}

#[derive(Debug, Subcommand)]
enum ParkedCommand {
    /// Show what is parked, oldest first: number, event, account, reason and tries.
    List {
        /// At most this many.
        #[arg(long, default_value = "100")]
        limit: u32,
    },
    /// Have parked events tried again now, by a running worker.
    Retry(Which),
    /// Remove parked events for ever: they are printed, and never counted.
    Drop(Which),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Those with these numbers.
    #[arg(long = "id", num_args = 1..)]
    ids: Vec<i64>,
    /// Every event that is parked.
    #[arg(long)]
    all: bool,
}

impl Which {
    /// `None` is all.
    fn ids(&self) -> Option<&[i64]> {
        (!self.all).then_some(&self.ids)
    }
}

pub fn main(settings: ParkedSettings) -> ExitCode {
    command::run(async {
        let value = run(settings).await?;
        Ok((value, ExitCode::SUCCESS))
    })
}

async fn run(settings: ParkedSettings) -> anyhow::Result<Value> {
    let pool = pool::build(&settings.pool, "click-worker parked")?;
    let client = pool.get().await.context("Postgres cannot be reached")?;
    migrations::check(&client).await?;
    match settings.command {
        ParkedCommand::List { limit } => list(&client, limit).await,
        ParkedCommand::Retry(which) => {
            let sql = "UPDATE parked_events SET retry_at = now()
                       WHERE $1::bigint[] IS NULL OR id = ANY ($1)";
            let n_due = client.execute(sql, &[&which.ids()]).await?;
            Ok(json!({ "retried": n_due }))
        }
        ParkedCommand::Drop(which) => {
            let sql = "DELETE FROM parked_events
                       WHERE $1::bigint[] IS NULL OR id = ANY ($1)
                       RETURNING id, convert_from(line, 'UTF8') AS line";
            let rows = client.query(sql, &[&which.ids()]).await?;
            let dropped: Vec<_> = rows
                .iter()
                .map(|row| json!({ "id": row.get::<_, i64>("id"), "event": event(row) }))
                .collect();
            Ok(json!({ "dropped": dropped }))
        }
    }
}

async fn list(client: &Object, limit: u32) -> anyhow::Result<Value> {
    let sql = "SELECT id, account_id, reason, detail, tries, parked_at, retry_at,
                      convert_from(line, 'UTF8') AS line, count(*) OVER () AS n_parked
               FROM parked_events
               ORDER BY id
               LIMIT $1";
    let rows = client.query(sql, &[&i64::from(limit)]).await?;
    let parked: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "id": row.get::<_, i64>("id"),
                "account_id": row.get::<_, Option<i64>>("account_id"),
                "reason": row.get::<_, &str>("reason"),
                "detail": row.get::<_, &str>("detail"),
                "tries": row.get::<_, i32>("tries"),
                "parked_at": row.get::<_, jiff::Timestamp>("parked_at").to_string(),
                "retry_at": row.get::<_, jiff::Timestamp>("retry_at").to_string(),
                "event": event(row),
            })
        })
        .collect();
    let total = rows.first().map_or(0, |row| row.get::<_, i64>("n_parked"));
    Ok(json!({ "parked": parked, "total": total }))
}

/// The event as JSON, or as text if it is none.
fn event(row: &tokio_postgres::Row) -> Value {
    let line: &str = row.get("line");
    serde_json::from_str(line).unwrap_or_else(|_| line.into())
}
