//! `faults [--short] [NAME...]`: runs faults and prints their results. See scripts/faults.

use std::{panic::AssertUnwindSafe, process::ExitCode, sync::Arc};

use e2e::{
    console::{print, say, until_ended},
    faults::{FAULTS, Fault, Outcome, PrivateServers, Profile},
};
use futures_util::FutureExt as _;

#[tokio::main(flavor = "multi_thread", worker_threads = 4)]
async fn main() -> ExitCode {
    let mut profile = Profile::FULL;
    let mut names = Vec::new();
    for arg in std::env::args().skip(1) {
        match arg.as_str() {
            "--short" => profile = Profile::SHORT,
            _ => names.push(arg),
        }
    }
    let unknown = names
        .iter()
        .find(|name| FAULTS.iter().all(|fault| fault.name != **name));
    if let Some(unknown) = unknown {
        say(&format!("there is no fault {unknown}, but:"));
        for fault in FAULTS {
            say(&format!("  {:<22}{}", fault.name, fault.what));
        }
        return ExitCode::from(2);
    }
    let wanted = |fault: &&Fault| names.is_empty() || names.iter().any(|name| *name == fault.name);
    let faults = FAULTS.iter().filter(wanted).collect();
    until_ended(run(faults, profile)).await
}

async fn run(faults: Vec<&'static Fault>, profile: Profile) -> ExitCode {
    say("starting private servers");
    let servers = Arc::new(PrivateServers::start());
    let mut rows = Vec::new();
    for fault in faults {
        say(&format!("{}: {}", fault.name, fault.what));
        servers.restore();
        // A fault that panics has failed, and the next one runs.
        let run = AssertUnwindSafe(fault.run(servers.clone(), profile));
        let outcome = run.catch_unwind().await.ok();
        for wrong in outcome.iter().flat_map(|outcome| &outcome.audit.violations) {
            say(&format!("  {wrong}"));
        }
        print(&line(fault, outcome.as_ref()));
        rows.push((fault, outcome));
    }
    print(&table(&rows));
    let all_passed = rows
        .iter()
        .all(|(_, outcome)| outcome.as_ref().is_some_and(|outcome| outcome.is_passed));
    if all_passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The result of a fault as a line for programs.
fn line(fault: &Fault, outcome: Option<&Outcome>) -> String {
    let name = fault.name;
    let Some(outcome) = outcome else {
        return format!("fault {name} requests=0 failed=0 lost=0 duplicated=0 p99_ms=0 fail");
    };
    format!(
        "fault {name} requests={} failed={} lost={} duplicated={} p99_ms={:.1} {}",
        outcome.redirects.n,
        outcome.redirects.n_failed(),
        outcome.audit.lost,
        outcome.audit.duplicated,
        outcome.redirects.p99_ms,
        if outcome.is_passed { "pass" } else { "fail" },
    )
}

/// The results of all faults as a table for people.
fn table(rows: &[(&Fault, Option<Outcome>)]) -> String {
    let mut table = format!(
        "\n{:<22}{:>10}{:>8}{:>9}{:>7}{:>12}{:>12}{:>11}{:>13}{:>11}\n",
        "fault",
        "redirects",
        "failed",
        "p99 ms",
        "lost",
        "duplicated",
        "unrecorded",
        "recovered",
        "conversions",
        "mints"
    );
    for (fault, outcome) in rows {
        let Some(outcome) = outcome else {
            table.push_str(&format!("{:<22} it did not end well\n", fault.name));
            continue;
        };
        let of = |summary: &e2e::load::Summary| {
            format!("{}/{}", summary.n - summary.n_failed(), summary.n)
        };
        let recovery = outcome.recovery.map_or_else(
            || "never".to_owned(),
            |time| format!("{:.1} s", time.as_secs_f64()),
        );
        table.push_str(&format!(
            "{:<22}{:>10}{:>8}{:>9.1}{:>7}{:>12}{:>12}{:>11}{:>13}{:>11}  {}\n",
            fault.name,
            outcome.redirects.n,
            outcome.redirects.n_failed(),
            outcome.redirects.p99_ms,
            outcome.audit.lost,
            outcome.audit.duplicated,
            outcome.n_unrecorded,
            recovery,
            of(&outcome.conversions),
            of(&outcome.mints),
            if outcome.is_passed { "pass" } else { "FAIL" },
        ));
    }
    table
}
