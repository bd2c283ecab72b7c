//! Events per second of four workers against one, of 20 accounts, a tenth of them conversions;
//! and how many of the sessions that work wait for a lock.

use anyhow::{Result, ensure};
use e2e::console::print;

use crate::{
    events::EventMix,
    report::Verdict,
    settings::Settings,
    system::System,
    worker_rate::{Comparison, fill_and_drain, pause, start_system},
};

const N_WORKERS: usize = 4;
/// Of the sessions that work, so many per cent may wait for a lock.
const MAX_WAITING_PER_CENT: f64 = 5.0;

pub async fn run(settings: &Settings) -> Result<Verdict> {
    let system = start_system().await?;
    let mut comparison = Comparison::default();
    let mut sessions = Sessions::default();
    for round in 1..=Comparison::N_ROUNDS {
        let mix = |seed| EventMix {
            n_accounts: 20,
            per_cent_conversions: 10,
            seed,
            ..EventMix::CLICKS
        };
        // Both sides pay for the samples.
        let mut discarded = Sessions::default();
        let one = mix(round * 10 + 5);
        let reference = drain_sampled(&system, settings.n_events, one, 1, &mut discarded);
        comparison.references.push(reference.await?);
        let four = mix(round * 10 + 6);
        let rate = drain_sampled(&system, settings.n_events, four, N_WORKERS, &mut sessions);
        comparison.rates.push(rate.await?);
    }
    let waiting = sessions.waiting_per_cent();
    print(&format!(
        "sessions that work and wait for a lock: {waiting:.1} %"
    ));
    ensure!(
        waiting < MAX_WAITING_PER_CENT,
        "{MAX_WAITING_PER_CENT} % or more of the sessions wait for a lock"
    );
    Ok(comparison.verdict("workers", 1.0, ["four workers", "one worker"]))
}

async fn drain_sampled(
    system: &System,
    n_events: usize,
    mix: EventMix,
    n_workers: usize,
    sessions: &mut Sessions,
) -> Result<f64> {
    let sample = async || {
        sessions.sample(system).await;
        pause().await;
    };
    fill_and_drain(system, n_events, mix, n_workers, sample).await
}

/// Sessions of workers in all samples.
#[derive(Debug, Default)]
struct Sessions {
    n_working: i64,
    n_waiting: i64,
}

impl Sessions {
    async fn sample(&mut self, system: &System) {
        let sql = include_str!("worker_sessions.sql");
        let row = system.test_env.db.query_one(sql, &[]).await.expect(sql);
        self.n_working += row.get::<_, i64>("n_working");
        self.n_waiting += row.get::<_, i64>("n_waiting");
    }

    fn waiting_per_cent(&self) -> f64 {
        match self.n_working {
            0 => 0.0,
            n_working => self.n_waiting as f64 / n_working as f64 * 100.0,
        }
    }
}
