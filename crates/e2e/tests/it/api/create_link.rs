//! `POST /api/v2/links`: the documented examples and errors.

use e2e::{
    client::{Client, Tenant},
    service::Service,
    test_environment::{PLATFORM_CLICK_HOST, TestEnvironment},
    wait::wait_for,
};
use insta::{Settings, assert_json_snapshot};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, status_and_code};

/// links-api with the tenant of the documented examples.
struct Seed(Api);

impl std::ops::Deref for Seed {
    type Target = Api;
    fn deref(&self) -> &Api {
        &self.0
    }
}

impl Seed {
    async fn start() -> Self {
        let mut api = Api::start("yourdomain").await;
        api.sql(
            "UPDATE domains SET host = 'yourdomain.com' WHERE kind = 'short';
             UPDATE domains SET host = 'ct.yourdomain.click' WHERE kind = 'click';
             UPDATE offers
             SET id = '6789abcd1234ef5678901234',
                 url_template = 'https://example.com/offer?aff_sub={{sendId}}';
             INSERT INTO lists
                 (id, account_id, phone_number, list_name, short_domain_id, click_domain_id)
             OVERRIDING SYSTEM VALUE
             SELECT 42, account_id, '+18005559999', 'example', short_domain_id, click_domain_id
             FROM lists;",
        )
        .await;
        api.tenant.offer_id = "6789abcd1234ef5678901234".to_owned();
        api.tenant.list_id = 42;
        Self(api)
    }

    /// Status and body of a create with the tenant's key.
    async fn create(&self, body: &Value) -> (u16, Value) {
        self.post("/api/v2/links", body.clone()).await
    }

    async fn refused(&self, body: Value) -> String {
        status_and_code(self.create(&body).await)
    }
}

/// Ids and tokens are random: their forms are checked here, and then hidden.
fn redacted(mut body: Value) -> Value {
    let id = body["linkId"].as_str().unwrap().to_owned();
    assert!(
        domain::id::ShortId::parse(&id).is_ok() && id.len() == 7,
        "{id}"
    );
    let tracker = body["clickTrackerUrl"].as_str().unwrap();
    let (_, token) = tracker.rsplit_once('/').unwrap();
    assert!(domain::id::TrackerToken::parse(token).is_ok(), "{token}");
    let text = body
        .to_string()
        .replace(token, "[token]")
        .replace(&id, "[id]");
    body = serde_json::from_str(&text).unwrap();
    body
}

#[tokio::test]
async fn the_documented_examples_get_the_documented_responses() {
    let api = Seed::start().await;
    let mut settings = Settings::clone_current();
    settings.set_sort_maps(false);
    let _bound = settings.bind_to_scope();

    let (status, body) = api
        .create(&json!({ "offerId": "6789abcd1234ef5678901234", "listId": 42 }))
        .await;
    assert_eq!(status, 201);
    assert_json_snapshot!(redacted(body), @r#"
    {
      "clickTrackerUrl": "https://ct.yourdomain.click/c/[token]",
      "destinationUrl": "https://example.com/offer?aff_sub={{sendId}}",
      "domain": "https://yourdomain.com",
      "linkId": "[id]",
      "offerId": "6789abcd1234ef5678901234",
      "shortUrl": "https://yourdomain.com/[id]"
    }
    "#);

    let (status, by_external_id) = api
        .create(&json!({ "externalOfferId": "12345", "phoneNumber": "+18005551234" }))
        .await;
    assert_eq!(status, 201);
    assert_json_snapshot!(redacted(by_external_id), @r#"
    {
      "clickTrackerUrl": "https://ct.yourdomain.click/c/[token]",
      "destinationUrl": "https://example.com/offer?aff_sub={{sendId}}",
      "domain": "https://yourdomain.com",
      "linkId": "[id]",
      "offerId": "6789abcd1234ef5678901234",
      "shortUrl": "https://yourdomain.com/[id]"
    }
    "#);
    api.0.service.stop();
}

#[tokio::test]
async fn both_paths_and_both_headers_work_and_no_call_is_deduplicated() {
    let api = Seed::start().await;
    let mut ids = std::collections::HashSet::new();
    for path in ["/api/v2/links", "/v2/links"] {
        for header in ["X-Api-Key", "Authorization"] {
            let key = match header {
                "X-Api-Key" => api.tenant.key.clone(),
                _ => format!("Bearer {}", api.tenant.key),
            };
            let request = api.client.api_request(Method::POST, path);
            let response = request
                .header(header, key)
                .json(&api.tenant.link_body())
                .send()
                .await
                .unwrap();
            assert_eq!(response.status(), 201);
            let body: Value = response.json().await.unwrap();
            ids.insert(body["linkId"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(ids.len(), 4, "the same parameters produce different links");
    assert_eq!(api.test_env.count("SELECT count(*) FROM links").await, 4);
}

#[tokio::test]
async fn documented_errors_are_reported_in_their_order() {
    let api = Seed::start().await;
    // Each request also has all errors that the table lists after its own.
    assert_eq!(
        api.refused(json!({ "phoneNumber": "nonsense" })).await,
        "400 missing_offer_id"
    );
    assert_eq!(
        api.refused(json!({ "offerId": "x" })).await,
        "400 missing_list_identifier"
    );
    assert_eq!(
        api.refused(json!({ "offerId": "x", "phoneNumber": "+1800555123" }))
            .await,
        "400 invalid_phone"
    );
    api.sql("UPDATE accounts SET products = '{sms}'").await;
    let nowhere = json!({ "offerId": "000000000000000000000000", "listId": 0 });
    assert_eq!(
        api.refused(nowhere.clone()).await,
        "403 product_not_enabled"
    );
    api.sql("UPDATE accounts SET products = '{offer_management}'")
        .await;
    assert_eq!(api.refused(nowhere).await, "404 offer_not_found");
    let no_list = json!({ "offerId": api.tenant.offer_id, "listId": 43 });
    assert_eq!(api.refused(no_list).await, "404 list_not_found");
    api.sql("UPDATE lists SET short_domain_id = NULL").await;
    assert_eq!(
        api.refused(api.tenant.link_body()).await,
        "409 no_domain_configured"
    );
    assert_eq!(api.test_env.count("SELECT count(*) FROM links").await, 0);
    api.0.service.stop();
}

#[tokio::test]
async fn an_id_collision_is_retried_and_five_are_an_error() {
    let mut api = Seed::start().await;
    // The trigger replaces every short id by an existing one, so that all collide.
    api.client.mint(&api.tenant).await;
    api.sql("UPDATE links SET short_id = 'collide'").await;
    api.sql(
        "CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN NEW.short_id := 'collide'; RETURN NEW; END $$;
         CREATE TRIGGER same BEFORE INSERT ON links FOR EACH ROW EXECUTE FUNCTION same();",
    )
    .await;
    assert_eq!(
        api.refused(api.tenant.link_body()).await,
        "500 id_collision"
    );
    assert_eq!(api.test_env.count("SELECT count(*) FROM links").await, 1);
    // An id that collides only once is replaced by another.
    api.sql(
        "CREATE SEQUENCE tries;
         CREATE OR REPLACE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN IF nextval('tries') = 1 THEN NEW.short_id := 'collide'; END IF; RETURN NEW; END $$;",
    )
    .await;
    api.client.mint(&api.tenant).await;
    assert_eq!(api.test_env.count("SELECT last_value FROM tries").await, 2);
    api.0.service.expect_in_log("a request failed");
    api.0.service.stop();
}

#[tokio::test]
async fn authentication_is_checked_first() {
    let api = Seed::start().await;
    let garbage = "not json";
    let mut wrong_keys = vec![None, Some("trk_short".to_owned())];
    wrong_keys.push(Some(format!("trk_{}", "x".repeat(32))));
    let revoked = api.test_env.admin(&[
        "create-key",
        "--name",
        "old",
        "--account",
        &api.tenant.account_id.to_string(),
        "--expires-at",
        "2020-01-01T00:00:00Z",
    ]);
    wrong_keys.push(Some(revoked["key"].as_str().unwrap().to_owned()));
    for key in wrong_keys {
        let mut request = api
            .client
            .api_request(Method::POST, "/api/v2/links")
            .body(garbage);
        if let Some(key) = &key {
            request = request.header("X-Api-Key", key);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401, "{key:?}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"], "API key is missing or invalid.");
        assert_eq!(body["code"], "unauthorized");
    }
    api.sql("UPDATE api_keys SET revoked_at = now()").await;
    assert_eq!(
        api.refused(api.tenant.link_body()).await,
        "401 unauthorized"
    );
    api.sql("UPDATE api_keys SET revoked_at = NULL").await;
    api.sql("UPDATE accounts SET status = 'suspended'").await;
    assert_eq!(
        api.refused(api.tenant.link_body()).await,
        "403 account_suspended"
    );
    api.sql("UPDATE accounts SET status = 'active'").await;
    api.sql("UPDATE api_keys SET scopes = '{links:read}'").await;
    assert_eq!(
        api.refused(api.tenant.link_body()).await,
        "403 insufficient_scope"
    );
}

#[tokio::test]
async fn an_invalid_body_gets_the_error_of_its_field() {
    let api = Seed::start().await;
    let send = async |body: Vec<u8>| {
        let request = api.client.api_request(Method::POST, "/api/v2/links");
        let response = request
            .header("X-Api-Key", &api.tenant.key)
            .body(body)
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        (
            status,
            body["code"].as_str().unwrap().to_owned(),
            body["error"].to_string(),
        )
    };
    let (status, code, _) = send(b"{".to_vec()).await;
    assert_eq!((status, code.as_str()), (400, "invalid_json"));
    let (status, code, error) = send(b"{\"offerId\": 7}".to_vec()).await;
    assert_eq!((status, code.as_str()), (400, "invalid_field"));
    assert!(error.contains("offerId"), "{error}");
    let (status, code, _) = send(vec![b' '; 6 * 1024 * 1024]).await;
    assert_eq!((status, code.as_str()), (413, "payload_too_large"));
    let padded = format!("{}{}", " ".repeat(5 * 1024 * 1024 - 4), "null");
    let (status, code, _) = send(padded.into_bytes()).await;
    assert_eq!(
        (status, code.as_str()),
        (400, "invalid_field"),
        "5 MB are allowed"
    );
}

#[tokio::test]
async fn ids_of_another_tenant_are_not_found() {
    let api = Seed::start().await;
    let other = Tenant::create(&api.test_env, &api.service, "other").await;
    let own = &api.tenant;
    let foreign_offer = json!({ "offerId": other.offer_id, "listId": own.list_id });
    assert_eq!(api.refused(foreign_offer).await, "404 offer_not_found");
    let foreign_list = json!({ "offerId": own.offer_id, "listId": other.list_id });
    assert_eq!(api.refused(foreign_list).await, "404 list_not_found");
}

#[tokio::test]
async fn overridden_fields_are_not_validated_and_null_means_absent() {
    let api = Seed::start().await;
    let (status, _) = api
        .create(&json!({
            "offerId": api.tenant.offer_id, "externalOfferId": "no such offer",
            "listId": 42, "phoneNumber": "not a number", "unknownField": [1],
        }))
        .await;
    assert_eq!(status, 201);
    let (status, _) = api
        .create(&json!({
            "offerId": null, "externalOfferId": "12345",
            "listId": null, "phoneNumber": "+18005551234",
        }))
        .await;
    assert_eq!(status, 201);
}

#[tokio::test]
async fn offers_and_lists_that_are_not_active_are_not_found() {
    let api = Seed::start().await;
    api.sql("UPDATE offers SET status = 'paused'").await;
    assert_eq!(
        api.refused(api.tenant.link_body()).await,
        "404 offer_not_found"
    );
    api.sql("UPDATE offers SET status = 'active', kind = 'sms'")
        .await;
    assert_eq!(
        api.refused(api.tenant.link_body()).await,
        "404 offer_not_found"
    );
    api.sql("UPDATE offers SET kind = 'partnership'; UPDATE lists SET status = 'paused'")
        .await;
    assert_eq!(
        api.refused(api.tenant.link_body()).await,
        "404 list_not_found"
    );
}

#[tokio::test]
async fn a_list_without_click_domain_uses_the_platforms_host() {
    let api = Seed::start().await;
    api.sql("UPDATE lists SET click_domain_id = NULL").await;
    let link = api.client.mint(&api.tenant).await;
    let url = link["clickTrackerUrl"].as_str().unwrap();
    assert!(
        url.starts_with(&format!("https://{PLATFORM_CLICK_HOST}/c/")),
        "{url}"
    );
}

#[tokio::test]
async fn unknown_routes_get_errors_in_the_same_format() {
    let api = Seed::start().await;
    for (method, path, status, code) in [
        (Method::GET, "/api/v2/nothing", 404, "not_found"),
        (Method::DELETE, "/api/v2/links", 405, "method_not_allowed"),
        (
            Method::GET,
            "/internal/v1/records/account/1",
            404,
            "not_found",
        ),
    ] {
        let response = api.client.api_request(method, path).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["code"], code, "{path}");
    }
}

#[tokio::test]
async fn the_origin_answers_only_with_its_token() {
    let api = Seed::start().await;
    let origin = api.service.url("origin.address");
    let url = format!("{origin}/internal/v1/records/offer/{}", api.tenant.offer_id);
    let http = reqwest::Client::new();
    for (token, status) in [
        ("", 401),
        ("wrong", 401),
        ("an-origin-token-for-tests", 200),
    ] {
        let response = http.get(&url).bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), status, "{token:?}");
    }
    let missing = format!("{origin}/internal/v1/records/offer/000000000000000000000000");
    let response = http
        .get(missing)
        .bearer_auth("an-origin-token-for-tests")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 404);
}

#[tokio::test]
async fn links_are_minted_without_redis() {
    let test_env = TestEnvironment::new().await;
    let env = test_env.env_with(&[
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("REDIS_TIMEOUT_MS", "50"),
    ]);
    let mut service = Service::start("links-api", &["serve"], &env);
    service.expect_in_log("writing records to Redis failed");
    service.expect_in_log("relaying record changes failed");
    let tenant = Tenant::create(&test_env, &service, "noredis").await;
    let client = Client::new(&service, None);
    client.mint(&tenant).await;
    assert_eq!(test_env.count("SELECT count(*) FROM links").await, 1);
    service.stop();
}

#[tokio::test]
async fn an_exhausted_pool_is_a_503() {
    let test_env = TestEnvironment::new().await;
    let env = test_env.env_with(&[("DATABASE_POOL_SIZE", "1")]);
    let mut service = Service::start("links-api", &["serve"], &env);
    service.expect_in_log("a request failed");
    let tenant = Tenant::create(&test_env, &service, "nopool").await;
    let client = Client::new(&service, None);
    // A create waits for this lock, and holds the only connection of the pool.
    test_env
        .db
        .batch_execute("BEGIN; LOCK TABLE links IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let key = Some(tenant.key.as_str());
    let body = tenant.link_body();
    let holder = client.post("/api/v2/links", key, &body);
    let starved = async {
        wait_for("the create that waits for the lock", 1, async || {
            test_env.count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").await
        })
        .await;
        let response = client.post("/api/v2/links", key, &body).await;
        test_env.db.batch_execute("COMMIT").await.unwrap();
        let status = response.status();
        let body: Value = response.json().await.unwrap();
        (status, body["code"].as_str().unwrap().to_owned())
    };
    let (holder, starved) = tokio::join!(holder, starved);
    assert_eq!(holder.status(), 201);
    assert_eq!(
        starved,
        (
            reqwest::StatusCode::SERVICE_UNAVAILABLE,
            "unavailable".to_owned()
        )
    );
    service.stop();
}
