//! Conversions over HTTP: postbacks and pixels, to the ledger.

use e2e::{
    client::{BROWSER, Client, Tenant, answer, parameter, split},
    service::Service,
    test_environment::{PLATFORM_CLICK_HOST, TestEnvironment},
    wait::wait_for,
};
use reqwest::{Method, header};
use serde_json::{Value, json};

const SECRET: &str = "a-postback-secret";

/// All services, and two tenants with an offer that takes postbacks.
struct Site {
    test_env: TestEnvironment,
    api: Service,
    edge: Service,
    worker: Service,
    client: Client,
    tenants: [Tenant; 2],
    offer: String,
}

impl Site {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let test_env = TestEnvironment::new().await;
        let api = test_env.start_api();
        let tenants = [
            Tenant::create(&test_env, &api, "seller").await,
            Tenant::create(&test_env, &api, "other").await,
        ];
        let edge = test_env.start_edge_with(&api, settings);
        let client = Client::new(&api, Some(&edge));
        let offer = json!({
            "name": "An offer", "tracking_url": "https://e.com/?c={click_id}&l={link_id}",
            "payout": "7.25", "postback_secret": SECRET,
        });
        let offer = client
            .create(&tenants[0].key, "/api/v2/offers", &offer)
            .await;
        Self {
            offer: offer["id"].as_str().unwrap().to_owned(),
            worker: test_env.start_worker(),
            test_env,
            api,
            edge,
            client,
            tenants,
        }
    }

    /// A link of the offer: its URL and id.
    async fn link(&self) -> (String, String) {
        let body = json!({ "offerId": self.offer, "listId": self.tenants[0].list_id });
        let path = "/api/v2/links/shorten";
        let link = self.client.create(&self.tenants[0].key, path, &body).await;
        let text = |name: &str| link[name].as_str().unwrap().to_owned();
        (text("shortUrl"), text("linkId"))
    }

    fn host(&self) -> &str {
        &self.tenants[0].short_host
    }

    /// Status and JSON of a GET at a host.
    async fn get(&self, host: &str, path: &str) -> (u16, Value) {
        answer(self.client.edge_request(Method::GET, host, path)).await
    }

    /// A postback that must be accepted.
    async fn accepted(&self, host: &str, path: &str) {
        let (status, answer) = self.get(host, path).await;
        assert_eq!(
            (status, &answer["status"]),
            (200, &json!("accepted")),
            "{path}: {answer}"
        );
        let id = answer["conversion_id"].as_str().unwrap();
        assert!(domain::id::ConversionId::parse(id).is_ok(), "{id}");
    }

    /// Every conversion as `source event attribution amount currency`, sorted;
    /// waits until there are so many.
    async fn conversions(&self, n: i64) -> Vec<String> {
        wait_for("the conversions", n, async || {
            self.test_env
                .count("SELECT count(*) FROM conversions")
                .await
        })
        .await;
        let sql = "SELECT concat_ws(' ', source, event, attribution,
                          trim_scale(coalesce(revenue, payout)), currency)
                   FROM conversions";
        let rows = self.test_env.db.query(sql, &[]).await.unwrap();
        let mut found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        found.sort();
        found
    }

    /// Clicks, and waits for the message click; the click's id.
    async fn click(&self, url: &str) -> String {
        let before = self
            .test_env
            .count("SELECT count(*) FROM message_clicks")
            .await;
        let destination = self.client.click(url, BROWSER).await.destination();
        wait_for("the message click", before + 1, async || {
            self.test_env
                .count("SELECT count(*) FROM message_clicks")
                .await
        })
        .await;
        parameter(&destination, "c").unwrap()
    }

    fn stop(self) {
        self.edge.stop();
        self.worker.stop();
        self.api.stop();
    }
}

#[tokio::test]
async fn every_way_to_report_a_conversion_works() {
    let site = Site::start(&[]).await;
    let (url, id) = site.link().await;
    let click = site.click(&url).await;
    let host = site.host().to_owned();
    // At the short domain, the click domain and the platform's host alike.
    site.accepted(
        &host,
        &format!("/conv?link_id={id}&event=sale&revenue=12.50&txn_id=1"),
    )
    .await;
    let click_host = site.tenants[0].click_host.clone();
    site.accepted(&click_host, &format!("/conv?link_id={id}&txn_id=2"))
        .await;
    site.accepted(
        PLATFORM_CLICK_HOST,
        &format!("/conv?link_id={id}&txn_id=3&revenue=1&currency=eur"),
    )
    .await;
    site.accepted(
        PLATFORM_CLICK_HOST,
        &format!("/conv?click_id={click}&event=lead"),
    )
    .await;
    site.accepted(
        &host,
        &format!("/conv?link_id={id}&click_id={click}&event=Refund&revenue=2&txn_id=1"),
    )
    .await;
    let offer = format!(
        "/conv/offer?offer_id={}&postback_secret={SECRET}&txn_id=4",
        site.offer
    );
    site.accepted(PLATFORM_CLICK_HOST, &offer).await;
    let pixel = site
        .client
        .edge_request(Method::GET, &host, &format!("/pixel/{id}.gif?revenue=3"));
    let pixel = pixel
        .header(header::USER_AGENT, BROWSER)
        .send()
        .await
        .unwrap();
    assert_eq!(pixel.status(), 200);

    let post = |path: &str| site.client.edge_request(Method::POST, &host, path);
    let form = [
        ("link_id", id.as_str()),
        ("event", "signup"),
        ("txn_id", "5"),
    ];
    let form: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let request = post("/conv").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    assert_eq!(answer(request.body(form)).await.0, 200);
    let json = json!({ "link_id": id, "event": "install", "revenue": 0.5, "txn_id": "6" });
    assert_eq!(answer(post("/conv").json(&json)).await.0, 200);
    // The query counts before the body.
    let request = post(&format!("/conv?link_id={id}&event=rebill&txn_id=7"));
    assert_eq!(answer(request.json(&json)).await.0, 200);

    assert_eq!(
        site.conversions(10).await,
        [
            "conv install click 0.5 USD",
            "conv lead click 7.25 USD",
            "conv rebill click 0.5 USD",
            "conv refund click 2 USD",
            "conv sale click 1 EUR",
            "conv sale click 12.5 USD",
            "conv sale click 7.25 USD",
            "conv signup click 7.25 USD",
            "offer sale offer 7.25 USD",
            "pixel sale click 3 USD",
        ]
    );
    let key = &site.tenants[0].key;
    let report = "/api/v2/reports/performance?group_by=offer";
    let (_, report) = site.client.call(key, Method::GET, report, None).await;
    let row = &report["rows"][0];
    // 12.50 + 7.25 + 7.25 - 2 + 0.5 + 0.5 + 7.25 + 7.25 + 3
    assert_eq!(row["revenue"], "43.50", "{row}");
    assert_eq!(row["conversions"], 9);
    assert_eq!(report["currencies"], json!(["EUR", "USD"]));
    site.stop();
}

#[tokio::test]
async fn an_invalid_postback_gets_its_error_and_stores_nothing() {
    let site = Site::start(&[]).await;
    let (url, id) = site.link().await;
    let link = |more: &str| format!("/conv?link_id={id}{more}");
    let offer = |more: &str| format!("/conv/offer?offer_id={}{more}", site.offer);
    let secret = format!("&postback_secret={SECRET}");
    let other = &site.tenants[1];
    let body = other.link_body();
    let theirs = site.client.create(&other.key, "/api/v2/links", &body).await;
    let theirs = theirs["linkId"].as_str().unwrap();
    let long = "x".repeat(10_240);
    for (path, expected) in [
        ("/conv".to_owned(), "400 missing_link_id"),
        ("/conv?link_id=&click_id=".to_owned(), "400 missing_link_id"),
        ("/conv?link_id=Zz9zZz9".to_owned(), "404 link_not_found"),
        (
            "/conv?link_id=lnk_Zz9zZz9z".to_owned(),
            "404 link_not_found",
        ),
        (
            "/conv?link_id=..%2F..%2Fetc".to_owned(),
            "404 link_not_found",
        ),
        (format!("/conv?link_id={theirs}"), "404 link_not_found"),
        ("/conv?click_id=1".to_owned(), "400 invalid_click_id"),
        (
            "/conv?click_id=%7Bclick_id%7D".to_owned(),
            "400 missing_link_id",
        ),
        ("/conv?click_id=Zz9zZz9".to_owned(), "404 link_not_found"),
        ("/api/postbacks/tune".to_owned(), "400 missing_link_id"),
        ("/conv/offer".to_owned(), "400 missing_offer_id"),
        (
            format!("/conv/offer?offer_id=1{secret}&txn_id=1"),
            "404 offer_not_found",
        ),
        (
            format!("/conv/offer?offer_id=0123456789abcdef01234567{secret}&txn_id=1"),
            "404 offer_not_found",
        ),
        (offer("&txn_id=1"), "403 invalid_postback_secret"),
        (
            offer("&txn_id=1&postback_secret=wrong"),
            "403 invalid_postback_secret",
        ),
        // A partnership offer without a secret takes none.
        (
            format!(
                "/conv/offer?offer_id={}&txn_id=1&postback_secret=",
                other.offer_id
            ),
            "403 invalid_postback_secret",
        ),
        (offer(&secret), "400 missing_txn_id"),
        (
            offer(&format!("{secret}&txn_id=%7Btransaction_id%7D")),
            "400 missing_txn_id",
        ),
        (
            offer(&format!("{secret}&txn_id=1&message_id={long}")),
            "400 invalid_message_id",
        ),
    ] {
        let (status, answer) = site.get(site.host(), &path).await;
        let short = &path[..path.len().min(100)];
        let code = answer["code"].as_str().unwrap_or_default();
        assert_eq!(format!("{status} {code}"), expected, "{short}: {answer}");
        assert!(answer["error"].as_str().unwrap().len() > 10, "{answer}");
    }
    // A pixel shows nothing of it.
    let pixel = site
        .client
        .edge_request(Method::GET, site.host(), "/pixel/Zz9zZz9.gif");
    assert_eq!(
        pixel.send().await.unwrap().headers()["content-type"],
        "image/gif"
    );
    let post = |body: Vec<u8>| {
        site.client
            .edge_request(Method::POST, site.host(), &link(""))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
    };
    for (body, expected) in [
        (b"{".to_vec(), "400 invalid_body"),
        (b"[1, 2]".to_vec(), "400 invalid_body"),
        (vec![b' '; 64 * 1024 + 1], "413 payload_too_large"),
    ] {
        let (status, answer) = answer(post(body)).await;
        assert_eq!(
            format!("{status} {}", answer["code"].as_str().unwrap()),
            expected
        );
    }
    for (method, path) in [
        (Method::PUT, "/conv".to_owned()),
        (Method::POST, format!("/pixel/{id}.gif")),
        (Method::HEAD, "/conv".to_owned()),
    ] {
        let refused = site
            .client
            .edge_request(method, site.host(), &path)
            .send()
            .await
            .unwrap();
        assert_eq!(refused.status(), 405, "{path}");
    }
    // What comes last is stored, and nothing before it.
    site.click(&url).await;
    site.accepted(site.host(), &link("&txn_id=last")).await;
    assert_eq!(site.conversions(1).await, ["conv sale click 7.25 USD"]);
    let metrics = site
        .client
        .get(&format!("{}/metrics", site.edge.url("admin.address")))
        .await;
    let metrics = metrics.text().await.unwrap();
    for counted in [
        r#"waypost_edge_conversions_total{source="pixel",code="link_not_found"} 1"#,
        r#"waypost_edge_conversions_total{source="conv",code="invalid_body"} 2"#,
    ] {
        assert!(metrics.lines().any(|line| line == counted), "{metrics}");
    }
    site.stop();
}

#[tokio::test]
async fn conversions_are_deduplicated_by_transaction_click_or_visitor() {
    let site = Site::start(&[]).await;
    let (url, id) = site.link().await;
    let click = site.click(&url).await;
    let host = site.host().to_owned();
    for path in [
        // The same transaction, however it is said; another event is another.
        format!("/conv?link_id={id}&txn_id=1&revenue=5"),
        format!("/conv?link_id={id}&txn_id=1&revenue=6"),
        format!("/conv?click_id={click}&txn_id=1"),
        format!(
            "/conv/offer?offer_id={}&postback_secret={SECRET}&txn_id=1",
            site.offer
        ),
        format!("/conv?link_id={id}&txn_id=1&event=lead"),
        // One of a click and event.
        format!("/conv?click_id={click}"),
        format!("/conv?click_id={click}&revenue=9"),
        // One of a link, event and visitor.
        format!("/conv?link_id={id}&event=signup"),
        format!("/conv?link_id={id}&event=signup"),
    ] {
        site.accepted(&host, &path).await;
    }
    let pixel = |agent: &'static str| {
        let request = site
            .client
            .edge_request(Method::GET, &host, &format!("/pixel/{id}.gif"));
        request.header(header::USER_AGENT, agent).send()
    };
    for agent in ["a visitor", "a visitor", "another visitor"] {
        assert_eq!(pixel(agent).await.unwrap().status(), 200);
    }
    site.accepted(&host, &format!("/conv?link_id={id}&txn_id=last"))
        .await;
    wait_for("the last conversion", 1, async || {
        site.test_env
            .count("SELECT count(*) FROM conversions WHERE txn_id = 'last'")
            .await
    })
    .await;
    assert_eq!(
        site.conversions(7).await,
        [
            "conv lead click 7.25 USD",
            "conv sale click 5 USD",
            "conv sale click 7.25 USD",
            "conv sale click 7.25 USD",
            "conv signup click 7.25 USD",
            "pixel sale click 7.25 USD",
            "pixel sale click 7.25 USD",
        ]
    );
    site.stop();
}

#[tokio::test]
async fn a_pixel_is_a_gif_that_is_not_cached() {
    let site = Site::start(&[]).await;
    let (_, id) = site.link().await;
    for path in [
        format!("/pixel/{id}.gif"),
        "/pixel/unknown.gif".to_owned(),
        "/pixel/..gif".to_owned(),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let pixel = site.client.edge_request(method.clone(), site.host(), &path);
            let pixel = pixel.send().await.unwrap();
            assert_eq!(pixel.status(), 200);
            assert_eq!(pixel.headers()["content-type"], "image/gif");
            assert_eq!(pixel.headers()["cache-control"], "private, no-store");
            let bytes = pixel.bytes().await.unwrap();
            if method == Method::GET {
                assert_eq!(bytes.len(), 43);
                assert!(bytes.starts_with(b"GIF89a\x01\x00\x01\x00"));
            }
        }
    }
    assert_eq!(site.conversions(1).await, ["pixel sale none 7.25 USD"]);
    site.stop();
}

/// As for clicks: what was answered is on disk.
#[tokio::test]
async fn an_accepted_conversion_survives_a_kill_of_the_redirector() {
    let settings = [("AMQP_URL", "amqp://guest:guest@127.0.0.1:1/%2f")];
    let mut site = Site::start(&settings).await;
    site.edge
        .expect_in_log("publisher session failed, reconnecting");
    let (_, id) = site.link().await;
    for txn in 0..20 {
        site.accepted(site.host(), &format!("/conv?link_id={id}&txn_id={txn}"))
            .await;
    }
    let Site {
        test_env,
        api,
        edge,
        ..
    } = site;
    edge.kill();
    let edge = test_env.start_edge(&api);
    wait_for("the conversions", 20, async || {
        test_env.count("SELECT count(*) FROM conversions").await
    })
    .await;
    edge.stop();
}

#[tokio::test]
async fn a_conversion_that_cannot_be_recorded_or_looked_up_gets_a_retry_response() {
    let site = Site::start(&[("SPOOL_MAX_BYTES", "300"), ("SPOOL_SEGMENT_BYTES", "300")]).await;
    let Site {
        mut edge,
        api,
        client,
        tenants,
        ..
    } = site;
    edge.expect_in_log("could not be recorded");
    edge.expect_in_log("record-change subscription lost");
    edge.expect_in_log("a lookup at the origin failed");
    let path = "/conv?click_id=";
    let click = domain::id::ClickId::generate(
        u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap(),
        &mut rand::rng(),
    );
    let long = format!("{path}{click}&txn_id={}", "x".repeat(250));
    let request = client.edge_request(Method::GET, &tenants[0].short_host, &long);
    let refused = request.send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "10");
    api.stop();
    let unknown = "/conv?link_id=Zz9zZz9";
    wait_for("503", 503, async || {
        let request = client.edge_request(Method::GET, &tenants[0].short_host, unknown);
        request.send().await.unwrap().status().as_u16()
    })
    .await;
    edge.stop();
}

/// The platform's macro in the offer's URL brings the link's id back.
#[tokio::test]
async fn a_platform_postback_finds_its_link() {
    let site = Site::start(&[]).await;
    let offer = json!({
        "name": "Tune", "tracking_url": "https://go.example/aff_c?offer_id=7",
        "external_platform": "tune", "external_id": "7", "payout": "3",
    });
    let key = &site.tenants[0].key;
    let offer = site.client.create(key, "/api/v2/offers", &offer).await;
    let body = json!({ "offerId": offer["id"], "listId": site.tenants[0].list_id });
    let link = site
        .client
        .create(key, "/api/v2/links/shorten", &body)
        .await;
    let destination = site
        .client
        .click(link["shortUrl"].as_str().unwrap(), BROWSER)
        .await
        .destination();
    let sent_back = parameter(&destination, "aff_sub").unwrap();
    site.accepted(
        PLATFORM_CLICK_HOST,
        &format!("/conv?link_id={sent_back}&txn_id=1"),
    )
    .await;
    wait_for("the credit", 1, async || {
        site.test_env
            .count("SELECT count(*) FROM conversions WHERE attribution = 'click'")
            .await
    })
    .await;
    let (host, _) = split(link["shortUrl"].as_str().unwrap());
    assert_eq!(host, site.host());
    site.stop();
}

#[tokio::test]
async fn a_repeated_postback_names_the_conversion_that_is_stored() {
    let site = Site::start(&[]).await;
    let (url, id) = site.link().await;
    let click = site.click(&url).await;
    let get = async |path: &str| {
        let (status, answer) = site.get(site.host(), path).await;
        assert_eq!(status, 200, "{path}: {answer}");
        let id = answer["conversion_id"].as_str().unwrap().to_owned();
        (id, answer)
    };
    let sale = format!("/conv?link_id={id}&order_id=A-1&amount=3,50&goal=Base");
    let (first, answer) = get(&sale).await;
    let expected = json!({ "status": "accepted", "conversion_id": first });
    assert_eq!(answer, expected);
    // The offer is part of the identity, and both postbacks have the same.
    let sale = format!("/api/postbacks/tune?link_id={id}&adv_sub=A-1&amount=9&foo=1");
    let (_, answer) = get(&sale).await;
    let expected = json!({
        "status": "accepted", "conversion_id": first, "duplicate": true, "ignored": ["foo"],
    });
    assert_eq!(answer, expected);
    // A macro that was not replaced is no transaction: the same request is a retry, and
    // another one is another sale.
    let sale = |amount: u32| format!("/conv?link_id={id}&txn_id=%7Btxid%7D&revenue={amount}");
    let (first, answer) = get(&sale(4)).await;
    assert_eq!(answer["ignored"], json!(["txn_id"]));
    assert_eq!(get(&sale(4)).await.0, first);
    assert_ne!(get(&sale(5)).await.0, first);
    // A click without hyphens, under another network's name.
    let sale = format!("/conv?subid={}&sum=6&status=hold", click.replace('-', ""));
    let (_, answer) = get(&sale).await;
    assert_eq!(answer.get("duplicate"), None, "{answer}");
    // Whatever a body says of its type.
    let body = r#"{"order": {"id": 77, "currency": "EUR"}, "payout": "1,234"}"#;
    let request = site
        .client
        .edge_request(Method::POST, site.host(), &format!("/conv?link_id={id}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body);
    let (status, answer) = e2e::client::answer(request).await;
    assert_eq!(
        (status, &answer["flags"]),
        (200, &json!(["amount_unreadable"]))
    );
    assert_eq!(
        site.conversions(5).await,
        [
            "conv sale click 3.5 USD",
            "conv sale click 4 USD",
            "conv sale click 5 USD",
            "conv sale click 6 USD",
            "conv sale click 7.25 EUR",
        ]
    );
    site.stop();
}

#[tokio::test]
async fn postbacks_are_read_by_the_mapping_of_the_offer() {
    let site = Site::start(&[]).await;
    let (url, id) = site.link().await;
    let click = site.click(&url).await;
    let host = site.host().to_owned();
    let key = &site.tenants[0].key;
    let mapping = json!({
        "parameters": { "summe": "revenue", "zustand": "status" },
        "statuses": { "3": "rejected" },
        "response": { "body": "OK" },
    });
    let path = format!("/api/v2/offers/{}", site.offer);
    let body = json!({ "postback_mapping": mapping });
    let (status, offer) = site.client.call(key, Method::PUT, &path, Some(&body)).await;
    assert_eq!(
        (status, &offer["postback_mapping"]),
        (200, &mapping),
        "{offer}"
    );

    let answer_of = async |path: &str| {
        let request = site.client.edge_request(Method::GET, &host, path);
        request.send().await.unwrap().text().await.unwrap()
    };
    let conv = format!("/conv?link_id={id}&txn_id=1&summe=5");
    wait_for("the answer of the mapping", "OK".to_owned(), async || {
        answer_of(&conv).await
    })
    .await;
    assert_eq!(
        answer_of(&format!("/conv?link_id={id}&txn_id=2&summe=6&zustand=3")).await,
        "OK"
    );
    // The redirector does not know the click's offer; the worker does.
    let of_click = format!("/conv?click_id={click}&txn_id=3&summe=7&zustand=3");
    site.accepted(&host, &of_click).await;
    wait_for("the conversions", 3, async || {
        site.test_env
            .count("SELECT count(*) FROM conversions WHERE attribution = 'click'")
            .await
    })
    .await;
    let rows = site
        .test_env
        .db
        .query(
            "SELECT concat_ws(' ', txn_id, status, trim_scale(coalesce(revenue, payout)))
             FROM conversions
             ORDER BY txn_id",
            &[],
        )
        .await
        .unwrap();
    let stored: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    // The first request may have come before the redirector knew the mapping.
    assert!(
        ["1 approved 5", "1 approved 7.25"].contains(&&*stored[0]),
        "{stored:?}"
    );
    assert_eq!(stored[1..], ["2 rejected 6", "3 rejected 7"]);
    site.stop();
}

#[tokio::test]
async fn a_postback_is_explained_and_a_template_is_ready_to_paste() {
    let site = Site::start(&[]).await;
    let (_, id) = site.link().await;
    let key = &site.tenants[0].key;
    let account = site.tenants[0].account_id;
    let call = async |method, path: &str, body: Option<&Value>| {
        site.client.call(key, method, path, body).await
    };
    let (status, presets) = call(Method::GET, "/api/v2/postbacks/presets", None).await;
    let names: Vec<_> = presets["presets"].as_array().unwrap().iter().collect();
    assert_eq!(status, 200);
    assert!(
        names.iter().any(|preset| preset["name"] == "everflow"),
        "{presets}"
    );

    let path = "/api/v2/postbacks/template?preset=tune&host=go.example.com";
    let (status, template) = call(Method::GET, path, None).await;
    assert_eq!(status, 200, "{template}");
    assert_eq!(
        template["url"],
        format!(
            "https://go.example.com/api/postbacks/tune?account_id={account}&click_id={{aff_sub}}\
             &txn_id={{transaction_id}}&revenue={{payout}}&currency={{currency}}"
        )
    );
    for (path, code) in [
        ("/api/v2/postbacks/template?preset=nobody", "invalid_field"),
        (
            "/api/v2/postbacks/template?preset=tune&offer_id=x",
            "not_found",
        ),
    ] {
        let (_, answer) = call(Method::GET, path, None).await;
        assert_eq!(answer["code"], code, "{answer}");
    }

    let url = format!(
        "https://go.example.com/conv?link_id={id}&amp;order_id=A-1&amount=%241%2C234.50\
         &status=declined&tid={{transaction_id}}&adv=7"
    );
    let path = "/api/v2/postbacks/test";
    let (status, read) = call(Method::POST, path, Some(&json!({ "url": url }))).await;
    assert_eq!(status, 200, "{read}");
    let told = [
        "accepted", "link_id", "offer_id", "event", "status", "amount", "txn_id",
    ];
    let told: Vec<_> = told.iter().map(|name| read[*name].clone()).collect();
    let offer = site.offer.as_str();
    let expected = [
        json!(true),
        json!(id),
        json!(offer),
        json!("sale"),
        json!("rejected"),
        json!("1234.50"),
        json!("A-1"),
    ];
    assert_eq!(told, expected, "{read}");
    assert_eq!(read["ignored"], json!(["tid", "adv"]), "{read}");

    let (_, read) = call(Method::POST, path, Some(&json!({ "url": "?revenue=1" }))).await;
    assert_eq!(
        (&read["accepted"], &read["code"]),
        (&json!(false), &json!("missing_link_id"))
    );
    let (status, _) = call(Method::POST, path, Some(&json!({}))).await;
    assert_eq!(status, 400);
    assert_eq!(
        site.test_env
            .count("SELECT count(*) FROM conversions")
            .await,
        0
    );
    site.stop();
}
