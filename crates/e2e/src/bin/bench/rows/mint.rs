//! Links per second by `POST /v2/links/bulk`, 1,000 at once over 4 connections, against a raw
//! COPY of the same rows into a table with the same indexes; and single creates over 16
//! connections. Everything shares all cores.

use std::time::Duration;

use anyhow::Result;
use e2e::console::say;
use serde_json::json;

use super::link_tables;
use crate::{
    link_services::{LinkServices, post_load},
    report::{Bar, Rounds, Verdict, print_line},
    settings::Settings,
    stats::{median, ratios},
    system::{Cores, System},
    wrk::{Load, LoadResult, POST},
};

/// Links of a bulk request.
const BULK: usize = 1_000;

pub async fn run(settings: &Settings) -> Result<Verdict> {
    let system = System::start(Cores::Shared, &[]).await?;
    let services = LinkServices::start(&system).await;
    let folder = system.test_env.folder.path();
    let link = services.tenant.link_body();
    let (single_file, bulk_file) = (folder.join("single.json"), folder.join("bulk.json"));
    std::fs::write(
        &bulk_file,
        json!({ "links": vec![&link; BULK] }).to_string(),
    )?;
    std::fs::write(&single_file, link.to_string())?;
    let variables = [bulk_file, single_file].map(|file| {
        [
            ("BODY", file.display().to_string()),
            ("API_KEY", services.tenant.key.clone()),
        ]
    });
    let bulk = |time: Duration| {
        let load = post_load(&services, "/v2/links/bulk", POST, &variables[0]);
        Load { time, ..load }.run(folder)
    };
    let single = |time: Duration| {
        let load = Load {
            n_connections: 16,
            ..post_load(&services, "/v2/links", POST, &variables[1])
        };
        Load { time, ..load }.run(folder)
    };
    bulk(Duration::from_secs(2))?;

    let (mut bulk_results, mut single_results) = (Vec::new(), Vec::new());
    let mut copy_rates = Vec::new();
    for round in 1..=settings.n_rounds {
        link_tables::empty(&system).await?;
        bulk_results.push(bulk(settings.round)?);
        copy_rates.push(link_tables::copy_rate(&system).await?);
        single_results.push(single(settings.round)?);
        say(&format!(
            "round {round}: COPY {:.0}/s, bulk {:.0}/s, single {:.0}/s",
            copy_rates[round - 1],
            bulk_results[round - 1].requests_per_second * BULK as f64,
            single_results[round - 1].requests_per_second
        ));
    }
    let bulk_rates = link_rates(&bulk_results, BULK);
    let single_rates = link_rates(&single_results, 1);
    print_line("", &["links/s", "p50 ms", "p99 ms"]);
    print_line("COPY", &[format!("{:.0}", median(&copy_rates))]);
    print_medians("bulk, 1,000 a request", &bulk_rates, &bulk_results);
    print_medians("single, 16 connections", &single_rates, &single_results);
    let rounds = Rounds {
        name: "mint",
        unit: "links/s",
        values: &bulk_rates,
        ratios: &ratios(&bulk_rates, &copy_rates),
        bar: Bar::AtLeast(0.25),
    };
    Ok(rounds.verdict())
}

fn link_rates(results: &[LoadResult], links_per_request: usize) -> Vec<f64> {
    let rates = results.iter().map(|result| result.requests_per_second);
    rates.map(|rate| rate * links_per_request as f64).collect()
}

fn print_medians(label: &str, rates: &[f64], results: &[LoadResult]) {
    let p50_ms: Vec<_> = results.iter().map(|result| result.p50_ms).collect();
    let p99_ms: Vec<_> = results.iter().map(|result| result.p99_ms).collect();
    print_line(
        label,
        &[
            format!("{:.0}", median(rates)),
            format!("{:.2}", median(&p50_ms)),
            format!("{:.2}", median(&p99_ms)),
        ],
    );
}
