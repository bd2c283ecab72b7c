//! What the redirector takes at most, and what it does when it is too much:
//! pages are refused first, redirects of known links last.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use e2e::{
    client::{BROWSER, split},
    service::Service,
    wait::wait_for,
};
use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::landing::Site;

const DESTINATION: &str = "https://example.com/lp?c={click_id}";

async fn connect(edge: &Service) -> TcpStream {
    TcpStream::connect(edge.address("edge.address"))
        .await
        .unwrap()
}

/// The first line of what is answered to these bytes, empty if the connection
/// is closed without a word.
async fn answer(stream: &mut TcpStream, bytes: &[u8]) -> String {
    // It may be closed before all is sent.
    stream.write_all(bytes).await.ok();
    let mut answer = vec![0; 4096];
    let n = stream.read(&mut answer).await.unwrap_or(0);
    let answer = String::from_utf8_lossy(&answer[..n]).into_owned();
    answer.lines().next().unwrap_or_default().to_owned()
}

fn get(url: &str, more: &str) -> Vec<u8> {
    let (host, path) = split(url);
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {BROWSER}\r\n{more}\r\n")
        .into_bytes()
}

const TOO_LARGE: &str = "HTTP/1.1 431 Request Header Fields Too Large";

#[tokio::test]
async fn requests_are_limited_in_size_and_time() {
    let settings = [("EDGE_CLIENT_TIMEOUT_MS", "2000")];
    let site = Site::start(DESTINATION, json!({}), &settings).await;
    let link = site.link().await;
    let header = |n: usize, bytes: usize| {
        (0..n)
            .map(|i| format!("X-{i}: {}\r\n", "x".repeat(bytes)))
            .collect::<String>()
    };
    for (what, more, expected) in [
        ("90 headers", header(90, 10), "HTTP/1.1 302 Found"),
        ("97 headers", header(97, 10), TOO_LARGE),
        ("100 KB of headers", header(50, 2_000), "HTTP/1.1 302 Found"),
        ("200 KB of headers", header(50, 4_000), TOO_LARGE),
    ] {
        let found = answer(&mut connect(&site.edge).await, &get(&link, &more)).await;
        assert_eq!(found, expected, "{what}");
    }
    for (n, expected) in [
        (60_000, "HTTP/1.1 302 Found"),
        (70_000, "HTTP/1.1 400 Bad Request"),
    ] {
        let long = format!("{link}?sub1=a&x={}", "x".repeat(n));
        let found = answer(&mut connect(&site.edge).await, &get(&long, "")).await;
        assert_eq!(found, expected, "{n} bytes of query");
    }
    // A head that does not end.
    let slow = get(&link, "");
    let mut stream = connect(&site.edge).await;
    let found = answer(&mut stream, &slow[..slow.len() - 2]).await;
    assert_eq!(found, "HTTP/1.1 408 Request Timeout");
    // A client that sends an unread body does not keep its connection.
    let (host, path) = split(&link);
    let body =
        format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9999999\r\n\r\nabc");
    let mut stream = connect(&site.edge).await;
    assert_eq!(
        answer(&mut stream, body.as_bytes()).await,
        "HTTP/1.1 405 Method Not Allowed"
    );
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.ok();
}

#[tokio::test]
async fn connections_over_the_limit_wait() {
    let settings = [("EDGE_MAX_CONNECTIONS", "4"), ("EDGE_WORKERS", "1")];
    let site = Site::start(DESTINATION, json!({}), &settings).await;
    let link = site.link().await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = connect(&site.edge).await;
        assert_eq!(
            answer(&mut stream, &get(&link, "")).await,
            "HTTP/1.1 302 Found"
        );
        held.push(stream);
    }
    let mut waiting = connect(&site.edge).await;
    let request = get(&link, "");
    let waits = answer(&mut waiting, &request);
    let mut waits = std::pin::pin!(waits);
    let early = tokio::time::timeout(Duration::from_millis(300), &mut waits).await;
    assert!(early.is_err(), "answered: {early:?}");
    held.pop();
    assert_eq!(waits.await, "HTTP/1.1 302 Found");
}

/// Requests for unknown links, which hang on a frozen origin until they are dropped.
struct Hanging(Vec<tokio::task::JoinHandle<()>>);

impl Hanging {
    async fn start(site: &Site, n: usize) -> Self {
        let requests = (0..n).map(|i| {
            let request = site.client.edge_request(
                Method::GET,
                &site.tenant.short_host,
                &format!("/hangs{i}"),
            );
            tokio::spawn(async move {
                // One that is refused, since another had the last place just
                // then, tries again until it hangs.
                loop {
                    let request = request.try_clone().expect("it has no body");
                    match request.send().await {
                        Ok(response) if response.status() == 503 => {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                        _ => break,
                    }
                }
            })
        });
        Self(requests.collect())
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

async fn status(site: &Site, url: &str) -> (u16, String) {
    let opened = site.open(url, BROWSER).await;
    (opened.status, opened.html)
}

/// What is kept is kept, and who asks the origin waits.
const PATIENT: [(&str, &str); 2] = [
    ("LOCAL_CACHE_TTL_MS", "3600000"),
    ("ORIGIN_TIMEOUT_MS", "60000"),
];

#[tokio::test]
async fn pages_are_shed_before_redirects() {
    let limits = [
        ("EDGE_MAX_CONCURRENT_REQUESTS_FOR_PAGES", "4"),
        ("EDGE_MAX_CONCURRENT_REQUESTS", "7"),
    ];
    let settings = [&PATIENT[..], &limits].concat();
    let site = Site::start(DESTINATION, json!({}), &settings).await;
    let link = site.link().await;
    let page = json!({ "title": "Page" });
    let page = json!({ "name": "page", "tracking_url": DESTINATION,
        "interstitial": { "mode": "custom", "page": page } });
    let key = &site.tenant.key;
    let offer = site.client.create(key, "/api/v2/offers", &page).await;
    let body = json!({ "offerId": offer["id"], "listId": site.tenant.list_id });
    let shown = site
        .client
        .create(key, "/api/v2/links/shorten", &body)
        .await;
    let shown = shown["shortUrl"].as_str().unwrap();
    let nothing = format!("https://{}/", site.tenant.short_host);
    assert_eq!(status(&site, &link).await.0, 302);
    assert_eq!(status(&site, shown).await.0, 200);
    assert!(!status(&site, &nothing).await.1.is_empty());

    site.api.signal("STOP");
    let four = Hanging::start(&site, 4).await;
    wait_for("pages to be shed", (503, String::new()), async || {
        status(&site, shown).await
    })
    .await;
    assert_eq!(status(&site, &link).await.0, 302);
    assert_eq!(status(&site, &nothing).await, (404, String::new()));
    let three = Hanging::start(&site, 3).await;
    wait_for("all to be shed", (503, String::new()), async || {
        status(&site, &link).await
    })
    .await;
    site.api.signal("CONT");
    drop((four, three));
    wait_for("the end of it", 200, async || status(&site, shown).await.0).await;
    wait_for("clicks that were answered meanwhile", true, async || {
        site.test_env.count("SELECT count(*) FROM clicks").await >= 4
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_unknown_links_does_not_reach_the_origin() {
    let settings = [&PATIENT[..], &[("ORIGIN_MAX_LOOKUPS", "3")]].concat();
    let site = Site::start(DESTINATION, json!({}), &settings).await;
    let link = site.link().await;
    assert_eq!(status(&site, &link).await.0, 302);
    site.api.signal("STOP");
    let hanging = Hanging::start(&site, 3).await;
    let host = &site.tenant.short_host;
    let n_asked = AtomicUsize::new(0);
    let refused = async || {
        // Another each time: the first of them may be the third to be asked
        // for, and hang.
        let n = n_asked.fetch_add(1, Ordering::Relaxed);
        let unknown = format!("https://{host}/unknown{n}");
        let asked = tokio::time::timeout(Duration::from_secs(1), status(&site, &unknown));
        Some(asked.await.ok()?.0)
    };
    wait_for("a 503", Some(503), refused).await;
    assert_eq!(
        status(&site, &link).await.0,
        302,
        "what is known is answered"
    );
    site.api.signal("CONT");
    drop(hanging);
    let unknown = format!("https://{host}/unknown");
    wait_for("an answer", 404, async || status(&site, &unknown).await.0).await;
}
