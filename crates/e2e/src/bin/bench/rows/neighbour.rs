//! Milliseconds until clicks of one account are stored, 200 a second, while another account
//! gets conversions of one link at half the rate of `drain-mixed`, has its clicks reclassified,
//! its contacts erased, a burst of 200,000 clicks, and somebody runs pg_dump. The bar is the
//! worst 99th percentile, in 2 s. Takes a quarter of an hour at full size.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Result, ensure};
use domain::{
    id::{AccountId, ClickId, ConversionId},
    partition::partition_of_account,
};
use e2e::{
    client::{Client, Tenant},
    console::say,
    lag::{FIRST_ACCOUNT, LagProbe},
    producer::Producer,
    test_environment::{N_PARTITIONS, TestEnvironment},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    events::EventMix,
    report::{Bar, Verdict, print_line},
    settings::Settings,
    worker_rate::{fill_and_drain, pause, start_system},
};

const CLICKS_PER_SECOND: u32 = 200;
/// What the 99th percentile may be, in milliseconds.
const BAR_MS: f64 = 2_000.0;
const PHASE: Duration = Duration::from_secs(20);
const N_BURST: usize = 200_000;
const N_CONTACTS: usize = 50;
const CLICKS_PER_CONTACT: usize = 40;
const LINES_PER_MESSAGE: usize = 500;

pub async fn run(settings: &Settings) -> Result<Verdict> {
    let system = start_system().await?;
    let mixed = EventMix {
        n_accounts: 20,
        per_cent_conversions: 10,
        seed: settings.n_events as u64,
        ..EventMix::CLICKS
    };
    let mixed_rate = fill_and_drain(&system, settings.n_events, mixed, 1, pause).await?;

    let test_env = TestEnvironment::with_servers(system.servers()).await;
    let api = test_env.start_api();
    let worker = test_env.start_worker();
    let busy = BusyAccount {
        tenant: Tenant::create(&test_env, &api, "busy").await,
        client: Client::new(&api, None),
        producer: Producer::open(&test_env).await,
        test_env: &test_env,
        conversions_per_second: mixed_rate / 2.0,
        n_clicks: settings.neighbour_clicks,
    };
    // The neighbour is in another queue: in the same one it waits behind what is before it.
    let partition = |account_id| partition_of_account(AccountId(account_id), N_PARTITIONS);
    let neighbour = (FIRST_ACCOUNT..).find(|id| partition(*id) != partition(busy.account_id()));
    let neighbour = neighbour.expect("there are several partitions");
    let mut worst_ms = 0;
    let mut n_lost = 0;
    print_line(
        "meanwhile, of another account",
        &["clicks", "p50 ms", "p99 ms", "max ms"],
    );
    for phase in Phase::ALL {
        busy.prepare(phase).await;
        let probe = LagProbe::start(&test_env, [neighbour], CLICKS_PER_SECOND).await;
        busy.work(phase).await;
        let lags = probe.finish().await;
        print_line(
            phase.description(),
            &[
                lags.n_clicks() as u64,
                lags.percentile_ms(50),
                lags.percentile_ms(99),
                lags.max_ms(),
            ],
        );
        worst_ms = worst_ms.max(lags.percentile_ms(99));
        n_lost += lags.n_lost;
    }
    worker.stop();
    api.stop();
    ensure!(
        n_lost == 0,
        "{n_lost} clicks of the neighbour were not stored"
    );
    Ok(Verdict {
        name: "neighbour",
        value: worst_ms.to_string(),
        unit: "ms",
        ratio: worst_ms as f64 / BAR_MS,
        bar: Bar::AtMost(1.0),
    })
}

/// What the busy account does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Conversions,
    Reclassify,
    Erase,
    Burst,
    Dump,
}

impl Phase {
    const ALL: [Self; 5] = [
        Self::Conversions,
        Self::Reclassify,
        Self::Erase,
        Self::Burst,
        Self::Dump,
    ];

    fn description(self) -> &'static str {
        match self {
            Self::Conversions => "conversions of one link",
            Self::Reclassify => "all its clicks are reclassified",
            Self::Erase => "its contacts are erased",
            Self::Burst => "a burst of 200,000 clicks is stored and found",
            Self::Dump => "pg_dump, and conversions of one link",
        }
    }
}

struct BusyAccount<'e> {
    test_env: &'e TestEnvironment,
    tenant: Tenant,
    client: Client,
    producer: Producer,
    conversions_per_second: f64,
    /// Clicks that are reclassified.
    n_clicks: usize,
}

impl BusyAccount<'_> {
    fn account_id(&self) -> i64 {
        self.tenant.account_id
    }

    /// Stores what a phase needs, before anything is measured.
    async fn prepare(&self, phase: Phase) {
        let n_clicks = self.n_clicks;
        match phase {
            Phase::Reclassify => {
                say(&format!("storing {n_clicks} clicks"));
                let lines = (0..n_clicks).map(|number| self.click(number, None));
                self.publish(lines).await;
                self.wait_for("clicks", n_clicks).await;
            }
            Phase::Erase => {
                for contact in 0..N_CONTACTS {
                    let body = json!({
                        "url": "https://example.com/", "listId": self.tenant.list_id,
                        "contactPhone": phone(contact),
                    });
                    self.call(Method::POST, "/api/v2/links/shorten", Some(body))
                        .await;
                }
                let sql = "SELECT id, contact_phone FROM links WHERE contact_phone IS NOT NULL";
                let links = self.test_env.db.query(sql, &[]).await.expect(sql);
                let links = links
                    .iter()
                    .map(|row| (row.get(0), row.get::<_, String>(1)));
                let lines = links.flat_map(|link| {
                    (0..CLICKS_PER_CONTACT).map(move |number| self.click(number, Some(&link)))
                });
                self.publish(lines.collect::<Vec<_>>().into_iter()).await;
                self.wait_for("clicks", n_clicks + N_CONTACTS * CLICKS_PER_CONTACT)
                    .await;
            }
            Phase::Conversions | Phase::Burst | Phase::Dump => {}
        }
    }

    async fn work(&self, phase: Phase) {
        match phase {
            Phase::Conversions => self.convert(PHASE).await,
            Phase::Reclassify => {
                let mut body = json!({ "filter": { "verdict": "human" }, "verdict": "bot" });
                loop {
                    let path = "/api/v2/clicks/reclassify";
                    let answer = self.call(Method::POST, path, Some(body.clone())).await;
                    if answer["next_cursor"].is_null() {
                        break;
                    }
                    body["cursor"] = answer["next_cursor"].clone();
                }
            }
            Phase::Erase => {
                for contact in 0..N_CONTACTS {
                    let path = format!("/api/v2/contacts/{}", phone(contact));
                    self.call(Method::DELETE, &path, None).await;
                }
            }
            Phase::Burst => {
                let now_ms = now_ms();
                let lines = (0..N_BURST).map(|_| {
                    let id = ClickId::generate(now_ms, &mut rand::rng());
                    self.click_line(id, "192.0.2.77", None)
                });
                self.publish(lines).await;
                self.wait_for_burst().await;
            }
            Phase::Dump => {
                let url = &self.test_env.env()["DATABASE_URL"];
                let mut dump = Command::new("pg_dump")
                    .args(["--file", "/dev/null", url])
                    .stdout(Stdio::null())
                    .spawn()
                    .expect("pg_dump runs");
                while dump.try_wait().expect("it is ours").is_none() {
                    self.convert(Duration::from_secs(1)).await;
                }
                assert!(dump.wait().expect("it is ours").success(), "pg_dump failed");
            }
        }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let key = &self.tenant.key;
        loop {
            let call = self.client.call(key, method.clone(), path, body.as_ref());
            match call.await {
                (200..300, answer) => return answer,
                // The account is busy: that is what is measured.
                (503, _) => tokio::time::sleep(Duration::from_millis(100)).await,
                (status, answer) => panic!("{path}: {status} {answer}"),
            }
        }
    }

    /// Conversions of one link at the rate, each of a transaction of its own.
    async fn convert(&self, time: Duration) {
        let start = tokio::time::Instant::now();
        let mut n_published = 0;
        while start.elapsed() < time {
            let due = (start.elapsed().as_secs_f64() * self.conversions_per_second) as usize;
            let lines = (n_published..due).map(|_| {
                json!({
                    "conversion_id": ConversionId::generate(now_ms(), &mut rand::rng()),
                    "source": "conv", "event": "sale", "account_id": self.account_id(),
                    "link_key": 1, "link_id": "Ab3kX9q", "revenue": "1.00", "currency": "USD",
                    "txn_id": format!("{:032x}", rand::random::<u128>()), "ip": "192.0.2.1",
                })
                .to_string()
            });
            self.publish(lines).await;
            n_published = due;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A click of the last hour, later than those of smaller numbers.
    fn click(&self, number: usize, link: Option<&(i64, String)>) -> String {
        const HOUR_MS: usize = 3_600_000;
        let age_ms = u64::try_from(HOUR_MS - number % HOUR_MS).expect("64 bits");
        let id = ClickId::generate(now_ms() - age_ms, &mut rand::rng());
        let [_, b, c, d] = u32::try_from(number).expect("few clicks").to_be_bytes();
        self.click_line(id, &format!("10.{b}.{c}.{d}"), link)
    }

    fn click_line(&self, id: ClickId, ip: &str, link: Option<&(i64, String)>) -> String {
        let mut line = json!({
            "click_id": id, "account_id": self.account_id(), "link_key": 1, "link_id": "Ab3kX9q",
            "ip": ip, "user_agent": "Safari", "country": "US",
        });
        if let Some((link_key, phone)) = link {
            line["link_key"] = (*link_key).into();
            line["contact_phone"] = phone.as_str().into();
        }
        line.to_string()
    }

    async fn publish(&self, lines: impl Iterator<Item = String>) {
        let mut message = Vec::new();
        for line in lines {
            message.push(line);
            if message.len() == LINES_PER_MESSAGE {
                self.producer
                    .publish_for_account(self.account_id(), &message)
                    .await;
                message.clear();
            }
        }
        if !message.is_empty() {
            self.producer
                .publish_for_account(self.account_id(), &message)
                .await;
        }
    }

    /// Until so many clicks of the account are stored, however long that takes.
    async fn wait_for(&self, table: &str, n_rows: usize) {
        let account_id = self.account_id();
        let sql = format!("SELECT count(*) FROM {table} WHERE account_id = {account_id}");
        while self.test_env.count(&sql).await < i64::try_from(n_rows).expect("few rows") {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn wait_for_burst(&self) {
        let n_burst = i64::try_from(N_BURST).expect("few clicks");
        let sql = "SELECT count(*) FROM clicks WHERE 'burst' = ANY (bot_reasons)";
        while self.test_env.count(sql).await < n_burst {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).expect("after 1970")
}

fn phone(contact: usize) -> String {
    format!("+1202555{contact:04}")
}
