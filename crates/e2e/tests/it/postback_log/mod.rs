//! The log of postbacks: what accounts see of the postbacks that arrived, and that nobody waits
//! for it or fails by it.

mod fixture;

use std::time::{Duration, Instant};

use e2e::{
    client::{BROWSER, Tenant, answer, parameter},
    wait::wait_for,
};
use reqwest::Method;
use serde_json::{Value, json};

use fixture::{SECRET_OF_ACCOUNT, SECRET_OF_OFFER, Shop, invented_click};

#[tokio::test]
async fn every_postback_is_in_the_log_with_its_verdict() {
    let shop = Shop::open().await;
    let worker = shop.test_env.start_worker();
    let (link, offer) = (&shop.link_id, &shop.offer);
    let account = shop.seller.account_id;
    shop.change_account(json!({
        "postback_mapping": { "events": { "view": { "ignore": true } } },
        "postback_secrets": [SECRET_OF_ACCOUNT],
    }))
    .await;
    let view = format!("/conv?link_id={link}&txn_id=view&event=view");
    wait_for("the mapping", json!("ignored"), async || {
        shop.get(&view).await.1["status"].clone()
    })
    .await;

    let click = invented_click();
    let sale = format!("/conv?link_id={link}&txn_id=sale&revenue=12.5&adv=7");
    let sent = [
        (sale.clone(), 200),
        (sale.clone(), 200),
        (
            format!("/conv?click_id={click}&account_id={account}&txn_id=click"),
            200,
        ),
        (
            format!("/api/postbacks/tune?link_id={link}&txn_id=tune"),
            200,
        ),
        (
            format!("/conv?link_id={link}&txn_id=token&token={SECRET_OF_ACCOUNT}"),
            200,
        ),
        ("/conv?link_id=unknown-link&txn_id=link".to_owned(), 404),
        ("/conv?txn_id=nothing".to_owned(), 400),
        ("/conv?click_id=no!&txn_id=no-click".to_owned(), 400),
        (
            format!("/conv?click_id={click}&account_id=999999&txn_id=account"),
            404,
        ),
        (
            format!("/conv/offer?offer_id={offer}&postback_secret=wrong-one&txn_id=secret"),
            403,
        ),
        (
            "/conv/offer?offer_id=6789abcd1234ef5678901234&txn_id=offer".to_owned(),
            404,
        ),
        ("/conv/offer?txn_id=no-offer".to_owned(), 400),
    ];
    for (path, status) in &sent {
        assert_eq!(shop.get(path).await.0, *status, "{path}");
    }
    let pixel = format!("/pixel/{link}.gif?txn_id=pixel");
    let host = &shop.seller.short_host;
    let pixel = shop.client.edge_request(Method::GET, host, &pixel);
    assert_eq!(pixel.send().await.unwrap().status(), 200);
    for (txn_id, verdicts) in [
        ("sale", "duplicate stored"),
        ("click", "pending"),
        ("pixel", "stored"),
        ("tune", "stored"),
        ("token", "stored"),
        ("link", "link_not_found"),
        ("nothing", "missing_link_id"),
        ("no-click", "invalid_click_id"),
        ("secret", "invalid_postback_secret"),
        ("offer", "offer_not_found"),
        ("no-offer", "missing_offer_id"),
    ] {
        shop.wait_for_verdicts(txn_id, verdicts).await;
    }
    assert!(shop.verdicts("view").await.starts_with("ignored"));
    // It names a click, which may be any account's.
    assert_eq!(shop.verdicts("account").await, "");

    let sales = shop.log("txn_id=sale").await;
    let (repeated, first) = (&sales[0], &sales[1]);
    assert_eq!(repeated["conversion_id"], first["conversion_id"]);
    let expected = json!({
        "path": "/conv", "host": shop.seller.short_host, "event": "sale", "status": "approved",
        "amount": "12.50", "currency": "USD", "link_id": link, "offer_id": offer,
        "credentials": [], "authenticated": false, "flags": [], "ignored": ["adv"],
        "address": "203.0.113.9", "suppressed": null,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&first[name], value, "{name}");
    }
    let entry = &shop.log("txn_id=token").await[0];
    assert_eq!(entry["credentials"], json!(["token"]));
    assert_eq!(entry["authenticated"], true);
    let entry = &shop.log("txn_id=secret").await[0];
    assert_eq!(entry["credentials"], json!(["postback_secret"]));
    assert_eq!(entry["authenticated"], false);
    let entry = &shop.log("txn_id=click").await[0];
    assert_eq!(entry["click_id"], click);

    let stored = first["conversion_id"].as_str().unwrap();
    let path = format!("/api/v2/conversions/{stored}");
    let key = &shop.seller.key;
    let (status, _) = shop.client.call(key, Method::DELETE, &path, None).await;
    assert_eq!(status, 200);
    shop.wait_for_verdicts("sale", "duplicate deleted").await;
    let sql = "SELECT t::text FROM postback_log t";
    for row in shop.test_env.db.query(sql, &[]).await.unwrap() {
        let row: String = row.get(0);
        for secret in [SECRET_OF_ACCOUNT, SECRET_OF_OFFER, "wrong-one"] {
            assert!(!row.contains(secret), "{row}");
        }
    }
    worker.stop();
    shop.stop();
}

#[tokio::test]
async fn the_log_is_filtered_paged_and_exported_and_nobody_elses() {
    let shop = Shop::open().await;
    let link = &shop.link_id;
    for n in 0..5 {
        let path = format!("/conv?link_id={link}&txn_id=txn-{n}");
        assert_eq!(shop.get(&path).await.0, 200);
    }
    assert_eq!(
        shop.get("/conv?link_id=unknown-link&txn_id==1").await.0,
        404
    );
    wait_for("the entries", 6, async || shop.log("").await.len()).await;
    for (query, n_entries) in [
        ("verdict=accepted".to_owned(), 5),
        ("verdict=stored".to_owned(), 0),
        ("verdict=refused".to_owned(), 1),
        ("verdict=link_not_found".to_owned(), 1),
        ("verdict=ignored".to_owned(), 0),
        ("txn_id=txn-3".to_owned(), 1),
        (format!("link_id={link}"), 5),
        ("link_id=unknown-link".to_owned(), 1),
        (format!("offer_id={}", shop.offer), 5),
        ("path=/conv".to_owned(), 6),
        ("path=/conv/offer".to_owned(), 0),
        ("from=2100-01-01T00:00:00Z".to_owned(), 0),
        ("to=2100-01-01T00:00:00Z".to_owned(), 6),
    ] {
        assert_eq!(shop.log(&query).await.len(), n_entries, "{query}");
    }
    let key = &shop.seller.key;
    let path = "/api/v2/postbacks?verdict=nothing";
    let (status, answer) = shop.client.call(key, Method::GET, path, None).await;
    assert_eq!((status, &answer["code"]), (400, &json!("invalid_field")));

    // Pages, from the newest.
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let path = format!("/api/v2/postbacks?limit=2{cursor}");
        let (_, page) = shop.client.call(key, Method::GET, &path, None).await;
        let entries = page["postbacks"].as_array().unwrap();
        seen.extend(entries.iter().map(|entry| entry["txn_id"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["=1", "txn-4", "txn-3", "txn-2", "txn-1", "txn-0"]);

    let request = shop
        .client
        .api_request(Method::GET, "/api/v2/postbacks?format=csv&limit=1");
    let response = request.header("X-Api-Key", key).send().await.unwrap();
    assert_eq!(
        response.headers()["content-type"],
        "text/csv; charset=utf-8"
    );
    assert!(response.headers().contains_key("x-next-cursor"));
    let csv = response.text().await.unwrap();
    let lines: Vec<_> = csv.lines().collect();
    assert!(lines[0].starts_with("postback_id,received_at,path,host,verdict,"));
    assert!(lines[1].contains(",link_not_found,"), "{csv}");
    assert!(lines[1].contains(",'=1,"), "no formula: {csv}");

    let stranger = Tenant::create(&shop.test_env, &shop.api, "stranger").await;
    let entries = shop.log_of(&stranger.key, "/api/v2/postbacks").await;
    assert_eq!(entries, [] as [Value; 0]);
    shop.stop();
}

#[tokio::test]
async fn only_operators_see_what_belongs_to_no_account() {
    let shop = Shop::open().await;
    let request = shop.client.edge_request(
        Method::GET,
        "nobody.example",
        "/conv?link_id=unknown-link&txn_id=nobody",
    );
    assert_eq!(answer(request).await.0, 404);
    let path = "/api/v2/postbacks/without-account";
    wait_for("the entry", 1, async || {
        shop.log_of(&shop.admin, path).await.len()
    })
    .await;
    let entry = &shop.log_of(&shop.admin, path).await[0];
    assert_eq!(entry["txn_id"], "nobody");
    assert_eq!(
        entry["address"], "127.0.0.0",
        "of nobody's sender the network"
    );
    assert_eq!(shop.log("").await, [] as [Value; 0]);
    let key = &shop.seller.key;
    let (status, _) = shop.client.call(key, Method::GET, path, None).await;
    assert_eq!(status, 403);
    shop.stop();
}

#[tokio::test]
async fn a_conversion_is_pending_until_its_click_is_stored() {
    let mut shop = Shop::open().await;
    shop.edge.expect_in_log("a lookup at the origin failed");
    let click = shop.client.click(&shop.link_url, BROWSER).await;
    let click = parameter(&click.destination(), "c").unwrap();
    let postback = |txn_id: &str| format!("/conv?click_id={click}&txn_id={txn_id}");
    let (status, body) = shop.get(&postback("early")).await;
    assert_eq!((status, &body["pending"]), (200, &json!(true)), "{body}");
    // It names no account. So the account sees it once the click is stored.
    wait_for("the entry", 1, async || {
        let sql = "SELECT count(*) FROM postback_log WHERE account_id IS NULL AND address = '203.0.113.0'";
        shop.test_env.count(sql).await
    })
    .await;
    assert_eq!(shop.verdicts("early").await, "");

    let worker = shop.test_env.start_worker();
    shop.wait_for_verdicts("early", "stored").await;
    let entry = &shop.log("txn_id=early").await[0];
    assert_eq!(entry["link_id"], json!(shop.link_id));
    let (_, body) = shop.get(&postback("late")).await;
    assert_eq!(body["status"], "accepted");
    assert_eq!(body["pending"], Value::Null, "{body}");
    shop.wait_for_verdicts("late", "stored").await;

    // Without the origin nobody knows, and nobody waits for it.
    shop.origin.freeze();
    let start = Instant::now();
    let (status, body) = shop.get(&postback("unknown")).await;
    assert_eq!((status, &body["pending"]), (200, &Value::Null), "{body}");
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    shop.origin.pass();
    shop.wait_for_verdicts("unknown", "stored").await;
    worker.stop();
    shop.stop();
}

#[tokio::test]
async fn conversions_go_on_without_the_origin_and_their_entries_arrive_later() {
    let mut shop = Shop::open().await;
    shop.edge.expect_in_log("a lookup at the origin failed");
    let worker = shop.test_env.start_worker();
    let postback = |txn_id: &str| format!("/conv?link_id={}&txn_id={txn_id}", shop.link_id);
    assert_eq!(shop.get(&postback("before")).await.0, 200);
    shop.wait_for_verdicts("before", "stored").await;
    shop.origin.cut();
    for n in 0..20 {
        let start = Instant::now();
        assert_eq!(shop.get(&postback(&format!("during-{n}"))).await.0, 200);
        assert!(start.elapsed() < Duration::from_secs(2));
    }
    wait_for("the conversions", 21, async || {
        let sql = "SELECT count(*) FROM conversions";
        shop.test_env.count(sql).await
    })
    .await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(shop.log("").await.len(), 1);
    shop.origin.pass();
    wait_for("the entries", 21, async || {
        shop.log("verdict=stored").await.len()
    })
    .await;
    let sent = "waypost_edge_postback_log_entries_total{result=\"sent\"}";
    assert!((shop.edge.metric(sent).await - 21.0).abs() < 0.5);
    worker.stop();
    shop.stop();
}

#[tokio::test]
async fn a_flood_of_refused_postbacks_is_sampled_and_the_rest_is_counted() {
    const N_POSTBACKS: i64 = 1_500;
    let shop = Shop::open().await;
    let start = Instant::now();
    let path = format!(
        "/conv/offer?offer_id={}&postback_secret=x&txn_id=flood",
        shop.offer
    );
    for _ in 0..N_POSTBACKS {
        assert_eq!(shop.get(&path).await.0, 403);
    }
    let counted = "SELECT (count(*) FILTER (WHERE verdict = 'invalid_postback_secret')
                           + coalesce(sum(n_suppressed), 0))::bigint
                   FROM postback_log";
    wait_for("all of them", N_POSTBACKS, async || {
        shop.test_env.count(counted).await
    })
    .await;
    let n_rows = shop
        .test_env
        .count("SELECT count(*) FROM postback_log")
        .await;
    // A burst of 60 and one a second of this network, and the rows that count the others.
    let n_seconds = i64::try_from(start.elapsed().as_secs()).unwrap();
    assert!((61..=65 + 2 * n_seconds).contains(&n_rows), "{n_rows}");
    let suppressed = shop.log("verdict=suppressed").await;
    assert!(suppressed[0]["suppressed"].as_i64().unwrap() > 0);
    let limited = "waypost_edge_postback_log_entries_total{result=\"rate_limited\"}";
    assert!(shop.edge.metric(limited).await > 1_000.0);
    // Others are not affected.
    let other = format!("/conv?link_id={}&txn_id=other", shop.link_id);
    assert_eq!(shop.get(&other).await.0, 200);
    shop.wait_for_verdicts("other", "accepted").await;
    shop.stop();
}

#[tokio::test]
async fn a_network_with_too_many_attempts_is_in_the_log() {
    let shop = Shop::open_with(&[("EDGE_MAX_FAILED_ATTEMPTS_PER_MINUTE", "3")]).await;
    let mut statuses = Vec::new();
    for n in 0..10 {
        let path = format!("/conv?link_id=unknown-{n}&txn_id=guess");
        statuses.push(shop.get(&path).await.0);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    wait_for("the entries", 10, async || {
        shop.log("verdict=refused").await.len()
    })
    .await;
    let limited = shop.log("verdict=too_many_attempts").await;
    assert!(!limited.is_empty());
    assert_eq!(limited[0]["path"], "/conv");
    assert_eq!(limited[0]["txn_id"], Value::Null, "it was not read");
    shop.stop();
}

#[tokio::test]
async fn the_account_decides_how_much_of_addresses_is_logged() {
    let shop = Shop::open().await;
    for (storage, address) in [
        ("full", json!("198.51.100.7")),
        ("truncated", json!("198.51.100.0")),
        ("none", Value::Null),
    ] {
        shop.change_account(json!({ "ip_storage": storage })).await;
        let path = format!("/conv?link_id={}&txn_id=with-{storage}", shop.link_id);
        assert_eq!(shop.get_from("198.51.100.7", &path).await.0, 200);
        let txn_id = format!("with-{storage}");
        shop.wait_for_verdicts(&txn_id, "accepted").await;
        let entry = &shop.log(&format!("txn_id={txn_id}")).await[0];
        assert_eq!(entry["address"], address, "{storage}");
    }
    shop.stop();
}

#[tokio::test]
async fn entries_are_deleted_after_a_week() {
    let shop = Shop::open().await;
    let path = format!("/conv?link_id={}&txn_id=new", shop.link_id);
    assert_eq!(shop.get(&path).await.0, 200);
    shop.wait_for_verdicts("new", "accepted").await;
    for (age_hours, txn_id) in [(7 * 24 + 1, "old"), (7 * 24 - 1, "last")] {
        let time = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(age_hours);
        let unix_ms = u64::try_from(time.as_millisecond()).unwrap();
        let id = domain::id::PostbackId::generate(unix_ms, &mut rand::rng());
        let account = shop.seller.account_id;
        let sql = format!(
            "INSERT INTO postback_log
                 (postback_id, received_at, verdict, account_id, txn_id, credentials,
                  authenticated, flags, ignored)
             VALUES ('{id}', '{time}', 'accepted', {account}, '{txn_id}', '{{}}', false, '{{}}',
                     '{{}}')"
        );
        shop.test_env.db.batch_execute(&sql).await.unwrap();
    }
    shop.wait_for_verdicts("old", "accepted").await;
    let worker = shop.test_env.start_worker();
    shop.wait_for_verdicts("old", "").await;
    assert_eq!(shop.verdicts("last").await, "accepted");
    worker.stop();
    shop.stop();
}
