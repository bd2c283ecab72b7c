//! The affiliate API's conversions.

use domain::id::ClickId;
use e2e::{
    client::{BROWSER, Client, Tenant, create_key, parameter},
    wait::wait_for,
};
use insta::assert_json_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, status_and_code};

fn redacted(mut answer: Value) -> Value {
    let data = &mut answer["data"];
    let id = data["conversion_id"].as_str().unwrap();
    assert!(domain::id::ConversionId::parse(id).is_ok(), "{id}");
    for name in ["conversion_id", "click_id", "campaign_id", "created_at"] {
        if data[name].is_string() {
            data[name] = json!(format!("[{name}]"));
        }
    }
    answer
}

fn fresh_click() -> String {
    let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap();
    ClickId::generate(now, &mut rand::rng()).to_string()
}

#[tokio::test]
async fn a_campaign_click_converts_once() {
    let api = Api::start("tracking").await;
    let worker = api.test_env.start_worker();
    let edge = api.test_env.start_edge(&api.service);
    let client = Client::new(&api.service, Some(&edge));
    let campaign = api.campaign().await;
    let link = api
        .create("/api/links", json!({ "campaign_id": campaign }))
        .await;
    let landing = client
        .click(link["url"].as_str().unwrap(), BROWSER)
        .await
        .destination();
    let click = parameter(&landing, "afk_cid").unwrap();
    wait_for("the click", 1, async || {
        api.test_env
            .count("SELECT count(*) FROM message_clicks")
            .await
    })
    .await;

    let sale = json!({
        "click_id": click, "order_id": "order-1", "amount": "49.99",
        "customer_email": " Ada@Example.com ", "metadata": { "coupon": "SPRING" },
    });
    let (status, first) = api.post("/api/conversions/track", sale.clone()).await;
    assert_eq!(status, 201, "{first}");
    assert_json_snapshot!(redacted(first.clone()), @r#"
    {
      "data": {
        "campaign_id": "[campaign_id]",
        "click_id": "[click_id]",
        "conversion_id": "[conversion_id]",
        "created_at": "[created_at]",
        "status": "attributed"
      }
    }
    "#);
    let (status, again) = api.post("/api/conversions/track", sale).await;
    assert_eq!((status, &again), (200, &first));
    let lead = json!({ "click_id": click, "order_id": "order-1", "amount": 1.5, "event_type": "trial", "currency": "eur" });
    let (status, lead) = api.post("/api/conversions/track", lead).await;
    assert_eq!(status, 201);
    assert_ne!(
        lead["data"]["conversion_id"],
        first["data"]["conversion_id"]
    );

    // By a query, with the key in it.
    let query = format!("click_id={click}&amount=10&order_id=order-2&currency=USD");
    let key = create_key(&api.test_env, api.tenant.account_id, &["conversions:write"]);
    let path = format!("/api/conversions/postback?{query}");
    let request = client.api_request(Method::GET, &format!("{path}&api_key={key}"));
    let (status, by_query) = e2e::client::answer(request).await;
    assert_eq!(status, 200, "{by_query}");
    let (status, again) = api.get(&path).await;
    assert_eq!((status, again), (200, by_query));

    let (_, link) = api
        .get(&format!("/api/links/{}", link["id"].as_str().unwrap()))
        .await;
    assert_eq!(
        (
            &link["clicks"],
            &link["unique_clicks"],
            &link["conversions"]
        ),
        (&json!(1), &json!(1), &json!(3))
    );
    let sql = "SELECT count(*) FROM conversions
               WHERE customer_email_hash = encode(sha256('ada@example.com'), 'hex')
                 AND metadata = '{\"coupon\": \"SPRING\"}'";
    assert_eq!(api.test_env.count(sql).await, 1);
    edge.stop();
    worker.stop();
}

#[tokio::test]
async fn a_conversion_waits_for_its_click_and_ignores_other_accounts_clicks() {
    let api = Api::start("pending").await;
    let stranger = Tenant::create(&api.test_env, &api.service, "stranger").await;
    let worker = api.test_env.start_worker();
    let producer = e2e::producer::Producer::open(&api.test_env).await;
    let click = fresh_click();
    let sale = json!({ "click_id": click, "order_id": "1", "amount": "5" });
    let track = "/api/conversions/track";
    let (status, theirs) = api
        .client
        .call(&stranger.key, Method::POST, track, Some(&sale))
        .await;
    assert_eq!(
        (status, &theirs["data"]["status"]),
        (201, &json!("pending"))
    );
    let (_, ours) = api.post(track, sale.clone()).await;
    assert_eq!(ours["data"]["status"], "pending");
    assert_json_snapshot!(redacted(ours), @r#"
    {
      "data": {
        "campaign_id": null,
        "click_id": "[click_id]",
        "conversion_id": "[conversion_id]",
        "created_at": "[created_at]",
        "status": "pending"
      }
    }
    "#);
    let line = json!({
        "click_id": click, "account_id": api.tenant.account_id, "link_key": 1,
        "link_id": "Ab3kX9q", "ip": "203.0.113.9", "user_agent": "Safari",
    });
    producer.publish(&[line.to_string()]).await;
    wait_for("the credit", json!("attributed"), async || {
        api.post(track, sale.clone()).await.1["data"]["status"].clone()
    })
    .await;
    let (_, theirs) = api
        .client
        .call(&stranger.key, Method::POST, track, Some(&sale))
        .await;
    assert_eq!(theirs["data"]["status"], "pending");
    worker.stop();
}

#[tokio::test]
async fn every_invalid_field_of_a_conversion_is_named() {
    let api = Api::start("badtracking").await;
    let good = json!({ "click_id": fresh_click(), "order_id": "1", "amount": "5" });
    let (status, answer) = api.post("/api/conversions/track", json!({})).await;
    assert_eq!(status, 422);
    assert_json_snapshot!(answer, @r#"
    {
      "detail": "The request is not valid: click_id: it is required, such as 01a11d5c-1e7b-7123-8123-456789abcdef; order_id: it is required, such as order-1; amount: it is required, such as 12.50.",
      "error_code": "VALIDATION_ERROR",
      "fields": [
        {
          "field": "click_id",
          "message": "it is required, such as 01a11d5c-1e7b-7123-8123-456789abcdef"
        },
        {
          "field": "order_id",
          "message": "it is required, such as order-1"
        },
        {
          "field": "amount",
          "message": "it is required, such as 12.50"
        }
      ],
      "status": 422
    }
    "#);
    for (field, value) in [
        ("click_id", json!("1")),
        ("click_id", json!("a1b2c3d4-e5f6-4890-abcd-ef1234567890")),
        ("order_id", json!("x".repeat(256))),
        ("order_id", json!("a\nb")),
        ("amount", json!("NaN")),
        ("amount", json!("1e400")),
        ("amount", json!("-5")),
        ("amount", json!(-5)),
        ("currency", json!("dollar")),
        ("event_type", json!("refund")),
        ("customer_email", json!("nobody")),
        ("metadata", json!([])),
        ("order_id", json!(5)),
    ] {
        let mut body = good.clone();
        body[field] = value.clone();
        let (status, answer) = api.post("/api/conversions/track", body).await;
        assert_eq!(
            (status, &answer["error_code"]),
            (422, &json!("VALIDATION_ERROR")),
            "{value}"
        );
        assert_eq!(answer["fields"][0]["field"], field, "{value}: {answer}");
    }
    let path = "/api/conversions/postback?click_id=1&amount=x";
    assert_eq!(status_and_code(api.get(path).await), "422 VALIDATION_ERROR");
    let without = create_key(&api.test_env, api.tenant.account_id, &["links:read"]);
    let answer = api.client.call(
        &without,
        Method::POST,
        "/api/conversions/track",
        Some(&good),
    );
    assert_eq!(status_and_code(answer.await), "403 INSUFFICIENT_SCOPE");
    // A key in the query is for the postback alone.
    let request = api.client.api_request(
        Method::GET,
        &format!("/api/links?api_key={}", api.tenant.key),
    );
    assert_eq!(
        status_and_code(e2e::client::answer(request).await),
        "401 TOKEN_INVALID"
    );
    assert_eq!(
        api.test_env.count("SELECT count(*) FROM conversions").await,
        0
    );
}
