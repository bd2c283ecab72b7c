//! How fast workers store what is in the queues.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::{console::say, service::Service};

use crate::{
    events::EventMix,
    queues,
    report::{Bar, Rounds, Verdict, print_line},
    stats::{median, ratios},
    system::{Cores, System},
};

/// Counters of what a worker has stored.
const STORED: [&str; 2] = [
    "waypost_worker_clicks_stored_total",
    "waypost_worker_conversions_stored_total",
];
/// The queues of a round must be empty by then.
const LIMIT: Duration = Duration::from_secs(900);
/// Time between two looks at the counters.
const INTERVAL: Duration = Duration::from_millis(50);

/// A system whose tables have the partitions of today's events: a worker makes those with
/// the first event of a day, and that is not measured.
pub async fn start_system() -> Result<System> {
    let system = System::start(Cores::Shared, &queues::SETTINGS).await?;
    let mix = EventMix {
        n_accounts: 20,
        seed: 1_000,
        ..EventMix::CLICKS
    };
    queues::fill(&system, 1_000, mix).await;
    drain(&system, 1_000, 1, pause).await?;
    Ok(system)
}

/// Fills the queues and measures how many events per second workers store of them, from the
/// first commit that is seen to the last. `meanwhile` runs between two looks.
pub async fn fill_and_drain(
    system: &System,
    n_events: usize,
    mix: EventMix,
    n_workers: usize,
    meanwhile: impl AsyncFnMut(),
) -> Result<f64> {
    queues::fill(system, n_events, mix).await;
    system.test_env.db.batch_execute("CHECKPOINT").await?;
    let rate = drain(system, n_events, n_workers, meanwhile).await?;
    ensure!(
        rate > 0.0,
        "all {n_events} events were seen in one commit: too few for a rate"
    );
    say(&format!("{rate:.0} events/s"));
    Ok(rate)
}

/// Runs workers until they have stored `n_events`: the rate, from the first commit that is
/// seen to the last, in events per second.
pub async fn drain(
    system: &System,
    n_events: usize,
    n_workers: usize,
    mut meanwhile: impl AsyncFnMut(),
) -> Result<f64> {
    let start = Instant::now();
    let workers = system.start_workers(n_workers);
    let mut first = None;
    let rate = loop {
        let now = Instant::now();
        let n_stored = n_stored(&workers).await;
        if n_stored > 0 && first.is_none() {
            first = Some((now, n_stored));
        }
        if let Some((first_seen, first_n)) = first
            && n_stored >= n_events
        {
            let seconds = (now - first_seen).as_secs_f64();
            break match seconds > 0.0 {
                true => (n_stored - first_n) as f64 / seconds,
                false => 0.0,
            };
        }
        ensure!(
            start.elapsed() < LIMIT,
            "the queues were not drained within {LIMIT:?}: {n_stored} of {n_events} events are stored"
        );
        meanwhile().await;
    };
    workers.into_iter().for_each(Service::terminate);
    Ok(rate)
}

/// Events that the workers have stored since they started.
pub async fn n_stored(workers: &[Service]) -> usize {
    let mut n = 0.0;
    for worker in workers {
        for name in STORED {
            n += worker.metric(name).await;
        }
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of events"
    )]
    let n = n as usize;
    n
}

/// A drain that does nothing between two samples.
pub async fn pause() {
    tokio::time::sleep(INTERVAL).await;
}

/// The rates of two kinds of drain, a pair per round.
#[derive(Debug, Default)]
pub struct Comparison {
    pub rates: Vec<f64>,
    pub references: Vec<f64>,
}

impl Comparison {
    pub const N_ROUNDS: u64 = 3;

    /// Prints both, and gives the verdict.
    pub fn verdict(&self, name: &'static str, bar: f64, labels: [&str; 2]) -> Verdict {
        print_line("", &["events/s"]);
        for (label, rates) in labels.into_iter().zip([&self.rates, &self.references]) {
            print_line(label, &[format!("{:.0}", median(rates))]);
        }
        let rounds = Rounds {
            name,
            unit: "events/s",
            values: &self.rates,
            ratios: &ratios(&self.rates, &self.references),
            bar: Bar::AtLeast(bar),
        };
        rounds.verdict()
    }
}
