//! Click tracker redirects per second on one core, every click synced to disk before its 302,
//! with verdict and country, and the publisher running; against nginx with one worker on the
//! same core and `return 302`. The load comes from another core.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use e2e::{
    console::{print, say},
    servers::on_core,
    wait::wait_for,
};

use crate::{
    link_services::LinkServices,
    report::{Bar, Rounds, Verdict, print_line},
    settings::Settings,
    stats::{median, ratios},
    system::{Cores, System},
    wrk::{Load, LoadResult, VISIT},
};

const RECORDED: &str = "waypost_edge_requests_total{outcome=\"click\"}";
const UNRECORDED: &str = "waypost_edge_requests_total{outcome=\"unrecorded\"}";
const PUBLISHED: &str = "waypost_edge_published_events_total";

pub async fn run(settings: &Settings) -> Result<Verdict> {
    let system = System::start(Cores::Separate, &[]).await?;
    let services = LinkServices::start(&system).await;
    let folder = system.test_env.folder.path();
    let nginx = Nginx::start(folder, system.tested_core()).await?;
    let variables = [(
        "PATHS",
        services.write_paths(&system).await?.display().to_string(),
    )];
    let headers = services.visitor_headers();
    // Both get the same requests: the path of a link, the documented query, a browser.
    let load = |url: String, time: Duration| {
        let load = Load {
            url,
            core: system.other_core(),
            n_connections: settings.n_connections,
            time,
            timeout: Duration::from_secs(2),
            script: VISIT,
            variables: &variables,
            headers: &headers,
        };
        load.run(folder)
    };
    let edge_url = format!("{}/", services.edge.url("edge.address"));
    load(nginx.url(), Duration::from_secs(1))?;
    load(edge_url.clone(), Duration::from_secs(2))?;

    let n_before = services.edge.metric(RECORDED).await;
    let (mut references, mut results) = (Vec::new(), Vec::new());
    for round in 1..=settings.n_rounds {
        let reference = load(nginx.url(), settings.round)?;
        let result = load(edge_url.clone(), settings.round)?;
        say(&format!(
            "round {round}: nginx {:.0}/s, waypost {:.0}/s",
            reference.requests_per_second, result.requests_per_second
        ));
        references.push(reference);
        results.push(result);
    }
    // Every request that was answered is on disk, and the publisher ran meanwhile.
    let n_recorded = services.edge.metric(RECORDED).await - n_before;
    let n_requests: u64 = results.iter().map(|result| result.n_requests).sum();
    ensure!(
        n_recorded >= n_requests as f64,
        "{n_requests} requests were answered and {n_recorded} clicks recorded"
    );
    let n_unrecorded = services.edge.metric(UNRECORDED).await;
    ensure!(
        n_unrecorded == 0.0,
        "{n_unrecorded} clicks were not recorded"
    );
    let n_published = services.edge.metric(PUBLISHED).await;

    print_line("", &["requests/s", "p50 ms", "p99 ms"]);
    print_medians("nginx, return 302", &references);
    print_medians("waypost, recorded click", &results);
    print(&format!(
        "{n_recorded} clicks answered and recorded; {n_published} published and confirmed so far"
    ));
    let rates = |results: &[LoadResult]| -> Vec<_> {
        results
            .iter()
            .map(|result| result.requests_per_second)
            .collect()
    };
    let rounds = Rounds {
        name: "redirect",
        unit: "requests/s",
        values: &rates(&results),
        ratios: &ratios(&rates(&results), &rates(&references)),
        bar: Bar::AtLeast(0.4),
    };
    Ok(rounds.verdict())
}

fn print_medians(label: &str, results: &[LoadResult]) {
    let of = |value: fn(&LoadResult) -> f64| median(&results.iter().map(value).collect::<Vec<_>>());
    print_line(
        label,
        &[
            format!("{:.0}", of(|result| result.requests_per_second)),
            format!("{:.2}", of(|result| result.p50_ms)),
            format!("{:.2}", of(|result| result.p99_ms)),
        ],
    );
}

/// nginx with one worker that answers every request with the same 302. It ends when it is
/// dropped.
struct Nginx {
    child: Child,
    port: u16,
}

impl Nginx {
    async fn start(folder: &Path, core: Option<u32>) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = include_str!("nginx.conf")
            .replace("{folder}", &folder.display().to_string())
            .replace("{port}", &port.to_string());
        let file = folder.join("nginx.conf");
        std::fs::write(&file, config)?;
        let child = on_core(core, "/usr/sbin/nginx")
            .arg("-c")
            .arg(file)
            .stderr(Stdio::null())
            .spawn()
            .context("starting nginx")?;
        let nginx = Self { child, port };
        wait_for("nginx to listen", true, async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
        })
        .await;
        Ok(nginx)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its worker process ends with it only if it is asked to: SIGTERM, not SIGKILL.
        let pid = self.child.id().to_string();
        drop(std::process::Command::new("kill").arg(pid).status());
        drop(self.child.wait());
    }
}
