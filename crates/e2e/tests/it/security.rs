//! The threat model of SECURITY.md, line by line.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use e2e::{
    client::{BROWSER, Tenant, answer, split, with_query},
    service::Service,
    test_environment::TestEnvironment,
    wait::{LIMIT, wait_for},
};
use reqwest::{Method, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::landing::Site;

const DESTINATION: &str = "https://example.com/lp?c={click_id}&s={sub1}&r={referrer}";

/// Sends bytes, and returns everything that is received until the connection is closed or
/// silent for `quiet`.
async fn raw(address: &str, bytes: &[u8], quiet: Duration) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may close the connection before it has received everything.
    stream.write_all(bytes).await.ok();
    let mut all = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut timeout = LIMIT;
    while let Ok(Ok(n @ 1..)) = tokio::time::timeout(timeout, stream.read(&mut buffer)).await {
        all.extend_from_slice(&buffer[..n]);
        timeout = quiet;
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// The status lines in the bytes of a connection.
fn statuses(answers: &str) -> Vec<u16> {
    let lines = answers.match_indices("HTTP/1.1 ");
    lines
        .map(|(at, found)| answers[at + found.len()..][..3].parse().unwrap())
        .collect()
}

/// The names of the headers of the first response.
fn header_names(answer: &str) -> Vec<String> {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    let lines = head.lines().skip(1);
    lines
        .map(|line| line.split(':').next().unwrap_or_default().to_lowercase())
        .collect()
}

#[tokio::test]
async fn bytes_of_a_click_cannot_inject_headers_cookies_or_log_lines() {
    let site = Site::start(DESTINATION, json!({ "name": "o" }), &[]).await;
    let link = site.link().await;
    let (host, path) = split(&link);
    let address = site.edge.address("edge.address");
    let crlf = "%0d%0aSet-Cookie:%20a=b%0d%0aX-Injected:%20yes";
    let head = |path: &str, more: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             User-Agent: {BROWSER}\r\n{more}\r\n"
        )
    };
    let log = "{\\\"level\\\":\\\"ERROR\\\"}";
    for (what, request, expected) in [
        ("a query", head(&format!("{path}?sub1=x{crlf}"), ""), 302),
        ("a name", head(&format!("{path}?{crlf}=1"), ""), 302),
        (
            "a referrer",
            head(path, &format!("Referer: https://e.com/{crlf}\r\n")),
            302,
        ),
        ("a path", head(&format!("{path}{crlf}"), ""), 302),
        ("a proof", head(&format!("{path}/continue/{crlf}"), ""), 302),
        (
            "an address",
            head(path, &format!("X-Forwarded-For: 1.2.3.4{crlf}\r\n")),
            302,
        ),
        (
            "a trace",
            head(path, &format!("traceparent: 00-{crlf}\r\n")),
            302,
        ),
        (
            "a user agent",
            head(path, &format!("Accept: {log}\r\n")),
            302,
        ),
        (
            "a bare line feed",
            format!("GET {path} HTTP/1.1\nHost: {host}\nConnection: close\nX: y\n\n"),
            0,
        ),
        (
            "a host",
            format!("GET {path} HTTP/1.1\r\nHost: {host}{crlf}\r\nConnection: close\r\n\r\n"),
            404,
        ),
        (
            "a conversion",
            head(&format!("/conv?link_id=x{crlf}&txn_id=t{crlf}"), ""),
            404,
        ),
        ("a pixel", head(&format!("/pixel/{crlf}.gif"), ""), 200),
    ] {
        let answers = raw(&address, request.as_bytes(), LIMIT).await;
        let found = statuses(&answers);
        match expected {
            // A server refuses it or takes it for an ordinary end of line.
            0 => assert!(found.len() <= 1, "{what}: {answers}"),
            status => assert_eq!(found, [status], "{what}: {answers}"),
        }
        let names = header_names(&answers);
        assert!(
            !names
                .iter()
                .any(|name| name == "set-cookie" || name == "x-injected"),
            "{what}: {answers}"
        );
    }
    // Every line of the log is one JSON object: `stop` says so otherwise.
    site.stop().await;
}

#[tokio::test]
async fn values_of_a_click_are_stored_unchanged() {
    let site = Site::start(DESTINATION, json!({ "name": "o" }), &[]).await;
    let link = site.link().await;
    let (host, path) = split(&link);
    let payloads = [
        "'; DROP TABLE clicks; --",
        "' OR '1'='1",
        "\\'); DELETE FROM links; --",
        "$1",
        "a\tb\\N",
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
    ];
    for payload in payloads {
        let named = ["sub1", "sub2", "source"].map(|name| (name, payload));
        let request = site
            .client
            .edge_request(Method::GET, host, &with_query(path, &named));
        let response = request
            .header(header::USER_AGENT, payload)
            .header(header::REFERER, payload)
            .send();
        assert_eq!(response.await.unwrap().status(), 302, "{payload}");
        let id = path.trim_start_matches('/');
        let path = with_query("/conv", &[("link_id", id), ("txn_id", payload)]);
        let request = site.client.edge_request(Method::GET, host, &path);
        let (status, body) = answer(request).await;
        assert_eq!(status, 200, "{payload}: {body}");
    }
    let n = i64::try_from(payloads.len()).unwrap();
    wait_for("the clicks and conversions", (n, n), async || {
        let count = async |table: &str| {
            site.test_env
                .count(&format!("SELECT count(*) FROM {table}"))
                .await
        };
        (count("clicks").await, count("conversions").await)
    })
    .await;
    let sql =
        "SELECT user_agent, referrer, sub1, sub2, source FROM clicks ORDER BY clicked_at, click_id";
    let rows = site.test_env.db.query(sql, &[]).await.unwrap();
    for (row, payload) in rows.iter().zip(payloads) {
        for column in 0..5 {
            assert_eq!(row.get::<_, &str>(column), payload);
        }
    }
    let rows = site
        .test_env
        .db
        .query("SELECT txn_id FROM conversions", &[])
        .await
        .unwrap();
    let stored: BTreeSet<&str> = rows.iter().map(|row| row.get(0)).collect();
    // A tab is a control character, which a transaction cannot have: a digest stands for it.
    let (with_tab, sent): (BTreeSet<_>, BTreeSet<_>) =
        payloads.into_iter().partition(|text| text.contains('\t'));
    assert!(sent.is_subset(&stored), "{stored:?}");
    assert_eq!(stored.len(), sent.len() + with_tab.len(), "{stored:?}");
    site.stop().await;
}

#[tokio::test]
async fn no_path_or_host_redirects_to_a_foreign_site() {
    let site = Site::start(DESTINATION, json!({ "name": "o" }), &[]).await;
    let link = site.link().await;
    let (host, path) = split(&link);
    let address = site.edge.address("edge.address");
    let id = path.trim_start_matches('/');
    for (target, host_header) in [
        ("//evil.example".to_owned(), host),
        ("//evil.example/continue/x".to_owned(), host),
        (format!("//evil.example/{id}/continue/x"), host),
        ("/\\evil.example".to_owned(), host),
        ("/%5cevil.example".to_owned(), host),
        ("/%2f%2fevil.example".to_owned(), host),
        ("/.evil.example".to_owned(), host),
        ("/c//evil.example".to_owned(), host),
        ("/c/../../evil.example".to_owned(), host),
        (format!("{path}/..//evil.example"), host),
        (format!("{path}@evil.example"), host),
        ("https://evil.example/".to_owned(), host),
        (path.to_owned(), "evil.example"),
        (path.to_owned(), "evil.example#.arrival.example"),
        (path.to_owned(), "arrival.example@evil.example"),
        (path.to_owned(), "arrival.example.evil.example"),
        (path.to_owned(), "arrival.example/..//evil.example"),
        (path.to_owned(), ""),
    ] {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {host_header}\r\nConnection: close\r\n\
             User-Agent: {BROWSER}\r\n\r\n"
        );
        let answers = raw(&address, request.as_bytes(), LIMIT).await;
        // A path with characters around a link may only redirect to the link's destination or
        // to another link of this host.
        let ours = [
            "\r\nlocation: /evil\r\n",
            "\r\nlocation: https://example.com/lp?",
        ];
        if ours.iter().any(|location| answers.contains(location)) {
            assert!(
                host_header == host,
                "{target} at {host_header:?}: {answers}"
            );
            continue;
        }
        assert!(
            matches!(statuses(&answers)[..], [400 | 404]),
            "{target} at {host_header:?}: {answers}"
        );
        assert!(!answers.contains("evil"), "{target}: {answers}");
    }
    // The query never changes the target: it is only the value of a parameter.
    for query in [
        "url=https://evil.example",
        "redirect=//evil.example",
        "sub1=https://evil.example",
        "sub1=@evil.example",
        "sub1=%26r=x%23",
        "sub1=..%2f..%2f&next=//evil.example",
    ] {
        let hop = site.client.click(&format!("{link}?{query}"), BROWSER).await;
        let url = url::Url::parse(&hop.destination()).unwrap();
        assert_eq!(
            url.origin().ascii_serialization(),
            "https://example.com",
            "{query}"
        );
        assert_eq!(url.path(), "/lp", "{query}");
        assert_eq!(url.fragment(), None, "{query}");
    }
    // The path of the button is always one of the redirector's own.
    site.change_offer(json!({ "filter_bots": true })).await;
    wait_for("the preview page", 200, async || {
        site.open(&link, e2e::client::BOT).await.status
    })
    .await;
    let page = site
        .open(&format!("{link}?x=//evil.example"), e2e::client::BOT)
        .await;
    let action = page.html.split("action=\"").nth(1).unwrap();
    assert!(action.starts_with(path), "{}", page.html);
    site.stop().await;
}

/// Two servers could disagree about the end of such a request. It gets exactly one response,
/// and its connection is closed.
#[tokio::test]
async fn requests_with_an_ambiguous_end_are_refused() {
    let site = Site::start(DESTINATION, json!({ "name": "o" }), &[]).await;
    let link = site.link().await;
    let (host, path) = split(&link);
    // Wait for a second response, which must not come.
    const A_MOMENT: Duration = Duration::from_millis(150);
    let smuggled = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let length = smuggled.len();
    let heads = [
        (
            "length and chunks",
            format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
            true,
        ),
        (
            "two lengths",
            format!("Content-Length: 0\r\nContent-Length: {length}\r\n"),
            true,
        ),
        (
            "a signed length",
            format!("Content-Length: +{length}\r\n"),
            true,
        ),
        (
            "a length in words",
            "Content-Length: many\r\n".to_owned(),
            true,
        ),
        (
            "chunks not last",
            "Transfer-Encoding: chunked, identity\r\n".to_owned(),
            true,
        ),
        (
            "an unknown coding",
            "Transfer-Encoding: xchunked\r\n".to_owned(),
            true,
        ),
        (
            "a space before the colon",
            format!("Content-Length : {length}\r\n"),
            true,
        ),
        (
            "a folded header",
            format!("X: y\r\n Content-Length: {length}\r\n"),
            true,
        ),
        // Bytes within the length are the body, even if they look like a request.
        ("a body", format!("Content-Length: {length}\r\n"), false),
    ];
    let ports = [
        (
            "the redirector",
            site.edge.address("edge.address"),
            "/conv",
            host.to_owned(),
        ),
        (
            "the API",
            site.api.address("api.address"),
            "/api/v2/links",
            "api".to_owned(),
        ),
        (
            "the origin",
            site.api.address("origin.address"),
            "/internal/v1/changes",
            "o".to_owned(),
        ),
    ];
    for (port, address, path, host) in ports {
        for (what, head, is_refused) in &heads {
            let request = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{head}\r\n{smuggled}");
            let answers = raw(&address, request.as_bytes(), A_MOMENT).await;
            let found = statuses(&answers);
            assert!(found.len() <= 1, "{port}, {what}: {answers}");
            if *is_refused {
                assert!(
                    matches!(found[..], [] | [400 | 401 | 404 | 405 | 413 | 501]),
                    "{port}, {what}: {answers}"
                );
            }
        }
        // Two unambiguous requests get two responses.
        let one = format!("GET /nothing HTTP/1.1\r\nHost: {host}\r\n");
        let two = format!("{one}\r\n{one}Connection: close\r\n\r\n");
        let answers = raw(&address, two.as_bytes(), LIMIT).await;
        assert_eq!(statuses(&answers).len(), 2, "{port}: {answers}");
    }
    assert_eq!(
        site.test_env.count("SELECT count(*) FROM clicks").await,
        0,
        "no click was recorded"
    );
    site.stop().await;
}

/// A server that counts its connections, and gives each the same response.
async fn listener(answer: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let n_connected = Arc::new(AtomicUsize::new(0));
    let counter = n_connected.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                let Ok(1..) = stream.read(&mut buffer).await else {
                    return;
                };
                stream.write_all(answer.as_bytes()).await.ok();
            });
        }
    });
    (address, n_connected)
}

#[tokio::test]
async fn urls_in_requests_are_never_fetched() {
    let (other_server, n_called) =
        listener("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()).await;
    let url = format!("http://{other_server}/");
    let page = json!({ "title": "t", "meta_tags": { "og:image": url } });
    let offer = json!({
        "name": "o",
        "filter_bots": true,
        "interstitial": { "mode": "custom", "page": page },
    });
    let site = Site::start(&url, offer, &[]).await;
    let link = site.link().await;
    for user_agent in [BROWSER, e2e::client::BOT, "WhatsApp/2.24.20.89 A"] {
        site.open(&link, user_agent).await;
    }
    let key = &site.tenant.key;
    let list = json!({ "fallback_url": url });
    let path = format!("/api/v2/lists/{}", site.tenant.list_id);
    let (status, _) = site.client.call(key, Method::PUT, &path, Some(&list)).await;
    assert_eq!(status, 200);
    let preview = json!({ "template": url });
    let path = "/api/v2/macros/preview";
    site.client
        .call(key, Method::POST, path, Some(&preview))
        .await;
    site.clicks(3).await;
    assert_eq!(n_called.load(Ordering::Relaxed), 0);
    site.stop().await;

    // The redirector does not follow a redirect of the origin, and so does not send its token
    // to another server.
    let moved = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{other_server}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let (origin, n_asked) = listener(moved).await;
    let test_env = TestEnvironment::new().await;
    let origin = format!("http://{origin}");
    let settings = [
        ("ORIGIN_URL", origin.as_str()),
        ("HTTP_PROXY", url.as_str()),
        ("http_proxy", url.as_str()),
    ];
    let mut edge = test_env.start_edge_without_api(&settings);
    edge.expect_in_log("a lookup at the origin failed");
    edge.expect_in_log("record-change subscription lost");
    let request = format!("http://{}/unknown", edge.address("edge.address"));
    let response = reqwest::Client::new()
        .get(request)
        .header(header::HOST, "a.example")
        .send();
    assert_eq!(response.await.unwrap().status(), 503);
    assert!(n_asked.load(Ordering::Relaxed) > 0);
    assert_eq!(n_called.load(Ordering::Relaxed), 0);
    edge.stop();
}

#[tokio::test]
async fn the_origin_refuses_requests_without_its_token() {
    let site = Site::start(DESTINATION, json!({ "name": "o" }), &[]).await;
    let link = site.link().await;
    let (host, path) = split(&link);
    let origin = site.api.url("origin.address");
    for path in [
        format!("/internal/v1/records/link/{host}{path}"),
        "/internal/v1/changes".to_owned(),
        format!("/internal/v1/hosts/{host}{path}"),
    ] {
        for token in [
            "",
            "Bearer ",
            "Bearer wrong",
            "Basic eDp5",
            "bearer an-origin",
        ] {
            let response = reqwest::Client::new()
                .get(format!("{origin}{path}"))
                .header(header::AUTHORIZATION, token)
                .send();
            assert_eq!(response.await.unwrap().status(), 401, "{path} {token}");
        }
        // The port of the API does not serve the origin either.
        let api = format!("{}{path}", site.api.url("api.address"));
        let status = reqwest::get(api).await.unwrap().status().as_u16();
        assert!(matches!(status, 401 | 404), "{path}: {status}");
    }
    site.stop().await;
}

/// Every text that a tenant can write, on every page that people see.
#[tokio::test]
async fn stored_text_never_runs_as_script_on_a_page() {
    const PAYLOAD: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7777*7777}}";
    let page = json!({
        "title": PAYLOAD,
        "description": PAYLOAD,
        "cta": PAYLOAD,
        "meta_tags": {
            "og:title": PAYLOAD,
            "og:description": PAYLOAD,
            "og:image": format!("https://example.com/{PAYLOAD}"),
            "twitter:card": PAYLOAD,
        },
    });
    let offer = json!({ "name": PAYLOAD, "interstitial": { "mode": "custom", "page": page } });
    let site = Site::start(DESTINATION, offer, &[]).await;
    let list = json!({
        "list_name": PAYLOAD,
        "brand_name": PAYLOAD,
        "interstitial": page,
    });
    let path = format!("/api/v2/lists/{}", site.tenant.list_id);
    let (status, body) = site
        .client
        .call(&site.tenant.key, Method::PUT, &path, Some(&list))
        .await;
    assert_eq!(status, 200, "{body}");
    let link = site.link().await;
    let asked = format!("{link}?sub1={PAYLOAD}&x={PAYLOAD}").replace('#', "%23");
    let host = split(&link).0;
    let nowhere = format!("https://{host}/{PAYLOAD}");
    let expired = format!("{link}/continue/{PAYLOAD}");

    let mut pages = vec![
        ("interstitial", site.open(&asked, BROWSER).await),
        (
            "link preview",
            site.open(&asked, "WhatsApp/2.24.20.89 A").await,
        ),
        ("not found", site.open(&nowhere, BROWSER).await),
        ("proof", site.open(&expired, BROWSER).await),
    ];
    site.change_offer(json!({ "interstitial": { "mode": "list_default" } }))
        .await;
    pages.push(("list's page", site.open(&asked, BROWSER).await));
    site.change_offer(json!({ "filter_bots": true })).await;
    wait_for("the preview page", true, async || {
        site.open(&asked, e2e::client::BOT)
            .await
            .html
            .contains("<form")
    })
    .await;
    pages.push(("preview", site.open(&asked, e2e::client::BOT).await));
    for (what, page) in pages {
        let html = page.html.to_lowercase();
        for part in ["<script", "<img", "onerror=alert(2)>", "60481729"] {
            assert!(!html.contains(part), "{what}: {html}");
        }
        if page.status != 302 {
            assert!(page.policy.contains("default-src 'none'"), "{what}");
            assert!(!page.policy.contains("unsafe"), "{what}");
        }
    }
    // Responses of the API are JSON with that content type.
    let request = site.client.api_request(Method::GET, &path);
    let request = request.header("X-Api-Key", &site.tenant.key);
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    assert_eq!(
        response.headers()[header::X_CONTENT_TYPE_OPTIONS],
        "nosniff"
    );
    site.stop().await;
}

const ANY_CLICK_ID: &str = "01a11d5c-1e7b-7123-8123-456789abcdef";

#[tokio::test]
async fn guessing_ids_and_secrets_is_rate_limited_and_counted() {
    let settings = [
        ("EDGE_MAX_FAILED_ATTEMPTS_PER_MINUTE", "20"),
        ("TRUSTED_PROXIES", "127.0.0.1/32"),
    ];
    let offer = json!({ "name": "o", "postback_secret": "a-secret-of-an-offer" });
    let site = Site::start(DESTINATION, offer, &settings).await;
    let link = site.link().await;
    let (host, path) = split(&link);
    let from = async |ip: &str, path: &str| {
        let request = site.client.edge_request(Method::GET, host, path);
        let request = request.header("X-Forwarded-For", ip);
        request
            .header(header::USER_AGENT, BROWSER)
            .send()
            .await
            .unwrap()
    };
    let guess =
        async |ip: &str, i: usize| from(ip, &format!("/guess{i:02}")).await.status().as_u16();

    // A new minute may begin during the requests: at most twice the limit gets 404.
    let mut answers = Vec::new();
    for i in 0..60 {
        answers.push(guess("192.0.2.1", i).await);
    }
    let n_missed = answers.iter().filter(|status| **status == 404).count();
    assert!((20..=40).contains(&n_missed), "{answers:?}");
    // A network over its limit is not told of correct guesses, and nothing is recorded.
    let mut retry = None;
    wait_for("the guesser to be refused", 429, async || {
        for i in 0..20 {
            guess("192.0.2.1", i).await;
        }
        let refused = from("192.0.2.1", path).await;
        retry = refused.headers().get(header::RETRY_AFTER).cloned();
        refused.status().as_u16()
    })
    .await;
    let seconds: u64 = retry.unwrap().to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    assert_eq!(from("192.0.2.2", path).await.status(), 302);
    let seen = site
        .edge
        .metric("waypost_edge_requests_total{outcome=\"rate_limited\"}")
        .await;
    assert!(seen >= 20.0, "{seen}");

    let offer_id = site.offer();
    let secret = async |ip: &str, secret: &str, txn: usize| {
        let path =
            format!("/conv/offer?offer_id={offer_id}&postback_secret={secret}&txn_id=t{txn}");
        let response = from(ip, &path).await;
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    let mut answers = Vec::new();
    for i in 0..60 {
        answers.push(secret("192.0.2.3", &format!("wrong-{i}"), i).await.0);
    }
    let n_missed = answers.iter().filter(|status| **status == 403).count();
    assert!((20..=40).contains(&n_missed), "{answers:?}");
    let refused = (429, "too_many_attempts".to_owned());
    wait_for("the guesser to be refused", refused, async || {
        for i in 0..20 {
            secret("192.0.2.3", "wrong", i).await;
        }
        secret("192.0.2.3", "a-secret-of-an-offer", 1).await
    })
    .await;
    assert_eq!(secret("192.0.2.4", "a-secret-of-an-offer", 1).await.0, 200);
    let name = "waypost_edge_conversions_total{source=\"offer\",code=\"too_many_attempts\"}";
    let seen = site.edge.metric(name).await;
    assert!(seen >= 20.0, "{seen}");
    let name = "waypost_edge_conversions_total{source=\"offer\",code=\"invalid_postback_secret\"}";
    assert!(site.edge.metric(name).await >= 20.0);

    // Requests to one known link do not raise the limit, nor do unverified click ids.
    let mut answers = Vec::new();
    for i in 0..60 {
        from("192.0.2.5", path).await;
        from(
            "192.0.2.5",
            &format!("/conv?click_id={ANY_CLICK_ID}&txn_id={i}"),
        )
        .await;
        answers.push(guess("192.0.2.5", i).await);
    }
    let n_missed = answers.iter().filter(|status| **status == 404).count();
    assert!((20..=44).contains(&n_missed), "{answers:?}");
    // Unavailable links are no failed attempts, nor is one wrong link that many people click.
    let off = site.link().await;
    let id = off.rsplit('/').next().unwrap();
    let change = format!("/api/v2/links/{id}");
    let body = json!({ "status": "deactivated" });
    let (status, answer) = site
        .client
        .call(&site.tenant.key, Method::PATCH, &change, Some(&body))
        .await;
    assert_eq!(status, 200, "{answer}");
    let (_, off) = split(&off);
    wait_for("the link's end", 404, async || {
        from("192.0.2.7", off).await.status().as_u16()
    })
    .await;
    for _ in 0..60 {
        assert_eq!(from("192.0.2.6", off).await.status(), 404);
        assert_eq!(from("192.0.2.6", "/mistyped").await.status(), 404);
    }
    assert_eq!(from("192.0.2.6", path).await.status(), 302);
    // Each different link that was found raises the limit.
    let mut links = Vec::new();
    for _ in 0..30 {
        links.push(site.link().await);
    }
    for (i, link) in links.iter().enumerate() {
        assert_eq!(from("192.0.2.7", split(link).1).await.status(), 302);
        assert_eq!(guess("192.0.2.7", i).await, 404);
    }
    // Refused requests recorded nothing, unless a new minute began.
    let n_clicks = async || site.test_env.count("SELECT count(*) FROM clicks").await;
    wait_for("the clicks", true, async || n_clicks().await >= 52).await;
    site.stop().await;
}

#[tokio::test]
async fn a_tenant_over_its_rate_limit_does_not_slow_others() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let busy = Tenant::create(&test_env, &api, "busy").await;
    let other = Tenant::create(&test_env, &api, "other").await;
    let sql = format!(
        "UPDATE api_keys SET rate_limit_per_minute = 2 WHERE account_id = {}",
        busy.account_id
    );
    test_env.db.batch_execute(&sql).await.unwrap();
    let client = e2e::client::Client::new(&api, None);
    let get = async |tenant: &Tenant| {
        let path = "/api/v2/domains";
        client.call(&tenant.key, Method::GET, path, None).await.0
    };
    wait_for("the limit", 429, async || get(&busy).await).await;
    for _ in 0..20 {
        assert_eq!(get(&other).await, 200);
    }
    api.stop();
}

/// The secrets, with a name for each.
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn assert_absent(&self, place: &str, text: &str) {
        for (name, secret) in &self.0 {
            assert!(!text.contains(secret), "{name} is in {place}: {text}");
        }
    }
}

#[tokio::test]
async fn logs_errors_and_metrics_contain_no_secrets() {
    let test_env = TestEnvironment::new().await;
    // The most verbose settings of an operator.
    let settings = [
        ("LOG", "trace,tokio_postgres=trace"),
        ("ORIGIN_TOKEN", "sesame-origin-token"),
        ("CONFIRMATION_TOKEN_SECRET", "sesame-continue-secret"),
        ("VISITOR_KEY", "sesame-visitor-key"),
    ];
    let env = test_env.env_with(&settings);
    let api = Service::start("links-api", &["serve"], &env);
    let tenant = Tenant::create(&test_env, &api, "secrets").await;
    let edge = test_env.start_edge_with(&api, &settings);
    let worker = test_env.start_worker_with(&settings);
    let client = e2e::client::Client::new(&api, Some(&edge));
    let offer = json!({
        "name": "o",
        "tracking_url": "https://example.com/?c={click_id}",
        "postback_secret": "sesame-postback-secret",
    });
    let offer = client.create(&tenant.key, "/api/v2/offers", &offer).await;
    let secrets = Secrets(vec![
        ("the origin token", "sesame-origin-token".to_owned()),
        ("the continue secret", "sesame-continue-secret".to_owned()),
        ("the visitor key", "sesame-visitor-key".to_owned()),
        ("the API key", tenant.key.clone()),
        (
            "a wrong API key",
            "trk_sesame0000000000000000000000000".to_owned(),
        ),
        ("the postback secret", "sesame-postback-secret".to_owned()),
        ("a wrong postback secret", "sesame-wrong-secret".to_owned()),
    ]);

    let offer_id = offer["id"].as_str().unwrap();
    let list = tenant.list_id;
    let body = json!({ "offerId": offer_id, "listId": list });
    let link = client
        .create(&tenant.key, "/api/v2/links/shorten", &body)
        .await;
    let short_url = link["shortUrl"].as_str().unwrap();
    client.click(short_url, BROWSER).await.destination();
    let (host, _) = split(short_url);
    let mut answers = Vec::new();
    for (secret, txn) in [
        ("sesame-postback-secret", "1"),
        ("sesame-wrong-secret", "2"),
    ] {
        let named = [
            ("offer_id", offer_id),
            ("postback_secret", secret),
            ("txn_id", txn),
        ];
        let path = with_query("/conv/offer", &named);
        let request = client.edge_request(Method::GET, host, &path);
        answers.push(answer(request).await.1);
    }
    for key in [tenant.key.as_str(), "trk_sesame0000000000000000000000000"] {
        for (path, body) in [
            ("/api/v2/links", json!({ "offerId": 7 })),
            ("/api/v2/offers/nothing", Value::Null),
            (
                "/api/v2/offers",
                json!({ "postback_secret": ["sesame-wrong-secret"] }),
            ),
        ] {
            answers.push(client.call(key, Method::POST, path, Some(&body)).await.1);
        }
        // One operation accepts the key in the query.
        let path = format!("/api/conversions/postback?click_id=x&amount=1&api_key={key}");
        answers.push(client.call("", Method::GET, &path, None).await.1);
    }
    wait_for("the click", 1, async || {
        test_env.count("SELECT count(*) FROM clicks").await
    })
    .await;
    for answer in answers {
        secrets.assert_absent("an answer", &answer.to_string());
    }
    for service in [&api, &edge, &worker] {
        let url = format!("{}/metrics", service.url("admin.address"));
        let text = reqwest::get(&url).await.unwrap().text().await.unwrap();
        secrets.assert_absent("the metrics", &text);
        let ready = url.replace("/metrics", "/ready");
        let text = reqwest::get(ready).await.unwrap().text().await.unwrap();
        secrets.assert_absent("/ready", &text);
    }
    // Records in Redis and spooled events do not contain them either.
    let mut redis = test_env.redis().await;
    let mut keys = redis::cmd("KEYS");
    keys.arg(format!("{}*", test_env.redis_prefix()));
    let keys: Vec<String> = keys.query_async(&mut redis).await.unwrap();
    for key in keys {
        let value: Result<String, _> = redis::cmd("GET").arg(&key).query_async(&mut redis).await;
        secrets.assert_absent(&key, &value.unwrap_or_default());
    }
    for service in [api, edge, worker] {
        let lines = serde_json::to_string(&service.lines()).unwrap();
        secrets.assert_absent("a log", &lines);
        service.signal("TERM");
    }
}
