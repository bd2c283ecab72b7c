//! Requests at a fixed rate (open loop): a slow answer does not delay the next request, and
//! latency counts from the time at which a request was due.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rand::RngExt as _;
use reqwest::{RequestBuilder, Response, header, redirect};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinHandle};

use super::{
    expectations::{Expectations, ExpectedClick, ExpectedConversion, Link},
    sample::{Failure, Sample},
};
use crate::client::{BROWSER, parameter, split};

/// A request that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Concurrent requests. Further ones wait for a permit, which counts as latency.
const MAX_UNDER_WAY: usize = 512;
/// How often the driver starts the requests that are due.
const TICK: Duration = Duration::from_millis(5);
/// The revenue of each conversion.
const REVENUE: &str = "1.25";
/// The longest time from a change's request to the check of its effect, if all servers answer.
const TIME_OF_A_CHANGE: Duration = Duration::from_secs(3);

/// Where requests go, and the ids that they name.
#[derive(Debug, Clone)]
pub struct Target {
    /// `http://address` of the redirector, or of the balancer before several.
    pub edge: String,
    pub api: String,
    pub key: String,
    pub short_host: String,
    pub list_id: i64,
    /// An SMS offer with `{click_id}` as `clickid` and `{sub1}` as `s1`.
    pub offer_id: String,
}

/// The rate of requests, and how many per cent are of each kind. The rest are clicks.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    pub requests_per_second: u32,
    pub per_cent_conversions: u64,
    pub per_cent_mints: u64,
    pub per_cent_deactivations: u64,
}

impl Traffic {
    pub const fn clicks_and_more(requests_per_second: u32) -> Self {
        Self {
            requests_per_second,
            per_cent_conversions: 10,
            per_cent_mints: 5,
            per_cent_deactivations: 0,
        }
    }
}

pub struct Load {
    client: Arc<LoadClient>,
    stopping: Arc<AtomicBool>,
    driver: JoinHandle<()>,
}

impl Load {
    /// Creates the links, and starts the requests.
    pub async fn start(target: Target, traffic: Traffic, n_links: usize) -> Self {
        let client = Arc::new(LoadClient::new(target, traffic));
        client.mint_in_bulk(n_links).await;
        let stopping = Arc::new(AtomicBool::new(false));
        let driver = tokio::spawn(drive(client.clone(), stopping.clone()));
        Self {
            client,
            stopping,
            driver,
        }
    }

    pub fn expectations(&self) -> MutexGuard<'_, Expectations> {
        self.client.expectations()
    }

    /// Stops creating and changing links until [`Load::change_again`]. Returns after the checks
    /// of earlier changes.
    pub async fn change_nothing(&self) {
        self.client.changes_nothing.store(true, Ordering::Relaxed);
        tokio::time::sleep(TIME_OF_A_CHANGE).await;
    }

    pub fn change_again(&self) {
        self.client.changes_nothing.store(false, Ordering::Relaxed);
    }

    /// Clicks every link once, so that the redirector caches it.
    pub async fn click_all_links(&self) {
        // Numbers that `drive` never reaches.
        const FIRST: u64 = 1 << 41;
        let links: Vec<_> = {
            let links = self
                .client
                .links
                .read()
                .expect("no holder of the lock panics");
            (FIRST..).zip(links.clone()).collect()
        };
        for some in links.chunks(20) {
            let clicks = some
                .iter()
                .map(|(number, link)| self.client.click(link.clone(), *number, Instant::now()));
            futures_util::future::join_all(clicks).await;
        }
    }

    /// Starts no further requests, and waits for those in flight.
    pub async fn stop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        (&mut self.driver).await.expect("the load runs");
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

async fn drive(client: Arc<LoadClient>, stopping: Arc<AtomicBool>) {
    let rate = f64::from(client.traffic.requests_per_second);
    let start = Instant::now();
    let mut number = 0_u32;
    let under_way = Arc::new(Semaphore::new(MAX_UNDER_WAY));
    let mut requests = tokio::task::JoinSet::new();
    while !stopping.load(Ordering::Relaxed) {
        tokio::time::sleep(TICK).await;
        loop {
            let due = start + Duration::from_secs_f64(f64::from(number) / rate);
            if due > Instant::now() {
                break;
            }
            number += 1;
            let (client, under_way) = (client.clone(), under_way.clone());
            requests.spawn(async move {
                let _permit = under_way.acquire().await.expect("it is never closed");
                client.request(u64::from(number), due).await;
            });
        }
        while let Some(done) = requests.try_join_next() {
            done.expect("a request does not panic");
        }
    }
    while let Some(done) = requests.join_next().await {
        done.expect("a request does not panic");
    }
}

struct LoadClient {
    http: reqwest::Client,
    target: Target,
    traffic: Traffic,
    links: RwLock<Vec<Link>>,
    expectations: Mutex<Expectations>,
    changes_nothing: AtomicBool,
}

impl LoadClient {
    fn new(target: Target, traffic: Traffic) -> Self {
        let http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .build();
        Self {
            http: http.expect("a client"),
            target,
            traffic,
            links: RwLock::default(),
            expectations: Mutex::default(),
            changes_nothing: AtomicBool::new(false),
        }
    }

    fn expectations(&self) -> MutexGuard<'_, Expectations> {
        self.expectations
            .lock()
            .expect("no holder of the lock panics")
    }

    async fn request(&self, number: u64, due: Instant) {
        let traffic = self.traffic;
        let kinds = [
            traffic.per_cent_conversions,
            traffic.per_cent_mints,
            traffic.per_cent_deactivations,
        ];
        // Spreads the kinds over each hundred requests.
        let mut kind = number * 37 % 100;
        for (i, per_cent) in kinds.into_iter().enumerate() {
            if kind < per_cent {
                if i > 0 && self.changes_nothing.load(Ordering::Relaxed) {
                    break;
                }
                return match i {
                    0 => self.buy(number, due).await,
                    1 => self.mint(number, due).await,
                    _ => self.deactivate().await,
                };
            }
            kind -= per_cent;
        }
        self.click(self.any_link(), number, due).await;
    }

    fn any_link(&self) -> Link {
        let links = self.links.read().expect("no holder of the lock panics");
        links[rand::rng().random_range(0..links.len())].clone()
    }

    /// A request to the redirector from a random address.
    fn edge_request(&self, path: &str) -> RequestBuilder {
        let [a, b, c]: [u8; 3] = rand::rng().random();
        self.http
            .get(format!("{}{path}", self.target.edge))
            .header(header::HOST, &self.target.short_host)
            .header(header::USER_AGENT, BROWSER)
            .header(header::ACCEPT_LANGUAGE, "en-US")
            .header("X-Forwarded-For", format!("100.{a}.{b}.{c}"))
    }

    async fn click(&self, link: Link, number: u64, due: Instant) {
        let request = self.edge_request(&format!("{}?sub1=n{number}", link.path));
        let answer = send(request, 302).await;
        let sample = sample(due, answer.as_ref().err());
        let mut expectations = self.expectations();
        expectations.redirects.push(sample);
        let Ok(response) = answer else { return };
        let location = response.headers().get(header::LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        let location = location.unwrap_or_default();
        let number = format!("n{number}");
        match parameter(location, "clickid") {
            Some(click_id) if parameter(location, "s1").as_ref() == Some(&number) => {
                let click = ExpectedClick {
                    number,
                    link_id: link.id,
                    message_id: link.message_id,
                    answered: Instant::now(),
                };
                if expectations.clicks.insert(click_id, click).is_some() {
                    expectations
                        .violations
                        .push(format!("{location}: two clicks have this id"));
                }
            }
            _ => expectations
                .violations
                .push(format!("click {number} was sent to {location:?}")),
        }
    }

    async fn buy(&self, number: u64, due: Instant) {
        let link = self.any_link();
        let txn_id = format!("t{number}");
        let path = format!(
            "/conv?link_id={}&event=sale&revenue={REVENUE}&txn_id={txn_id}",
            link.id
        );
        let answer = send(self.edge_request(&path), 200).await;
        let sample = sample(due, answer.as_ref().err());
        let body = match answer {
            Ok(response) => response.json().await.unwrap_or(Value::Null),
            Err(_) => Value::Null,
        };
        let mut expectations = self.expectations();
        let accepted = sample.failure.is_none();
        expectations.conversion_requests.push(sample);
        if !accepted {
            return;
        }
        match body["conversion_id"].as_str() {
            Some(id) => {
                let conversion = ExpectedConversion {
                    conversion_id: id.to_owned(),
                    revenue: REVENUE.to_owned(),
                };
                expectations.conversions.insert(txn_id, conversion);
            }
            None => expectations
                .violations
                .push(format!("conversion {number} was answered {body}")),
        }
    }

    fn api_request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.target.api))
            .header("X-Api-Key", &self.target.key)
    }

    /// The body that creates a link of a message.
    fn wanted(&self, number: u64) -> Value {
        json!({
            "offerId": self.target.offer_id,
            "listId": self.target.list_id,
            "messageId": format!("m-{number}"),
            "contactPhone": format!("+1202555{:04}", number % 10_000),
        })
    }

    fn keep(&self, created: &Value, number: u64) -> bool {
        let Some(id) = created["linkId"].as_str() else {
            return false;
        };
        let short_url = created["shortUrl"].as_str().unwrap_or_default();
        let link = Link {
            id: id.to_owned(),
            path: split(short_url).1.to_owned(),
            message_id: Some(format!("m-{number}")),
        };
        self.expectations().links.insert(id.to_owned());
        self.links
            .write()
            .expect("no holder of the lock panics")
            .push(link);
        true
    }

    /// Creates the first links. Panics if that fails.
    async fn mint_in_bulk(&self, n_links: usize) {
        // Numbers that `drive` never reaches: its numbers are in message ids too.
        const FIRST: u64 = 1 << 40;
        let mut numbers = (FIRST..).take(n_links).peekable();
        while numbers.peek().is_some() {
            let numbers: Vec<_> = numbers.by_ref().take(1000).collect();
            let links: Vec<_> = numbers.iter().map(|&number| self.wanted(number)).collect();
            let request = self
                .api_request(reqwest::Method::POST, "/api/v2/links/bulk")
                .json(&json!({ "links": links }));
            let response = send(request, 201).await.expect("links to click");
            let body: Value = response.json().await.expect("JSON");
            let created = body["links"].as_array().expect("links");
            for (link, number) in created.iter().zip(numbers) {
                assert!(self.keep(link, number), "{link}");
            }
        }
    }

    async fn mint(&self, number: u64, due: Instant) {
        let request = self
            .api_request(reqwest::Method::POST, "/api/v2/links/shorten")
            .json(&self.wanted(number));
        let answer = send(request, 201).await;
        let sample = sample(due, answer.as_ref().err());
        self.expectations().api_requests.push(sample);
        if let Ok(response) = answer {
            let body = response.json().await.unwrap_or(Value::Null);
            if !self.keep(&body, number) {
                let wrong = format!("mint {number} was answered {body}");
                self.expectations().violations.push(wrong);
            }
        }
    }

    /// Deactivates a link, and checks that it redirects no more.
    async fn deactivate(&self) {
        let link = {
            let mut links = self.links.write().expect("no holder of the lock panics");
            let at = rand::rng().random_range(0..links.len());
            links.swap_remove(at)
        };
        // Clicks that chose the link before it was removed are answered by then.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let due = Instant::now();
        let request = self
            .api_request(
                reqwest::Method::PATCH,
                &format!("/api/v2/links/{}", link.id),
            )
            .json(&json!({ "status": "deactivated" }));
        let answer = send(request, 200).await;
        let sample = sample(due, answer.as_ref().err());
        self.expectations().api_requests.push(sample);
        if answer.is_err() {
            return;
        }
        // A change takes effect within a second.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let answer = send(self.edge_request(&link.path), 404).await;
        let mut expectations = self.expectations();
        if let Err(failure) = answer {
            expectations.violations.push(format!(
                "{} is deactivated and answers {failure:?}",
                link.id
            ));
        }
        expectations.deactivated.insert(link.id);
    }
}

/// Sends a request. Another status than `expected` is a failure.
async fn send(request: RequestBuilder, expected: u16) -> Result<Response, Failure> {
    match request.send().await {
        Ok(response) if response.status() == expected => Ok(response),
        Ok(response) => Err(Failure::Status(response.status().as_u16())),
        Err(error) if error.is_connect() => Err(Failure::ConnectionRefused),
        Err(error) => {
            let mut cause: &dyn std::error::Error = &error;
            while let Some(source) = cause.source() {
                cause = source;
            }
            Err(Failure::Broken(cause.to_string()))
        }
    }
}

fn sample(due: Instant, failure: Option<&Failure>) -> Sample {
    Sample {
        due,
        took: due.elapsed(),
        failure: failure.cloned(),
    }
}
