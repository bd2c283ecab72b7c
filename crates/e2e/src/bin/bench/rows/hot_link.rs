//! Clicks of new visitors per second, on a link that has many clicks and as many conversions,
//! against the same on a fresh link of the account. Takes five minutes at full size.

use anyhow::{Result, ensure};
use e2e::console::say;

use crate::{
    events::EventMix,
    queues,
    report::Verdict,
    settings::Settings,
    worker_rate::{Comparison, drain, fill_and_drain, pause, start_system},
};

const HOT_LINK: i64 = 1;
/// The links without a history have the keys behind this.
const FRESH_LINKS: i64 = 10_000;
/// Clicks of a round.
const N_CLICKS: usize = 150_000;

pub async fn run(settings: &Settings) -> Result<Verdict> {
    let n = settings.history;
    // Never more than the history: the point is that it is longer than what is added.
    let n_clicks = N_CLICKS.min(n);
    let system = start_system().await?;
    say(&format!(
        "making a link with {n} clicks and {n} conversions"
    ));
    for (seed, per_cent_conversions) in [(1, 0), (2, 100)] {
        let mix = EventMix {
            per_cent_conversions,
            ..clicks_of(HOT_LINK, seed)
        };
        queues::fill(&system, n, mix).await;
        drain(&system, n, 1, pause).await?;
    }
    let credited = "SELECT count(*) FROM conversions WHERE credited_click_id IS NOT NULL";
    let n_credited = system.test_env.count(credited).await;
    ensure!(
        n_credited == n as i64,
        "{n_credited} of {n} conversions are credited"
    );
    system.test_env.db.batch_execute("VACUUM ANALYZE").await?;

    let mut comparison = Comparison::default();
    for (round, link) in (1..=Comparison::N_ROUNDS).zip(FRESH_LINKS + 1..) {
        let fresh = clicks_of(link, round * 10 + 3);
        let hot = clicks_of(HOT_LINK, round * 10 + 4);
        let reference = fill_and_drain(&system, n_clicks, fresh, 1, pause).await?;
        comparison.references.push(reference);
        let rate = fill_and_drain(&system, n_clicks, hot, 1, pause).await?;
        comparison.rates.push(rate);
    }
    let labels = ["the link with a history", "a fresh link"];
    Ok(comparison.verdict("hot-link", 0.8, labels))
}

fn clicks_of(link_key: i64, seed: u64) -> EventMix {
    EventMix {
        link_key: Some(link_key),
        seed,
        ..EventMix::CLICKS
    }
}
