//! Milliseconds from the answer of a PATCH until two redirectors do as it says, each keeping
//! what it has read for an hour: with Redis, and with Redis stopped. The bar is the greatest of
//! them, in seconds.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::service::Service;
use reqwest::{Method, header, redirect};
use serde_json::json;

use crate::{
    link_services::LinkServices,
    report::{Bar, Verdict, print_line},
    stats::percentile,
    system::{Cores, System},
};

/// Changes that are not measured: with them connections are made and code is loaded.
const N_WARM_UP: usize = 10;
const N_WITH_REDIS: usize = 200;
const N_WITHOUT_REDIS: usize = 40;
/// A change that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(10);
/// Between two requests to a redirector: as exact as the times are.
const POLL_INTERVAL: Duration = Duration::from_millis(1);
const SETTINGS: [(&str, &str); 3] = [
    ("LOCAL_CACHE_TTL_MS", "3600000"),
    ("LOCAL_CACHE_NEGATIVE_TTL_MS", "3600000"),
    // The row asks for a link until that is gone, from one address: that is no guessing.
    ("EDGE_MAX_FAILED_ATTEMPTS_PER_MINUTE", "0"),
];

pub async fn run() -> Result<Verdict> {
    let system = System::start(Cores::Shared, &SETTINGS).await?;
    let services = LinkServices::start(&system).await;
    let second_edge = system.start_second_edge(&services.api);
    let probe = Probe::new(&services, &second_edge).await?;
    probe.change_times_ms(N_WARM_UP).await?;
    let with_redis = probe.change_times_ms(N_WITH_REDIS).await?;
    system.redis.stop();
    let without_redis = probe.change_times_ms(N_WITHOUT_REDIS).await?;

    print_line("ms until both redirectors obey", &["p50", "p99", "max"]);
    for (label, times) in [
        ("with Redis", &with_redis),
        ("without Redis", &without_redis),
    ] {
        print_line(
            &format!("{} changes {label}", times.len()),
            &[
                format!("{:.0}", percentile(times, 0.5)),
                format!("{:.0}", percentile(times, 0.99)),
                format!("{:.0}", percentile(times, 1.0)),
            ],
        );
    }
    let max_ms = percentile(&[with_redis, without_redis].concat(), 1.0).trunc();
    Ok(Verdict {
        name: "changes",
        value: format!("{max_ms:.0}"),
        unit: "ms",
        ratio: max_ms / 1_000.0,
        bar: Bar::AtMost(1.0),
    })
}

/// Changes a link, and asks both redirectors for it over connections that stay open.
struct Probe<'s> {
    services: &'s LinkServices,
    http: reqwest::Client,
    link_id: String,
    /// The link's URL at each redirector.
    urls: [String; 2],
}

impl<'s> Probe<'s> {
    async fn new(services: &'s LinkServices, second_edge: &Service) -> Result<Self> {
        let body = json!({ "url": "https://example.com/", "listId": services.tenant.list_id });
        let path = "/api/v2/links/shorten";
        let link = services
            .client
            .create(&services.tenant.key, path, &body)
            .await;
        let link_id = link["linkId"]
            .as_str()
            .context("a link has an id")?
            .to_owned();
        let edges = [&services.edge, second_edge];
        Ok(Self {
            services,
            http: reqwest::Client::builder()
                .redirect(redirect::Policy::none())
                .no_proxy()
                .build()?,
            urls: edges.map(|edge| format!("{}/{link_id}", edge.url("edge.address"))),
            link_id,
        })
    }

    /// For each of `n` changes, the milliseconds until both redirectors obey.
    async fn change_times_ms(&self, n: usize) -> Result<Vec<f64>> {
        let mut times = Vec::new();
        for (status, expected) in [("deactivated", 404), ("active", 302)]
            .iter()
            .cycle()
            .take(n)
        {
            self.change(status).await?;
            let start = Instant::now();
            for url in &self.urls {
                while self.status(url).await? != *expected {
                    ensure!(
                        start.elapsed() < LIMIT,
                        "a redirector did not obey a change within {LIMIT:?}"
                    );
                    tokio::time::sleep(POLL_INTERVAL).await;
                }
            }
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        Ok(times)
    }

    async fn change(&self, status: &str) -> Result<()> {
        let path = format!("/api/v2/links/{}", self.link_id);
        let body = json!({ "status": status });
        let (client, key) = (&self.services.client, &self.services.tenant.key);
        let (code, answer) = client.call(key, Method::PATCH, &path, Some(&body)).await;
        ensure!(code == 200, "PATCH {path}: {code} {answer}");
        Ok(())
    }

    async fn status(&self, url: &str) -> Result<u16> {
        let request = self.http.get(url);
        let request = request.header(header::HOST, &self.services.tenant.short_host);
        Ok(request.send().await?.status().as_u16())
    }
}
