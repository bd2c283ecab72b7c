//! Rules of all operations: idempotency keys, rate limits, both base paths.

use e2e::{
    client::{Client, Tenant, answer},
    openapi::Document,
    test_environment::TestEnvironment,
    wait::wait_for,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, status_and_code};

/// Status and body of a POST with an Idempotency-Key, and whether the response was replayed.
async fn post_once(
    client: &Client,
    api_key: &str,
    key: &str,
    path: &str,
    body: &Value,
) -> (u16, Value, bool) {
    let request = client
        .api_request(Method::POST, path)
        .header("X-Api-Key", api_key)
        .header("Idempotency-Key", key)
        .json(body);
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let replayed = response.headers().contains_key("idempotent-replayed");
    let body = response.json().await.unwrap();
    Document::written().check(&Method::POST, path, status, &body);
    (status, body, replayed)
}

#[tokio::test]
async fn a_request_with_an_idempotency_key_runs_once() {
    let api = Api::start("once").await;
    let body = json!({ "url": "https://e.com", "listId": api.tenant.list_id });
    let post = async |key: &str, path: &str, body: &Value| {
        post_once(&api.client, &api.tenant.key, key, path, body).await
    };
    let path = "/api/v2/links/shorten";
    let (status, first, replayed) = post("k1", path, &body).await;
    assert_eq!((status, replayed), (201, false));
    // Both base paths share their keys.
    for path in [path, "/v2/links/shorten"] {
        assert_eq!(post("k1", path, &body).await, (201, first.clone(), true));
    }
    let other = json!({ "url": "https://other.com", "listId": api.tenant.list_id });
    let (status, answer, _) = post("k1", path, &other).await;
    assert_eq!(
        status_and_code((status, answer)),
        "409 idempotency_mismatch"
    );
    let (status, answer, _) = post("k1", "/api/v2/links/bulk", &body).await;
    assert_eq!(
        status_and_code((status, answer)),
        "409 idempotency_mismatch"
    );
    let (_, second, _) = post("k2", path, &body).await;
    assert_ne!(second["linkId"], first["linkId"]);
    // Another account can use the same key.
    let tenant = Tenant::create(&api.test_env, &api.service, "other").await;
    let body = json!({ "url": "https://e.com", "listId": tenant.list_id });
    let (status, _, replayed) = post_once(&api.client, &tenant.key, "k1", path, &body).await;
    assert_eq!((status, replayed), (201, false));
    // A refused request changed nothing, so its key can be used again.
    let nowhere = json!({ "url": "https://e.com", "listId": 0 });
    let (status, answer, _) = post("k3", path, &nowhere).await;
    assert_eq!(status_and_code((status, answer)), "404 list_not_found");
    assert_eq!(post("k3", path, &other).await.0, 201);
    // A key expires after a day.
    api.sql("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
        .await;
    let (status, _, replayed) = post("k1", path, &other).await;
    assert_eq!((status, replayed), (201, false));
    assert!(post("k1", path, &other).await.2);

    for key in [" ".repeat(256), String::new()] {
        let (status, answer, _) = post(&key, path, &other).await;
        assert_eq!(
            status_and_code((status, answer)),
            "400 invalid_idempotency_key",
            "{key:?}"
        );
    }
    let longest = "x".repeat(255);
    assert_eq!(post(&longest, path, &other).await.0, 201);
}

#[tokio::test]
async fn concurrent_requests_with_one_key_make_one_link() {
    let api = Api::start("concurrent").await;
    let body = json!({ "url": "https://e.com", "listId": api.tenant.list_id });
    for round in 0..5 {
        let key = format!("round {round}");
        let post = || {
            let path = "/api/v2/links/shorten";
            post_once(&api.client, &api.tenant.key, &key, path, &body)
        };
        let (a, b, c) = tokio::join!(post(), post(), post());
        let replays = [&a, &b, &c].iter().filter(|answer| answer.2).count();
        assert_eq!(replays, 2, "{a:?} {b:?} {c:?}");
        assert_eq!((a.0, &a.1), (201, &b.1));
        assert_eq!((b.0, &b.1), (201, &c.1));
    }
    assert_eq!(api.test_env.count("SELECT count(*) FROM links").await, 5);
}

/// links-api writes to Redis between commit and response: with a frozen Redis the request
/// waits there, and the service is killed then.
#[tokio::test]
async fn a_retry_after_a_crash_behind_the_commit_gets_the_response() {
    let (redis, test_env) = TestEnvironment::with_private_redis().await;
    let mut service = test_env.start_api();
    service.expect_in_log("");
    let tenant = Tenant::create(&test_env, &service, "crash").await;
    let client = Client::new(&service, None);
    let body = json!({ "url": "https://e.com", "listId": tenant.list_id });
    redis.freeze();
    let path = "/api/v2/links/shorten";
    let request = client
        .api_request(Method::POST, path)
        .header("X-Api-Key", &tenant.key)
        .header("Idempotency-Key", "crash")
        .json(&body);
    let unanswered = tokio::spawn(request.send());
    let committed = async || test_env.count("SELECT count(*) FROM links").await;
    wait_for("the commit", 1, committed).await;
    service.kill();
    assert!(unanswered.await.unwrap().is_err(), "it was not answered");
    redis.thaw();

    let service = test_env.start_api();
    let client = Client::new(&service, None);
    let (status, link, replayed) = post_once(&client, &tenant.key, "crash", path, &body).await;
    assert_eq!((status, replayed), (201, true));
    let id = link["linkId"].as_str().unwrap();
    let sql = format!("SELECT count(*) FROM links WHERE short_id = '{id}'");
    assert_eq!(test_env.count(&sql).await, 1);
    assert_eq!(test_env.count("SELECT count(*) FROM links").await, 1);
    service.stop();
    drop(test_env);
}

/// Sends every POST of the document with the example of its body.
#[tokio::test]
async fn every_post_accepts_an_idempotency_key() {
    let api = Api::start("everypost").await;
    let admin = e2e::client::create_key(&api.test_env, api.tenant.account_id, &["admin"]);
    let fixtures = super::isolation::Fixtures::create(&api).await;
    let mut n_replayed = 0;
    for operation in Document::written()
        .operations()
        .filter(|o| o.method == "post")
    {
        let parameters = operation.json["parameters"].as_array();
        let mut parameters = parameters.into_iter().flatten();
        // Those about users rather than about an account have none.
        if !parameters.any(|parameter| parameter["name"] == "Idempotency-Key") {
            continue;
        }
        let is_for_operators = ["/accounts", "/rates"];
        let is_for_operators = is_for_operators.map(|part| operation.path.contains(part));
        let key = match is_for_operators.contains(&true) {
            true => &admin,
            false => &api.tenant.key,
        };
        let path = fixtures.path(operation.path);
        let body = fixtures.body(operation);
        let once = || post_once(&api.client, key, operation.path, &path, &body);
        let (status, first, replayed) = once().await;
        assert!(status < 300 && !replayed, "{path} {body}: {status} {first}");
        let (status, second, replayed) = once().await;
        assert!(status < 300 && replayed, "{path}: {status} {second}");
        match ["key", "link"]
            .into_iter()
            .find(|name| first.get(name).is_some())
        {
            None => assert_eq!(first, second, "{path}"),
            Some(secret) => assert_eq!(second[secret], Value::Null, "a secret is not kept"),
        }
        let other = json!({ "more": 1 });
        let (status, answer, _) = post_once(&api.client, key, operation.path, &path, &other).await;
        let code = status_and_code((status, answer)).to_ascii_lowercase();
        assert_eq!(code, "409 idempotency_mismatch", "{path}");
        n_replayed += 1;
    }
    assert!(n_replayed >= 12, "{n_replayed}");
}

#[tokio::test]
async fn a_key_is_limited_to_its_requests_per_minute() {
    let api = Api::start("limited").await;
    let get = || {
        let request = api.client.api_request(Method::GET, "/api/v2/links");
        request.header("X-Api-Key", &api.tenant.key).send()
    };
    let header = |response: &reqwest::Response, name: &str| -> Option<i64> {
        Some(
            response
                .headers()
                .get(name)?
                .to_str()
                .unwrap()
                .parse()
                .unwrap(),
        )
    };
    let response = get().await.unwrap();
    assert_eq!(
        header(&response, "x-ratelimit-limit"),
        None,
        "off by default"
    );

    api.sql("UPDATE api_keys SET rate_limit_per_minute = 3")
        .await;
    // Wait for the beginning of a minute, so that all requests are in the same one.
    let mut remaining = Vec::new();
    loop {
        let response = get().await.unwrap();
        assert_eq!(header(&response, "x-ratelimit-limit"), Some(3));
        let now = jiff::Timestamp::now().as_second();
        let reset = header(&response, "x-ratelimit-reset").unwrap();
        assert!(
            (now..=now + 60).contains(&reset) && reset % 60 == 0,
            "{now} {reset}"
        );
        remaining.push(header(&response, "x-ratelimit-remaining").unwrap());
        if response.status() == 429 {
            let retry_after = header(&response, "retry-after").unwrap();
            assert!((1..=60).contains(&retry_after), "{retry_after}");
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["code"], "rate_limit_exceeded");
            break;
        }
        assert_eq!(response.status(), 200);
    }
    assert!(remaining.ends_with(&[2, 1, 0, 0]), "{remaining:?}");
    // The error has the affiliate API's format, and other keys are not limited.
    let answer = api.get("/api/campaigns").await;
    if answer.0 == 429 {
        assert_eq!(status_and_code(answer), "429 RATE_LIMIT_EXCEEDED");
    }
    let other = e2e::client::create_key(&api.test_env, api.tenant.account_id, &["links:read"]);
    let (status, _) = api
        .client
        .call(&other, Method::GET, "/api/v2/links", None)
        .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn an_installation_can_limit_every_key() {
    let test_env = TestEnvironment::new().await;
    let env = test_env.env_with(&[("RATE_LIMIT_PER_MINUTE", "1000")]);
    let service = e2e::service::Service::start("links-api", &["serve"], &env);
    let tenant = Tenant::create(&test_env, &service, "limits").await;
    let client = Client::new(&service, None);
    let request = client.api_request(Method::GET, "/api/v2/links");
    let response = request
        .header("X-Api-Key", &tenant.key)
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["x-ratelimit-limit"], "1000");
    service.stop();
}

#[tokio::test]
async fn requests_are_not_rate_limited_without_redis() {
    let test_env = TestEnvironment::new().await;
    let env = test_env.env_with(&[
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("RATE_LIMIT_PER_MINUTE", "1"),
    ]);
    let mut service = e2e::service::Service::start("links-api", &["serve"], &env);
    service.expect_in_log("relaying record changes failed");
    let tenant = Tenant::create(&test_env, &service, "unlimited").await;
    let client = Client::new(&service, None);
    for _ in 0..3 {
        let (status, _) = client
            .call(&tenant.key, Method::GET, "/api/v2/links", None)
            .await;
        assert_eq!(status, 200);
    }
    service.stop();
}

#[tokio::test]
async fn a_wrong_method_gets_the_allowed_ones() {
    let api = Api::start("methods").await;
    for (path, allowed) in [
        ("/api/v2/links/shorten", "POST"),
        ("/v2/links/abc", "GET, HEAD, PATCH, DELETE"),
        ("/api/links", "GET, HEAD, POST"),
    ] {
        let request = api.client.api_request(Method::PUT, path);
        let response = request
            .header("X-Api-Key", &api.tenant.key)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], allowed);
    }
    let (_, body) = answer(api.client.api_request(Method::PUT, "/api/links")).await;
    assert_eq!(body["error_code"], "METHOD_NOT_ALLOWED");
}
