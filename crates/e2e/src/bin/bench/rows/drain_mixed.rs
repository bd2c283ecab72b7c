//! Events per second out of the queues of 20 accounts, a tenth of them conversions, against the
//! same number of clicks alone.

use anyhow::Result;

use crate::{
    events::EventMix,
    report::Verdict,
    settings::Settings,
    worker_rate::{Comparison, fill_and_drain, pause, start_system},
};

pub async fn run(settings: &Settings) -> Result<Verdict> {
    let n = settings.n_events;
    let system = start_system().await?;
    let mut comparison = Comparison::default();
    for round in 1..=Comparison::N_ROUNDS {
        let clicks = EventMix {
            n_accounts: 20,
            seed: round * 10 + 1,
            ..EventMix::CLICKS
        };
        let mixed = EventMix {
            per_cent_conversions: 10,
            seed: round * 10 + 2,
            ..clicks
        };
        let reference = fill_and_drain(&system, n, clicks, 1, pause).await?;
        comparison.references.push(reference);
        let rate = fill_and_drain(&system, n, mixed, 1, pause).await?;
        comparison.rates.push(rate);
    }
    let labels = ["a tenth conversions", "clicks alone"];
    Ok(comparison.verdict("drain-mixed", 0.8, labels))
}
