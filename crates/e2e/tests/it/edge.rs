//! The redirector: both hops, what it refuses, and what it does without its
//! dependencies.

use std::time::Duration;

use e2e::{
    client::{BOT, BROWSER, Client, HopResponse, Tenant, parameter, split},
    service::Service,
    test_environment::TestEnvironment,
    wait::wait_for,
};
use reqwest::{Method, header};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// All services and a minted link.
struct EdgeFixture {
    test_env: TestEnvironment,
    tenant: Tenant,
    api: Service,
    service: Service,
    client: Client,
    short_url: String,
    tracker_url: String,
}

impl EdgeFixture {
    async fn start() -> Self {
        let test_env = TestEnvironment::new().await;
        let api = test_env.start_api();
        let tenant = Tenant::create(&test_env, &api, "edge").await;
        let service = test_env.start_edge(&api);
        let client = Client::new(&api, Some(&service));
        let link = client.mint(&tenant).await;
        let url = |name: &str| link[name].as_str().unwrap().to_owned();
        let (short_url, tracker_url) = (url("shortUrl"), url("clickTrackerUrl"));
        Self {
            test_env,
            tenant,
            api,
            service,
            client,
            short_url,
            tracker_url,
        }
    }

    async fn sql(&self, sql: &str) {
        self.test_env.db.batch_execute(sql).await.unwrap();
        // What is changed past the API has no outbox.
        self.test_env.forget_records().await;
    }

    async fn wait_for_status(&self, url: &str, status: u16) {
        wait_for(url, status, async || {
            self.client.click(url, BROWSER).await.status
        })
        .await;
    }

    /// Sets the offer's template, and waits until a click goes there.
    async fn set_template(&self, template: &str) {
        self.sql(&format!("UPDATE offers SET url_template = '{template}'"))
            .await;
        let origin = template.split('?').next().unwrap().to_owned();
        wait_for("the new template", true, async || {
            let hop = self.client.click(&self.tracker_url, BROWSER).await;
            hop.location.is_some_and(|url| url.starts_with(&origin))
        })
        .await;
    }
}

#[tokio::test]
async fn redirects_are_not_cached() {
    let edge = EdgeFixture::start().await;
    for url in [&edge.short_url, &edge.tracker_url] {
        let (host, path) = split(url);
        let response = edge
            .client
            .edge_request(Method::GET, host, path)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 302);
        assert_eq!(
            response.headers()[header::CACHE_CONTROL],
            "private, no-store"
        );
        assert_eq!(response.headers()["x-robots-tag"], "noindex");
        assert_eq!(response.text().await.unwrap(), "");
    }
    edge.service.stop();
    edge.api.stop();
}

#[tokio::test]
async fn equivalent_spellings_of_a_host_are_the_same_host() {
    let edge = EdgeFixture::start().await;
    let (host, path) = split(&edge.short_url);
    for host in [
        host.to_uppercase(),
        format!("{host}."),
        format!("{host}:8443"),
    ] {
        let response = edge
            .client
            .edge_request(Method::GET, &host, path)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 302, "{host}");
    }
}

#[tokio::test]
async fn unknown_links_get_the_404_page() {
    let edge = EdgeFixture::start().await;
    let (short_host, short_path) = split(&edge.short_url);
    let (click_host, click_path) = split(&edge.tracker_url);
    let swapped = short_path.chars().map(|c| match c {
        c if c.is_ascii_lowercase() => c.to_ascii_uppercase(),
        c => c.to_ascii_lowercase(),
    });
    for (host, path) in [
        (short_host, "/"),
        (short_host, "/nosuch1"),
        (short_host, "/a"),
        (short_host, "//evil.example"),
        (short_host, "/%2e%2e/x"),
        (short_host, swapped.collect::<String>().as_str()), // case matters
        ("unknown.example", short_path),
        (click_host, short_path),
        (short_host, click_path), // a token is good at its own host only
        (click_host, "/c/00000000-0000-4000-8000-000000000000"),
        (click_host, "/c/not-a-token"),
    ] {
        let response = edge
            .client
            .edge_request(Method::GET, host, path)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 404, "{host}{path}");
        let csp = response.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(csp.starts_with("default-src 'none'"), "{csp}");
        assert!(
            response
                .text()
                .await
                .unwrap()
                .contains("This link does not work")
        );
    }
    edge.service.stop();
}

#[tokio::test]
async fn links_accept_only_get_and_head() {
    let edge = EdgeFixture::start().await;
    let worker = edge.test_env.start_worker();
    let (host, path) = split(&edge.tracker_url);
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = edge
            .client
            .edge_request(method.clone(), host, path)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 405, "{method}");
        assert_eq!(response.headers()[header::ALLOW], "GET, HEAD");
    }
    let request = edge.client.edge_request(Method::HEAD, host, path);
    let response = request
        .header(header::USER_AGENT, BROWSER)
        .send()
        .await
        .unwrap();
    let click_id = parameter(
        &HopResponse::from_response(&response).destination(),
        "clickid",
    )
    .unwrap();
    let sql = format!(
        "SELECT count(*) FROM clicks
         WHERE click_id = '{click_id}' AND is_bot AND bot_reasons = '{{head_method}}'"
    );
    wait_for("the bot's click", 1, async || {
        edge.test_env.count(&sql).await
    })
    .await;
    assert_eq!(
        edge.test_env
            .count("SELECT count(*) FROM message_clicks")
            .await,
        0
    );
    worker.stop();
}

#[tokio::test]
async fn every_bot_reason_is_stored() {
    let edge = EdgeFixture::start().await;
    let worker = edge.test_env.start_worker();
    let (host, path) = split(&edge.tracker_url);
    let get = || edge.client.edge_request(Method::GET, host, path);
    for (request, reasons) in [
        (get().header(header::USER_AGENT, BROWSER), "{}"),
        (get().header(header::USER_AGENT, BOT), "{ua_bot}"),
        (get(), "{ua_missing}"),
        (
            get()
                .header(header::USER_AGENT, BROWSER)
                .header("Sec-Purpose", "prefetch"),
            "{prefetch}",
        ),
    ] {
        let destination = HopResponse::from_response(&request.send().await.unwrap()).destination();
        let click_id = parameter(&destination, "clickid").unwrap();
        let sql = format!(
            "SELECT count(*) FROM clicks WHERE click_id = '{click_id}' AND bot_reasons = '{reasons}'"
        );
        wait_for(reasons, 1, async || edge.test_env.count(&sql).await).await;
    }
    worker.stop();
}

#[tokio::test]
async fn every_macro_is_expanded_and_encoded_over_http() {
    let edge = EdgeFixture::start().await;
    edge.set_template(
        "https://example.com/macros?c={click_id}&t={transaction_id}&a={affiliate_id}&o={offer_id}\
         &n={account_id}&s={sub1}|{sub2}|{sub3}|{sub4}|{sub5}&src={source}&cr={creative}&co={cost}\
         &ip={ip}&ua={user_agent}&d={datetime}&cc=[{country_code}]&l={link_id}&li={list_id}\
         &m=[{{sendId}}]&x={{externalId}}&r={referrer}&u={unknown}",
    )
    .await;
    let query = "sub1=a%26b&sub2=c%3Dd&sub3=100%25&sub4=%23top&sub5=two+words&source=%C3%A9\
                 &creative=%7Bclick_id%7D&cost=1%0D%0A2&ip=6.6.6.6&click_id=forged";
    let short = format!("{}?{query}", edge.short_url);
    let tracker = edge.client.click(&short, BROWSER).await.destination();
    assert_eq!(tracker, format!("{}?{query}", edge.tracker_url));
    let (host, path) = split(&tracker);
    let request = edge.client.edge_request(Method::GET, host, path);
    let request = request.header(header::USER_AGENT, "Agent/1 (é; \"x\")");
    let response = request
        .header(header::REFERER, "https://ref.example/?q=1")
        .send()
        .await
        .unwrap();
    let url = HopResponse::from_response(&response).destination();
    let click_id = parameter(&url, "c").unwrap();
    let time = domain::id::ClickId::parse(&click_id)
        .unwrap()
        .time()
        .to_string();
    let time = time.replace(':', "%3A");
    let (account, list) = (edge.tenant.account_id, edge.tenant.list_id);
    let (offer, link) = (
        &edge.tenant.offer_id,
        edge.short_url.rsplit('/').next().unwrap(),
    );
    assert_eq!(
        url,
        format!(
            "https://example.com/macros?c={click_id}&t={click_id}&a=aff42&o={offer}\
             &n={account}&s=a%26b%7Cc%3Dd%7C100%25%7C%23top%7Ctwo%20words&src=%C3%A9\
             &cr=%7Bclick_id%7D&co=1%0D%0A2\
             &ip=127.0.0.1&ua=Agent%2F1%20%28%C3%A9%3B%20%22x%22%29&d={time}&cc=[]&l={link}&li={list}\
             &m=[]&x=12345&r=https%3A%2F%2Fref.example%2F%3Fq%3D1&u={{unknown}}"
        )
    );
}

#[tokio::test]
async fn without_a_macro_of_the_click_parameters_are_appended() {
    let edge = EdgeFixture::start().await;
    edge.set_template("https://example.com/appended?own=1&sub2=kept#frag")
        .await;
    let url = format!(
        "{}?sub1=a%20b&sub2=dropped&source=sms&other=1",
        edge.tracker_url
    );
    let destination = edge.client.click(&url, BROWSER).await.destination();
    let click_id = parameter(&destination, "click_id").unwrap();
    assert_eq!(
        destination,
        format!(
            "https://example.com/appended?own=1&sub2=kept&click_id={click_id}&sub1=a%20b&source=sms#frag"
        )
    );
}

#[tokio::test]
async fn a_query_over_its_limits_is_cut_and_the_redirect_works() {
    let edge = EdgeFixture::start().await;
    let long = format!(
        "{}?sub1=a&filler={}&sub2=b",
        edge.short_url,
        "x".repeat(5000)
    );
    let tracker = edge.client.click(&long, BROWSER).await.destination();
    assert_eq!(tracker, format!("{}?sub1=a", edge.tracker_url));
    let many = format!("{}?sub1=a{}&sub2=b", edge.tracker_url, "&k=v".repeat(100));
    let destination = edge.client.click(&many, BROWSER).await.destination();
    assert!(destination.ends_with("&s1=a&s2="), "{destination}");
}

/// Everything that may stand in a query raw is kept as it came; what is not ASCII is
/// escaped.
#[tokio::test]
async fn a_query_is_forwarded_and_stored_unchanged() {
    let edge = EdgeFixture::start().await;
    let (host, path) = split(&edge.short_url);
    for (query, expected) in [
        (
            "sub1=a|b{c}[d]'(e)~!*;,%zz+%00&&=",
            "sub1=a|b{c}[d]'(e)~!*;,%zz+%00&&=",
        ),
        ("sub1=\u{e9}", "sub1=%C3%A9"),
    ] {
        let mut stream = TcpStream::connect(edge.service.address("edge.address"))
            .await
            .unwrap();
        let request =
            format!("GET {path}?{query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 302"), "{answer}");
        let location = format!("location: {}?{expected}\r\n", edge.tracker_url);
        assert!(answer.contains(&location), "{answer}");
    }
}

#[tokio::test]
async fn unavailable_links_get_the_404_page_or_the_fallback() {
    let edge = EdgeFixture::start().await;
    let both = [&edge.short_url, &edge.tracker_url];
    for (wrong, right) in [
        (
            "UPDATE links SET status = 'deactivated'",
            "UPDATE links SET status = 'active'",
        ),
        (
            "UPDATE links SET expires_at = now()",
            "UPDATE links SET expires_at = NULL",
        ),
        (
            "UPDATE accounts SET status = 'suspended'",
            "UPDATE accounts SET status = 'active'",
        ),
        (
            "UPDATE offers SET status = 'paused'",
            "UPDATE offers SET status = 'active'",
        ),
    ] {
        edge.sql(wrong).await;
        for url in both {
            edge.wait_for_status(url, 404).await;
        }
        edge.sql("UPDATE lists SET fallback_url = 'https://fallback.example/'")
            .await;
        for url in both {
            wait_for(
                "the fallback",
                Some("https://fallback.example/".to_owned()),
                async || edge.client.click(url, BROWSER).await.location,
            )
            .await;
        }
        edge.sql("UPDATE lists SET fallback_url = NULL").await;
        edge.sql(right).await;
        for url in both {
            wait_for("the link again", true, async || {
                let hop = edge.client.click(url, BROWSER).await;
                hop.location.is_some_and(|url| !url.contains("fallback"))
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_list_can_replace_two_hops_by_one() {
    let edge = EdgeFixture::start().await;
    let worker = edge.test_env.start_worker();
    edge.sql("UPDATE lists SET collapse_hops = true").await;
    let url = format!("{}?sub1=x", edge.short_url);
    wait_for("one hop", true, async || {
        let hop = edge.client.click(&url, BROWSER).await;
        hop.location
            .is_some_and(|url| url.starts_with("https://example.com/lp?clickid="))
    })
    .await;
    let sql = "SELECT count(*) FROM clicks WHERE sub1 = 'x'";
    wait_for("its click", true, async || {
        edge.test_env.count(sql).await >= 1
    })
    .await;
    worker.stop();
}

#[tokio::test]
async fn only_trusted_proxies_set_the_visitors_address() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "proxied").await;
    for (trusted, expected) in [
        ("127.0.0.0/8,10.0.0.0/8", "203.0.113.9"),
        ("10.0.0.0/8", "127.0.0.1"),
    ] {
        let edge = test_env.start_edge_with(&api, &[("TRUSTED_PROXIES", trusted)]);
        let client = Client::new(&api, Some(&edge));
        test_env
            .db
            .batch_execute("UPDATE offers SET url_template = 'https://example.com/?ip={ip}'")
            .await
            .unwrap();
        let link = client.mint(&tenant).await;
        let (host, path) = split(link["clickTrackerUrl"].as_str().unwrap());
        let request = client.edge_request(Method::GET, host, path);
        let request = request
            .header("X-Forwarded-For", "6.6.6.6, 203.0.113.9")
            .header("X-Forwarded-For", "10.0.0.7");
        let destination = HopResponse::from_response(&request.send().await.unwrap()).destination();
        assert_eq!(parameter(&destination, "ip").unwrap(), expected);
        edge.stop();
    }
}

#[tokio::test]
async fn a_miss_in_redis_is_answered_by_the_origin_and_written_back() {
    let edge = EdgeFixture::start().await;
    edge.test_env.forget_records().await;
    let tracker = edge
        .client
        .click(&edge.short_url, BROWSER)
        .await
        .destination();
    assert_eq!(tracker, edge.tracker_url);
    let mut connection = edge.test_env.redis().await;
    let (host, path) = split(&edge.short_url);
    let key = format!("{}link/{host}{path}", edge.test_env.redis_prefix());
    wait_for("the record in Redis", true, async || {
        let json: Option<String> = redis::cmd("GET")
            .arg(&key)
            .query_async(&mut connection)
            .await
            .unwrap();
        json.is_some()
    })
    .await;
}

#[tokio::test]
async fn lookups_use_the_origin_without_redis_and_get_503_without_both() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "down").await;
    let settings = [
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("REDIS_TIMEOUT_MS", "100"),
        ("LOCAL_CACHE_TTL_MS", "600000"),
    ];
    let mut edge = test_env.start_edge_with(&api, &settings);
    edge.expect_in_log("a lookup in Redis failed");
    edge.expect_in_log("record-change subscription lost");
    edge.expect_in_log("a lookup at the origin failed");
    let client = Client::new(&api, Some(&edge));
    let link = client.mint(&tenant).await;
    let tracker = link["clickTrackerUrl"].as_str().unwrap();
    let unknown = client.mint(&tenant).await;
    let unknown = unknown["clickTrackerUrl"].as_str().unwrap();
    // Until the redirector has applied the changes of both links, a poll of the origin may
    // remove what a click has cached.
    wait_for("the link stays cached", true, async || {
        client.click(tracker, BROWSER).await.destination();
        let n_misses = n_cache_misses(&client, &edge).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.click(tracker, BROWSER).await.destination();
        n_misses == n_cache_misses(&client, &edge).await
    })
    .await;
    api.stop();
    // Links that are not cached cannot be loaded; cached links still redirect.
    wait_for("503", 503, async || {
        client.click(unknown, BROWSER).await.status
    })
    .await;
    client.click(tracker, BROWSER).await.destination();
    let (host, path) = split(unknown);
    let response = client
        .edge_request(Method::GET, host, path)
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()[header::RETRY_AFTER], "10");
    edge.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_used_again_after_an_outage() {
    let (redis, test_env) = TestEnvironment::with_private_redis().await;
    let mut api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "redisback").await;
    api.expect_in_log("writing records to Redis failed");
    api.expect_in_log("relaying record changes failed");
    let mut edge = test_env.start_edge_with(&api, &[("REDIS_TIMEOUT_MS", "200")]);
    edge.expect_in_log("a lookup in Redis failed");
    edge.expect_in_log("record-change subscription lost");
    let client = Client::new(&api, Some(&edge));
    let link = client.mint(&tenant).await;
    let tracker = link["clickTrackerUrl"].as_str().unwrap();
    let redis_is = async || {
        let ready = client
            .get(&format!("{}/ready", edge.url("admin.address")))
            .await;
        let report: Value = ready.json().await.unwrap();
        report["dependencies"]["redis"]
            .as_str()
            .unwrap()
            .starts_with("up")
    };
    wait_for("Redis up", true, redis_is).await;
    redis.stop();
    wait_for("Redis down", false, redis_is).await;
    client.click(tracker, BROWSER).await.destination();
    client.mint(&tenant).await;
    redis.start_again();
    wait_for("Redis up again", true, redis_is).await;
    wait_for("a record in Redis again", true, async || {
        client.click(tracker, BROWSER).await.destination();
        let mut connection = test_env.redis().await;
        let n_keys: u32 = redis::cmd("DBSIZE")
            .query_async(&mut connection)
            .await
            .unwrap();
        n_keys > 0
    })
    .await;
    edge.stop();
    api.stop();
}

#[tokio::test]
async fn redirects_continue_from_redis_without_the_origin() {
    let EdgeFixture {
        test_env,
        api,
        service: mut edge,
        client,
        tracker_url,
        ..
    } = EdgeFixture::start().await;
    client.click(&tracker_url, BROWSER).await.destination();
    api.stop();
    edge.expect_in_log("a lookup at the origin failed");
    for _ in 0..10 {
        client.click(&tracker_url, BROWSER).await.destination();
        // Longer than the time to live of cached links.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    edge.stop();
    drop(test_env);
}

#[tokio::test]
async fn concurrent_misses_of_a_link_are_one_lookup() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "misses").await;
    let edge = test_env.start_edge_with(&api, &[("LOCAL_CACHE_TTL_MS", "600000")]);
    let client = Client::new(&api, Some(&edge));
    let link = client.mint(&tenant).await;
    let short_url = link["shortUrl"].as_str().unwrap();
    let clicks = (0..50).map(|_| client.click(short_url, BROWSER));
    for hop in futures_util::future::join_all(clicks).await {
        assert_eq!(hop.destination(), link["clickTrackerUrl"].as_str().unwrap());
    }
    let misses = n_cache_misses(&client, &edge).await;
    assert_eq!(misses, 4, "link, account, list and offer");
}

/// How many records this redirector has read from Redis or the origin.
async fn n_cache_misses(client: &Client, edge: &Service) -> u32 {
    let metrics = client
        .get(&format!("{}/metrics", edge.url("admin.address")))
        .await;
    let metrics = metrics.text().await.unwrap();
    metrics
        .lines()
        .filter(|line| line.starts_with("waypost_edge_cache_misses_total"))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u32>().unwrap())
        .sum()
}

#[tokio::test]
async fn redirects_continue_with_a_full_spool_and_unrecorded_clicks_are_counted() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "full").await;
    let settings = [
        ("AMQP_URL", "amqp://127.0.0.1:1/%2f"),
        ("SPOOL_MAX_BYTES", "4096"),
        ("SPOOL_SEGMENT_BYTES", "1024"),
    ];
    let mut edge = test_env.start_edge_with(&api, &settings);
    edge.expect_in_log("publisher session failed, reconnecting");
    edge.expect_in_log("click redirected but not recorded");
    let client = Client::new(&api, Some(&edge));
    let link = client.mint(&tenant).await;
    let tracker = link["clickTrackerUrl"].as_str().unwrap();
    for _ in 0..30 {
        client.click(tracker, BROWSER).await.destination();
    }
    let metrics = client
        .get(&format!("{}/metrics", edge.url("admin.address")))
        .await
        .text()
        .await
        .unwrap();
    let value = |name: &str| -> u32 {
        let line = metrics
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or("0");
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let recorded = value("waypost_edge_requests_total{outcome=\"click\"}");
    let unrecorded = value("waypost_edge_requests_total{outcome=\"unrecorded\"}");
    assert_eq!(recorded + unrecorded, 30, "{metrics}");
    assert!(recorded >= 5 && unrecorded >= 5, "{metrics}");
    assert_eq!(
        value("waypost_edge_unrecorded_events_total{reason=\"spool_full\"}"),
        unrecorded
    );
    edge.kill();
    // What was recorded is there, and nothing else.
    let (edge, worker) = (test_env.start_edge(&api), test_env.start_worker());
    wait_for("the recorded clicks", i64::from(recorded), async || {
        test_env.count("SELECT count(*) FROM clicks").await
    })
    .await;
    edge.stop();
    worker.stop();
}

#[tokio::test]
async fn an_unreadable_record_in_redis_is_loaded_from_the_origin() {
    let mut edge = EdgeFixture::start().await;
    edge.service.expect_in_log("a record in Redis is invalid");
    let mut connection = edge.test_env.redis().await;
    let (host, path) = split(&edge.short_url);
    let key = format!("{}link/{host}{path}", edge.test_env.redis_prefix());
    let _: () = redis::cmd("SET")
        .arg(&key)
        .arg("{\"from\": \"the future\"}")
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(
        edge.client
            .click(&edge.short_url, BROWSER)
            .await
            .destination(),
        edge.tracker_url
    );
    let link: Value = {
        let json: String = redis::cmd("GET")
            .arg(&key)
            .query_async(&mut connection)
            .await
            .unwrap();
        serde_json::from_str(&json).unwrap()
    };
    assert_eq!(link["short_host"], host, "and the origin has mended it");
    edge.service.stop();
}

/// Redis and the origin hang: cached links redirect, also past their time to live.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cached_links_redirect_while_redis_and_the_origin_hang() {
    let (redis, test_env) = TestEnvironment::with_private_redis().await;
    let mut api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "cutoff").await;
    let mut edge = test_env.start_edge_with(&api, &[("REDIS_TIMEOUT_MS", "100")]);
    let client = Client::new(&api, Some(&edge));
    let mut trackers = Vec::new();
    for _ in 0..10 {
        let link = client.mint(&tenant).await;
        trackers.push(link["clickTrackerUrl"].as_str().unwrap().to_owned());
    }
    let unknown = client.mint(&tenant).await;
    let unknown = unknown["clickTrackerUrl"].as_str().unwrap();
    for tracker in &trackers {
        client.click(tracker, BROWSER).await.destination();
    }
    edge.expect_in_log("a lookup in Redis failed");
    edge.expect_in_log("record-change subscription lost");
    edge.expect_in_log("a lookup at the origin failed");
    for part in [
        "relaying record changes failed",
        "writing records to Redis failed",
    ] {
        api.expect_in_log(part);
    }
    redis.freeze();
    api.signal("STOP");
    // From the beginning, until all lookups have timed out.
    let mut n_rounds = 0;
    wait_for("all of it to be silent", true, async || {
        for tracker in &trackers {
            client.click(tracker, BROWSER).await.destination();
        }
        let again = trackers
            .iter()
            .map(|tracker| client.click(tracker, BROWSER));
        for hop in futures_util::future::join_all(again).await {
            hop.destination();
        }
        n_rounds += 1;
        // A link that was never cached cannot redirect.
        let status = client.click(unknown, BROWSER).await.status;
        assert_eq!(status, 503);
        n_rounds > 20
    })
    .await;
    api.signal("CONT");
    redis.thaw();
    wait_for("the link that was not known", 302, async || {
        client.click(unknown, BROWSER).await.status
    })
    .await;
    edge.stop();
    api.stop();
}

#[tokio::test]
async fn a_redirector_without_cached_links_redis_and_origin_is_not_ready() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "nothing").await;
    let settings = [
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("REDIS_TIMEOUT_MS", "100"),
        ("ORIGIN_TIMEOUT_MS", "200"),
    ];
    let unavailable = [&settings[..], &[("ORIGIN_URL", "http://127.0.0.1:1")]].concat();
    let mut lost = test_env.start_edge_without_api(&unavailable);
    lost.expect_in_log("record-change subscription lost");
    let mut edge = test_env.start_edge_with(
        &api,
        &[
            &settings[..],
            &[(
                "SPOOL_DIR",
                &test_env
                    .spool_dir()
                    .with_extension("2")
                    .display()
                    .to_string(),
            )],
        ]
        .concat(),
    );
    edge.expect_in_log("record-change subscription lost");
    edge.expect_in_log("a lookup in Redis failed");
    edge.expect_in_log("a lookup at the origin failed");
    let ready = async |edge: &Service| {
        let url = format!("{}/ready", edge.url("admin.address"));
        reqwest::get(url).await.unwrap().status().as_u16()
    };
    for _ in 0..5 {
        assert_eq!(ready(&lost).await, 503);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    wait_for("the one with an origin to be ready", 200, async || {
        ready(&edge).await
    })
    .await;
    let client = Client::new(&api, Some(&edge));
    let link = client.mint(&tenant).await;
    let tracker = link["clickTrackerUrl"].as_str().unwrap();
    client.click(tracker, BROWSER).await.destination();
    // With a cached link it stays ready.
    api.stop();
    for _ in 0..5 {
        assert_eq!(ready(&edge).await, 200);
        client.click(tracker, BROWSER).await.destination();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    lost.stop();
    edge.stop();
}

/// Azure's gateway appends ports; other proxies write brackets, quotes, or another header.
#[tokio::test]
async fn the_visitors_address_is_read_in_every_form_that_proxies_write() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "forms").await;
    let mut edge = test_env.start_edge_with(&api, &[("TRUSTED_PROXIES", "127.0.0.0/8")]);
    edge.expect_in_log("a forwarding header of a trusted proxy");
    let client = Client::new(&api, Some(&edge));
    test_env
        .db
        .batch_execute("UPDATE offers SET url_template = 'https://example.com/?ip={ip}'")
        .await
        .unwrap();
    let link = client.mint(&tenant).await;
    let (host, path) = split(link["clickTrackerUrl"].as_str().unwrap());
    for (name, value, expected) in [
        ("X-Forwarded-For", "203.0.113.9:51234", "203.0.113.9"),
        ("X-Forwarded-For", "[2001:db8::5]:443", "2001:db8::5"),
        ("X-Forwarded-For", "\"203.0.113.9\"", "203.0.113.9"),
        ("X-Forwarded-For", "203.0.113.9, unknown", "203.0.113.9"),
        ("X-Forwarded-For", "203.0.113.9, ,", "203.0.113.9"),
        ("X-Forwarded-For", "203.0.113.9, \u{e9}", "203.0.113.9"),
        (
            "Forwarded",
            "for=\"[2001:db8::5]:4711\";proto=https",
            "2001:db8::5",
        ),
    ] {
        let request = client.edge_request(Method::GET, host, path);
        let value = reqwest::header::HeaderValue::from_bytes(value.as_bytes()).unwrap();
        let destination =
            HopResponse::from_response(&request.header(name, value).send().await.unwrap())
                .destination();
        assert_eq!(parameter(&destination, "ip").unwrap(), expected);
    }
    let n = edge.metric("waypost_edge_unreadable_addresses_total").await;
    assert_eq!(n, 1.0);
    edge.stop();
    api.stop();
}

#[tokio::test]
async fn the_proxy_protocol_sets_the_visitors_address_where_it_is_enabled() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "proxyv2").await;
    let settings = [("TRUSTED_PROXIES", "127.0.0.0/8"), ("PROXY_PROTOCOL", "v2")];
    let mut edge = test_env.start_edge_with(&api, &settings);
    edge.expect_in_log("reading the PROXY protocol header failed");
    let client = Client::new(&api, Some(&edge));
    test_env
        .db
        .batch_execute("UPDATE offers SET url_template = 'https://example.com/?ip={ip}'")
        .await
        .unwrap();
    let link = client.mint(&tenant).await;
    let (host, path) = split(link["clickTrackerUrl"].as_str().unwrap());
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
    let header = |command: u8, family: u8, addresses: &[u8]| {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, addresses].concat()
    };
    let v4 = [&[203, 0, 113, 9, 127, 0, 0, 1][..], &[0xc8, 0x22, 0, 80]].concat();
    let v6 = {
        let source: std::net::Ipv6Addr = "2001:db8::5".parse().unwrap();
        let to = std::net::Ipv6Addr::LOCALHOST;
        [&source.octets()[..], &to.octets(), &[0xc8, 0x22, 0, 80]].concat()
    };
    // An extension of the header, of type PP2_TYPE_NOOP.
    let v4_and_more = [&v4[..], &[4, 0, 3, 1, 2, 3]].concat();
    for (what, before, expected) in [
        ("IPv4", header(0x21, 0x11, &v4), Some("203.0.113.9")),
        ("IPv6", header(0x21, 0x21, &v6), Some("2001:db8::5")),
        (
            "an extension",
            header(0x21, 0x11, &v4_and_more),
            Some("203.0.113.9"),
        ),
        ("a health check", header(0x20, 0x00, &[]), Some("127.0.0.1")),
        ("nothing", Vec::new(), None),
        (
            "version 1",
            b"PROXY TCP4 203.0.113.9 127.0.0.1 51234 80\r\n".to_vec(),
            None,
        ),
        ("too few bytes", header(0x21, 0x11, &v4[..4]), None),
    ] {
        let mut stream = TcpStream::connect(edge.address("edge.address"))
            .await
            .unwrap();
        let bytes = [&before[..], request.as_bytes()].concat();
        stream.write_all(&bytes).await.unwrap();
        let mut answer = Vec::new();
        // It may be closed before all is read.
        stream.read_to_end(&mut answer).await.ok();
        let answer = String::from_utf8_lossy(&answer);
        match expected {
            Some(ip) => assert!(
                answer.contains(&format!("?ip={}", ip.replace(':', "%3A"))),
                "{what}: {answer}"
            ),
            None => assert_eq!(answer, "", "{what}"),
        }
    }
    edge.stop();
    api.stop();
}
