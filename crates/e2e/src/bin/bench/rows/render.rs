//! Messages rendered per second with 2 links each, 1,000 a request over 4 connections, and
//! their links against a raw COPY as in `mint`.

use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::console::say;
use serde_json::json;

use super::link_tables;
use crate::{
    link_services::{LinkServices, post_load},
    report::{Bar, Rounds, Verdict, print_line},
    settings::Settings,
    stats::{median, ratios},
    system::{Cores, System},
    wrk::{Load, RENDER},
};

const MESSAGES_PER_REQUEST: f64 = 1_000.0;
const LINKS_PER_MESSAGE: f64 = 2.0;

pub async fn run(settings: &Settings) -> Result<Verdict> {
    let system = System::start(Cores::Shared, &[]).await?;
    let services = LinkServices::start(&system).await;
    let tenant = &services.tenant;
    let creative = json!({
        "name": "bench",
        "message": "Hi {{contact.first_name}}, shop now: {{link1}} or {{link2}}",
        "offer_links": [
            { "key": "link1", "offer_id": tenant.offer_id, "url_params": { "sub1": "sms" } },
            { "key": "link2", "offer_id": tenant.offer_id },
        ],
    });
    let path = "/api/v2/creatives";
    let creative = services.client.create(&tenant.key, path, &creative).await;
    let id = creative["creative"]["id"]
        .as_i64()
        .context("a creative has an id")?;
    let variables = [
        ("LIST_ID", tenant.list_id.to_string()),
        ("API_KEY", tenant.key.clone()),
    ];
    let path = format!("/v2/creatives/{id}/render");
    let render = |time: Duration| {
        let load = post_load(&services, &path, RENDER, &variables);
        Load { time, ..load }.run(system.test_env.folder.path())
    };
    link_tables::empty(&system).await?;
    render(Duration::from_secs(2))?;

    let (mut results, mut copy_rates) = (Vec::new(), Vec::new());
    for round in 1..=settings.n_rounds {
        link_tables::empty(&system).await?;
        let result = render(settings.round)?;
        let copy_rate = link_tables::copy_rate(&system).await?;
        say(&format!(
            "round {round}: COPY {copy_rate:.0} links/s, render {:.0} messages/s",
            result.requests_per_second * MESSAGES_PER_REQUEST
        ));
        results.push(result);
        copy_rates.push(copy_rate);
    }
    let rates: Vec<_> = results
        .iter()
        .map(|result| result.requests_per_second * MESSAGES_PER_REQUEST)
        .collect();
    let link_rates: Vec<_> = rates.iter().map(|rate| rate * LINKS_PER_MESSAGE).collect();
    let p50_ms: Vec<_> = results.iter().map(|result| result.p50_ms).collect();
    let p99_ms: Vec<_> = results.iter().map(|result| result.p99_ms).collect();
    print_line("", &["messages/s", "links/s", "p50 ms", "p99 ms"]);
    let copied = format!("{:.0}", median(&copy_rates));
    print_line("COPY", &["", &copied]);
    print_line(
        "render, 1,000 a request",
        &[
            format!("{:.0}", median(&rates)),
            format!("{:.0}", median(&link_rates)),
            format!("{:.2}", median(&p50_ms)),
            format!("{:.2}", median(&p99_ms)),
        ],
    );
    let rounds = Rounds {
        name: "render",
        unit: "messages/s",
        values: &rates,
        ratios: &ratios(&link_rates, &copy_rates),
        bar: Bar::AtLeast(0.2),
    };
    Ok(rounds.verdict())
}
