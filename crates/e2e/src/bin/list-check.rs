//! Checks that no entry of the lists of crawlers takes a person's browser for a bot
//! (`scripts/update-lists`). Reads people's user agents, one a line. Prints each entry that
//! matches one of them, with the first match. User agents that are not browsers' are skipped,
//! since the lists may contain apps that only fetch.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, Write as _, stderr, stdin, stdout},
    process::ExitCode,
};

use domain::bot::{BotRules, is_browser};

/// The least number of user agents: fewer would check too little.
const MIN_BROWSERS: usize = 1_000;

fn main() -> io::Result<ExitCode> {
    let rules = BotRules::built_in();
    let mut n_browsers = 0;
    let mut wrong = BTreeMap::new();
    for line in stdin().lock().lines() {
        let user_agent = line?;
        if !is_browser(&user_agent) {
            continue;
        }
        n_browsers += 1;
        if let Some(entry) = rules
            .match_user_agent(Some(&user_agent))
            .crawler_list_entry()
        {
            wrong.entry(entry).or_insert(user_agent);
        }
    }
    writeln!(
        stderr(),
        "{n_browsers} user agents of browsers were looked up"
    )?;
    if n_browsers < MIN_BROWSERS {
        writeln!(
            stderr(),
            "list-check: give it {MIN_BROWSERS} of them at least"
        )?;
        return Ok(ExitCode::FAILURE);
    }
    for (entry, user_agent) in &wrong {
        writeln!(stdout(), "{entry}\t{user_agent}")?;
    }
    Ok(match wrong.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
