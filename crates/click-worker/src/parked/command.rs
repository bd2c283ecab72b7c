//! `click-worker parked list|retry|drop`: shows operators the parked events, has them retried
//! or deletes them. Prints JSON.

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use postgres::{
    audit::{self, AuditRow, Command},
    migrations,
    pool::{self, GenericClient as _, Object, PoolSettings, Transaction},
};
use serde_json::{Value, json};
use tokio_postgres::Row;

use crate::command;

/// How many ids of events a row of the audit trail has at most.
const MAX_AUDIT_IDS: usize = 100;

#[derive(Debug, Args)]
pub struct ParkedSettings {
    #[command(subcommand)]
    command: ParkedCommand,
    #[command(flatten)]
    pool: PoolSettings,
}

#[derive(Debug, Subcommand)]
enum ParkedCommand {
    /// Show the parked events, oldest first: id, event, account, reason and tries.
    List {
        /// How many events to show at most.
        #[arg(long, default_value = "100")]
        limit: u32,
    },
    /// Have a running worker retry parked events now.
    Retry(Selection),
    /// Delete parked events for good. They are printed, and will never be counted.
    Drop(Selection),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Selection {
    /// The events with these ids.
    #[arg(long = "id", num_args = 1..)]
    ids: Vec<i64>,
    /// Every event that is parked.
    #[arg(long)]
    all: bool,
}

impl Selection {
    /// The ids; `None` selects all events.
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
    let mut client = pool.get().await.context("Postgres cannot be reached")?;
    migrations::check(&client).await?;
    match settings.command {
        ParkedCommand::List { limit } => list(&client, limit).await,
        ParkedCommand::Retry(selection) => {
            let sql = "UPDATE parked_events SET retry_at = now()
                       WHERE $1::bigint[] IS NULL OR id = ANY ($1)
                       RETURNING id, account_id";
            let transaction = client.transaction().await?;
            let rows = transaction.query(sql, &[&selection.ids()]).await?;
            let command = Command::new("click-worker parked retry");
            write_audit_rows(&transaction, &command, &rows).await?;
            transaction.commit().await?;
            Ok(json!({ "retried": rows.len() }))
        }
        ParkedCommand::Drop(selection) => {
            let sql = "DELETE FROM parked_events
                       WHERE $1::bigint[] IS NULL OR id = ANY ($1)
                       RETURNING id, account_id, convert_from(line, 'UTF8') AS line";
            let transaction = client.transaction().await?;
            let rows = transaction.query(sql, &[&selection.ids()]).await?;
            let command = Command::new("click-worker parked drop");
            write_audit_rows(&transaction, &command, &rows).await?;
            transaction.commit().await?;
            let dropped: Vec<_> = rows
                .iter()
                .map(|row| json!({ "id": row.get::<_, i64>("id"), "event": event(row) }))
                .collect();
            Ok(json!({ "dropped": dropped }))
        }
    }
}

/// Writes a row of the audit trail for each account that has some of the events: their number
/// and the first ids. Events that are no JSON have no account.
async fn write_audit_rows(
    transaction: &Transaction<'_>,
    command: &Command,
    events: &[Row],
) -> anyhow::Result<()> {
    let mut by_account: BTreeMap<Option<i64>, Vec<i64>> = BTreeMap::new();
    for event in events {
        let ids = by_account.entry(event.get("account_id")).or_default();
        ids.push(event.get("id"));
    }
    for (account_id, mut ids) in by_account {
        let n_events = ids.len();
        ids.truncate(MAX_AUDIT_IDS);
        let row = AuditRow {
            after: Some(json!({ "parked": { "count": n_events, "ids": ids } })),
            ..command.row(account_id, "parked_event")
        };
        audit::write(transaction, row).await?;
    }
    Ok(())
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

/// The event as JSON, or as text if it is not JSON.
fn event(row: &tokio_postgres::Row) -> Value {
    let line: &str = row.get("line");
    serde_json::from_str(line).unwrap_or_else(|_| line.into())
}
