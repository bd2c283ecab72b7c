//! Milliseconds from a click to its message click in Postgres, at 2,000 clicks per second,
//! through all services. The bar is the 99th percentile, in seconds.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::{service::Service, wait::wait_for};

use crate::{
    link_services::LinkServices,
    report::{Bar, Verdict, print_line},
    settings::Settings,
    system::{Cores, System},
    worker_rate::n_stored,
    wrk::{Load, VISIT_WITH_PAUSES},
};

/// Each of them clicks ten times a second.
const N_CONNECTIONS: usize = 200;
const RECORDED: &str = "waypost_edge_requests_total{outcome=\"click\"}";
const DELAY_BUCKET: &str = "waypost_worker_click_store_delay_seconds_bucket{le=\"";

pub async fn run(settings: &Settings) -> Result<Verdict> {
    let system = System::start(Cores::Shared, &[]).await?;
    let services = LinkServices::start(&system).await;
    let workers = system.start_workers(1);
    let paths = services.write_paths(&system).await?.display().to_string();
    let load = Load {
        url: format!("{}/", services.edge.url("edge.address")),
        core: None,
        n_connections: N_CONNECTIONS,
        time: settings.lag,
        timeout: Duration::from_secs(2),
        script: VISIT_WITH_PAUSES,
        variables: &[("PATHS", paths)],
        headers: &services.visitor_headers(),
    };
    let result = load.run(system.test_env.folder.path())?;
    let n_clicks = services.edge.metric(RECORDED).await;
    wait_for("all clicks to be stored", n_clicks, async || {
        n_stored(&workers).await as f64
    })
    .await;
    let n_rows = system.test_env.count("SELECT count(*) FROM clicks").await as f64;
    ensure!(
        n_rows == n_clicks,
        "{n_rows} of {n_clicks} clicks are in Postgres"
    );

    let percentile_ms = percentiles_ms(&workers[0], n_clicks).await?;
    print_line("", &["p50 ms", "p99 ms", "p99.9 ms"]);
    let [p50, p99, p99_9] = percentile_ms;
    print_line(
        &format!(
            "{:.0} clicks/s, {n_clicks} clicks, at most",
            result.requests_per_second
        ),
        &[p50, p99, p99_9],
    );
    Ok(Verdict {
        name: "lag",
        value: format!("{:.0}", p99.trunc()),
        unit: "ms",
        ratio: p99 / 1_000.0,
        bar: Bar::AtMost(1.0),
    })
}

/// The 50th, 99th and 99.9th percentile of the worker's histogram of delays: the upper ends
/// of their buckets.
async fn percentiles_ms(worker: &Service, n_clicks: f64) -> Result<[f64; 3]> {
    let metrics = worker.metrics().await;
    let buckets: Vec<_> = metrics.lines().filter_map(bucket).collect();
    let percentile = |share: f64| {
        let bucket = buckets.iter().find(|(_, n)| *n >= share * n_clicks);
        let (seconds, _) = bucket.context("the histogram has all clicks")?;
        anyhow::Ok(seconds * 1e3)
    };
    Ok([percentile(0.5)?, percentile(0.99)?, percentile(0.999)?])
}

/// A bucket's upper end in seconds, and the number of clicks that are not above it.
fn bucket(line: &str) -> Option<(f64, f64)> {
    let (seconds, n) = line.strip_prefix(DELAY_BUCKET)?.split_once("\"} ")?;
    let seconds = if seconds == "+Inf" {
        f64::INFINITY
    } else {
        seconds.parse().ok()?
    };
    Some((seconds, n.trim().parse().ok()?))
}
