//! `soak SECONDS SVG`: mixed traffic on private servers for some time, and a check that memory
//! and connections do not grow. See scripts/soak.

use std::{
    collections::BTreeMap,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use e2e::{
    console::{print, say, until_ended},
    faults::{PrivateServers, Profile, Setup, Testbed},
    load::{Audit, Summary, Traffic},
};
use plotters::prelude::{
    ChartBuilder, Color as _, IntoDrawingArea as _, LineSeries, PathElement, RGBColor, SVGBackend,
    WHITE,
};

/// As many links are deactivated as created, so that caches of links do not grow.
const TRAFFIC: Traffic = Traffic {
    requests_per_second: 300,
    per_cent_conversions: 10,
    per_cent_mints: 5,
    per_cent_deactivations: 5,
};
/// Time between two samples.
const INTERVAL: Duration = Duration::from_secs(5);
/// How much more memory a service may use in the last third of the time than in the second:
/// this share, or [`MAX_GROWTH_MIB`] if that is more. The first third is for caches to fill.
const MAX_GROWTH: f64 = 0.05;
const MAX_GROWTH_MIB: f64 = 4.0;

/// A sample of a process.
#[derive(Debug, Clone, Copy)]
struct Look {
    at: Duration,
    rss_mib: f64,
    /// Number of open sockets.
    n_sockets: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [seconds, svg] = &args[..] else {
        say("usage: soak SECONDS SVG");
        return ExitCode::from(2);
    };
    let Ok(seconds @ 30..=7200) = seconds.parse() else {
        say("SECONDS is a number from 30 to 7200");
        return ExitCode::from(2);
    };
    until_ended(run(Duration::from_secs(seconds), svg.as_ref())).await
}

async fn run(time: Duration, svg: &Path) -> ExitCode {
    say("starting private servers and services");
    let servers = Arc::new(PrivateServers::start());
    let profile = Profile {
        traffic: TRAFFIC,
        n_links: 5000,
        ..Profile::FULL
    };
    let mut testbed = Testbed::start(servers, &Setup::default(), profile).await;
    let pids = testbed.pids();
    let mut looks: BTreeMap<&str, Vec<Look>> = BTreeMap::new();
    let start = Instant::now();
    let mut ticks = tokio::time::interval(INTERVAL);
    while start.elapsed() < time {
        ticks.tick().await;
        for (name, pid) in &pids {
            looks
                .entry(name)
                .or_default()
                .push(look(*pid, start.elapsed()));
        }
        if start.elapsed().as_secs() % 60 < INTERVAL.as_secs() {
            let n = testbed.load.expectations().redirects.len();
            say(&format!(
                "{:>4} s, {n} redirects",
                start.elapsed().as_secs()
            ));
        }
    }
    testbed.load.stop().await;
    let recovery = testbed.wait_for_clicks(&Default::default()).await;
    testbed.wait_for_conversions(&Default::default()).await;
    let empty = testbed.wait_for_empty_spools().await;
    let expectations = std::mem::take(&mut *testbed.load.expectations());
    let n_unrecorded = testbed.n_unrecorded().await;
    let mut audit = Audit::run(
        &expectations,
        &testbed.test_env,
        &Default::default(),
        n_unrecorded,
    )
    .await;
    if recovery.is_none() {
        audit.violations.push("not all was stored".to_owned());
    }
    if !empty {
        audit
            .violations
            .push("the spool was not empty again".to_owned());
    }
    audit.violations.extend(testbed.shut_down().await);
    let redirects = Summary::from_samples(&expectations.redirects);
    let others = Summary::from_samples(
        expectations
            .conversion_requests
            .iter()
            .chain(&expectations.api_requests),
    );
    for (what, summary) in [("redirects", &redirects), ("other requests", &others)] {
        if summary.n_failed() > 0 {
            audit
                .violations
                .push(format!("{what} failed: {:?}", summary.failures));
        }
    }
    audit
        .violations
        .iter()
        .for_each(|wrong| say(&format!("  {wrong}")));

    draw(&looks, time, svg).expect("the plot is written");
    say(&format!("the plot is {}", svg.display()));
    let mut all_passed = audit.is_clean();
    for (name, looks) in &looks {
        all_passed &= judge(name, looks, time);
    }
    print(&format!(
        "soak accounts requests={} failed={} lost={} duplicated={} p99_ms={:.1} {}",
        redirects.n + others.n,
        redirects.n_failed() + others.n_failed(),
        audit.lost,
        audit.duplicated,
        redirects.p99_ms,
        verdict(audit.is_clean()),
    ));
    if all_passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn look(pid: u32, at: Duration) -> Look {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let rss_kib = rss.and_then(|rss| rss.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it is ours");
    let links = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    Look {
        at,
        rss_mib: rss_kib.expect("VmRSS") / 1024.0,
        n_sockets: links
            .filter(|link| link.to_string_lossy().starts_with("socket:"))
            .count(),
    }
}

/// Prints a service's line. Returns whether memory and connections did not grow.
fn judge(name: &str, looks: &[Look], time: Duration) -> bool {
    let third = |i: u32| {
        let looks = looks.iter();
        looks.filter(move |look| look.at >= time * i / 3 && look.at < time * (i + 1) / 3)
    };
    let mib = |i| median(third(i).map(|look| look.rss_mib).collect());
    let sockets = |i| third(i).map(|look| look.n_sockets).max().unwrap_or(0);
    let (before, after) = (mib(1), mib(2));
    let (sockets_before, sockets_after) = (sockets(1), sockets(2));
    let is_flat = after - before <= MAX_GROWTH_MIB.max(before * MAX_GROWTH);
    let passes = is_flat && sockets_after <= sockets_before + sockets_before / 10 + 2;
    print(&format!(
        "soak {name} rss_mib_before={before:.1} rss_mib_after={after:.1} \
         connections_before={sockets_before} connections_after={sockets_after} {}",
        verdict(passes)
    ));
    passes
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn verdict(passes: bool) -> &'static str {
    if passes { "pass" } else { "fail" }
}

/// Draws the memory of each service over time.
fn draw(
    looks: &BTreeMap<&str, Vec<Look>>,
    time: Duration,
    svg: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    const COLORS: [RGBColor; 3] = [
        RGBColor(0, 114, 178),
        RGBColor(213, 94, 0),
        RGBColor(0, 158, 115),
    ];
    let area = SVGBackend::new(svg, (900, 450)).into_drawing_area();
    area.fill(&WHITE)?;
    let most = looks.values().flatten().map(|look| look.rss_mib);
    let top = most.fold(0.0_f64, f64::max) * 1.2;
    let minutes = time.as_secs_f64() / 60.0;
    let mut chart = ChartBuilder::on(&area)
        .caption(
            "Resident memory under mixed traffic, MiB",
            ("sans-serif", 20),
        )
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0..minutes, 0.0..top)?;
    chart
        .configure_mesh()
        .x_desc("minutes")
        .y_desc("MiB")
        .draw()?;
    for ((name, looks), color) in looks.iter().zip(COLORS) {
        let points = looks
            .iter()
            .map(|look| (look.at.as_secs_f64() / 60.0, look.rss_mib));
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE)
        .border_style(RGBColor(160, 160, 160))
        .draw()?;
    area.present()?;
    Ok(())
}
