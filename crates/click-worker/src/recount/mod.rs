//! `click-worker recount`: checks that message clicks, credits and totals are what the facts
//! say, and repairs them with `--repair`.
//!
//! What they should be is computed in SQL from the raw rows, without a lock, and by other means
//! than those of the ledger. Rows that are older than what an account keeps are left out. A
//! repair works in chunks under the lock of one account, each of which is complete in itself.
//! It adds to the totals what they lack: since every transaction changes facts and totals
//! alike, what a total lacks in one snapshot of the database it still lacks when it is repaired,
//! whatever was stored meanwhile.

mod audit;
mod comparison;
mod repair;
mod report;
mod totals_tables;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use postgres::{
    migrations,
    pool::{self, GenericClient as _, PoolSettings},
};

use crate::command;
use report::Report;

#[derive(Debug, Args)]
pub struct RecountSettings {
    /// Only this account.
    #[arg(long)]
    account: Option<i64>,
    /// Make message clicks, credits and totals what they should be. Clicks may be stored
    /// meanwhile.
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    pool: PoolSettings,
}

/// Prints the report as JSON. Fails if there are differences that are not repaired.
pub fn main(settings: RecountSettings) -> ExitCode {
    command::run(async {
        let report = run(settings).await?;
        let code = match report.is_consistent() || report.repaired {
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
    // It reads everything, which may take long and blocks nobody.
    let no_limits = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";
    client.batch_execute(no_limits).await?;
    match settings.repair {
        true => repair::run(&mut client, settings.account).await,
        false => comparison::run(&mut client, settings.account).await,
    }
}
