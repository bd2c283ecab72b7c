//! `bench [ROW...]` measures Waypost and something known side by side in one run. It prints
//! a table for people, and per row the line for programs of [`report::Verdict`].
//! `scripts/bench` starts it with what it needs.

mod events;
mod link_services;
mod psql;
mod queues;
mod report;
mod rows;
mod settings;
mod stats;
mod system;
mod worker_rate;
mod wrk;

use std::{panic::AssertUnwindSafe, process::ExitCode};

use e2e::console::{print, say, until_ended};
use futures_util::FutureExt as _;

use rows::{ROWS, Row};
use settings::Settings;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => {
            say(&format!("bench: {error:#}"));
            return ExitCode::from(2);
        }
    };
    let names: Vec<_> = std::env::args().skip(1).collect();
    let is_known = |name: &String| ROWS.iter().any(|row| row.name == *name);
    if !names.iter().all(is_known) {
        say(&usage());
        return ExitCode::from(2);
    }
    let is_asked_for = |row: &&Row| names.is_empty() || names.iter().any(|name| *name == row.name);
    let rows: Vec<_> = ROWS.iter().filter(is_asked_for).collect();
    until_ended(run(rows, settings)).await
}

/// Runs the rows. If one fails, the others still run.
async fn run(rows: Vec<&Row>, settings: Settings) -> ExitCode {
    let mut have_all_passed = true;
    for row in rows {
        let run = AssertUnwindSafe((row.run)(&settings)).catch_unwind();
        have_all_passed &= match run.await {
            Ok(Ok(verdict)) => {
                print(&verdict.to_string());
                verdict.is_passed()
            }
            Ok(Err(error)) => {
                say(&format!("bench {}: {error:#}", row.name));
                false
            }
            // The panic has printed its message.
            Err(_) => false,
        };
    }
    match have_all_passed {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn usage() -> String {
    let rows = ROWS
        .iter()
        .map(|row| format!("  {:<13}{}", row.name, row.description));
    let rows: Vec<_> = rows.collect();
    format!(
        "scripts/bench [ROW...] measures all rows, or these:\n\n{}\n\n{}",
        rows.join("\n"),
        settings::HELP
    )
}
