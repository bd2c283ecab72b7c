//! Checks that no entry of the lists of crawlers takes a person's browser for a bot
//! (`scripts/update-lists`). Reads people's user agents, one a line, and prints each entry
//! that knows one of them, with the first that it knows. What looks like no browser's is
//! passed over: apps that only fetch may be in the lists.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, stdin},
    process::ExitCode,
};

use domain::bot::{Rules, is_browser};

/// Fewer are no check.
const MIN_BROWSERS: usize = 1_000;

fn main() -> ExitCode {
    let rules = Rules::built_in();
    let mut n_browsers = 0;
    let mut wrong = BTreeMap::new();
    for line in stdin().lock().lines() {
        let user_agent = line.expect("user agents are text");
        if !is_browser(&user_agent) {
            continue;
        }
        n_browsers += 1;
        if let Some(entry) = rules.agent(Some(&user_agent)).list_entry() {
            wrong.entry(entry).or_insert(user_agent);
        }
    }
    eprintln!("{n_browsers} user agents of browsers were looked up");
    if n_browsers < MIN_BROWSERS {
        eprintln!("list-check: fewer than {MIN_BROWSERS} user agents of browsers were given");
        return ExitCode::FAILURE;
    }
    for (entry, user_agent) in &wrong {
        println!("{entry}\t{user_agent}");
    }
    match wrong.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
