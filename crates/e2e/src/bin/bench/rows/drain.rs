//! Clicks per second out of a full queue into Postgres by one worker, with their message
//! clicks; against a raw COPY of the same rows into one table with the same primary key and
//! indexes. One round.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::{console::say, service::Service};

use crate::{
    events::EventMix,
    psql, queues,
    report::{Bar, Verdict, print_line},
    settings::Settings,
    worker_rate::{n_stored, start_system},
};

/// The queue must be empty by then.
const LIMIT: Duration = Duration::from_secs(600);
/// Time between two looks at the counter of stored clicks: a look costs the worker a little.
const INTERVAL: Duration = Duration::from_millis(500);

pub async fn run(settings: &Settings) -> Result<Verdict> {
    let n = settings.n_clicks;
    let system = start_system().await?;
    let db = &system.test_env.db;
    db.batch_execute(include_str!("empty_event_tables.sql"))
        .await?;
    say(&format!("filling the queue with {n} clicks"));
    let mix = EventMix {
        seed: n as u64,
        ..EventMix::CLICKS
    };
    queues::fill(&system, n, mix).await;
    db.batch_execute("CHECKPOINT").await?;

    let start = Instant::now();
    let workers = system.start_workers(1);
    while n_stored(&workers).await != n {
        ensure!(
            start.elapsed() < LIMIT,
            "the queue was not drained within {LIMIT:?}"
        );
        tokio::time::sleep(INTERVAL).await;
    }
    let drain_time = start.elapsed();
    workers.into_iter().for_each(Service::terminate);
    ensure_count(&system, "clicks", n).await?;

    let file = system.test_env.folder.path().join("clicks.copy");
    let url = system.database_url();
    psql::copy_to_file(url, "(SELECT * FROM clicks)", &file)?;
    // A table with all that `clicks` has, without its partitions.
    db.batch_execute("CREATE TABLE copied_clicks (LIKE clicks INCLUDING ALL)")
        .await?;
    db.batch_execute("CHECKPOINT").await?;
    let copy_time = psql::copy_from_file(url, "copied_clicks", &file)?;
    ensure_count(&system, "copied_clicks", n).await?;

    let rate = |time: Duration| (n as f64 / time.as_secs_f64()).trunc();
    print_line("", &["clicks/s"]);
    print_line("COPY", &[rate(copy_time)]);
    print_line("drained by the worker", &[rate(drain_time)]);
    Ok(Verdict {
        name: "drain",
        value: rate(drain_time).to_string(),
        unit: "clicks/s",
        ratio: copy_time.as_secs_f64() / drain_time.as_secs_f64(),
        bar: Bar::AtLeast(0.45),
    })
}

async fn ensure_count(system: &crate::system::System, table: &str, n: usize) -> Result<()> {
    let sql = format!("SELECT count(*) FROM {table}");
    let n_rows = system.test_env.count(&sql).await;
    ensure!(n_rows == n as i64, "{table} has {n_rows} rows, not {n}");
    Ok(())
}
