//! A tenant's own API keys, and the pages of lists.

use e2e::client::create_key;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, status_and_code};

const KEYS: &str = "/api/v2/api-keys";

/// Status and body of a request with some key.
async fn call(api: &Api, key: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
    let body = Some(body).filter(|body| !body.is_null());
    api.client.call(key, method, path, body.as_ref()).await
}

#[tokio::test]
async fn a_tenant_lists_creates_and_revokes_its_own_keys() {
    let api = Api::start("holder").await;
    let body = json!({ "name": "sender", "scopes": ["links:read"] });
    let created = api.create(KEYS, body).await;
    let secret = created["key"].as_str().unwrap();
    let path = format!("{KEYS}/{}", created["id"]);
    let (_, got) = api.get(&path).await;
    assert_eq!(
        (&got["name"], &got["key"]),
        (&json!("sender"), &Value::Null)
    );
    let (_, list) = api.get(KEYS).await;
    assert_eq!(list["keys"][0]["id"], created["id"], "the newest first");
    assert!(!list.to_string().contains(secret), "shown once");
    let links = "/api/v2/links";
    assert_eq!(
        call(&api, secret, Method::GET, links, Value::Null).await.0,
        200
    );
    let (status, revoked) = api.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!(
        (status, revoked),
        (200, json!({ "success": true, "revoked": true }))
    );
    let answer = call(&api, secret, Method::GET, links, Value::Null).await;
    assert_eq!(status_and_code(answer), "401 unauthorized");
}

#[tokio::test]
async fn a_key_creates_and_revokes_none_that_can_do_more() {
    let api = Api::start("limited").await;
    let account_id = api.tenant.account_id;
    let own = create_key(
        &api.test_env,
        account_id,
        &["keys:*", "links:*", "offers:read"],
    );
    for (scopes, expected) in [
        (json!(["links:read", "links:write", "links:*"]), 201),
        (json!(["offers:read", "keys:read"]), 201),
        (json!(["offers:*"]), 403),
        (json!(["*:read"]), 403),
        (json!(["*"]), 403),
        (json!(["admin"]), 403),
    ] {
        let body = json!({ "name": "x", "scopes": scopes });
        let (status, answer) = call(&api, &own, Method::POST, KEYS, body).await;
        assert_eq!(status, expected, "{scopes}: {answer}");
    }
    let wide = json!({ "name": "wide", "scopes": ["reports:read"] });
    let wide = api.create(KEYS, wide).await;
    let path = format!("{KEYS}/{}", wide["id"]);
    let answer = call(&api, &own, Method::DELETE, &path, Value::Null).await;
    assert_eq!(status_and_code(answer), "403 insufficient_scope");
    // A key that may only read lists them and no more.
    let reader = create_key(&api.test_env, account_id, &["keys:read"]);
    assert_eq!(
        call(&api, &reader, Method::GET, KEYS, Value::Null).await.0,
        200
    );
    let body = json!({ "name": "x", "scopes": ["keys:read"] });
    let answer = call(&api, &reader, Method::POST, KEYS, body).await;
    assert_eq!(status_and_code(answer), "403 insufficient_scope");
}

#[tokio::test]
async fn a_new_key_has_the_limits_of_the_one_that_creates_it() {
    let api = Api::start("narrow").await;
    let body = json!({
        "name": "narrow", "scopes": ["keys:*", "links:read"], "rate_limit_per_minute": 100,
        "expires_at": "2100-01-01T00:00:00Z",
    });
    let narrow = api.create(KEYS, body).await;
    let narrow = narrow["key"].as_str().unwrap();
    let create = async |body: Value| call(&api, narrow, Method::POST, KEYS, body).await;
    let (_, same) = create(json!({ "name": "x", "scopes": ["links:read"] })).await;
    assert_eq!(same["rate_limit_per_minute"], 100);
    assert_eq!(same["expires_at"], "2100-01-01T00:00:00.000Z");
    for (field, value) in [
        ("rate_limit_per_minute", json!(101)),
        ("rate_limit_per_minute", json!(0)),
        ("expires_at", json!("2100-01-02T00:00:00Z")),
        ("expires_at", json!("")),
    ] {
        let mut body = json!({ "name": "x", "scopes": ["links:read"] });
        body[field] = value;
        assert_eq!(status_and_code(create(body).await), "400 invalid_field");
    }
}

#[tokio::test]
async fn lists_with_numbered_pages_have_cursors_too() {
    let api = Api::start("paging").await;
    for i in 0..3 {
        api.create(KEYS, json!({ "name": i.to_string() })).await;
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, page) = api.get(&format!("{KEYS}?per_page=2{cursor}")).await;
        assert_eq!(status, 200, "{page}");
        let keys = page["keys"].as_array().unwrap();
        names.extend(keys.iter().map(|key| key["name"].clone()));
        assert_eq!(page["pagination"]["total"], 4);
        assert_eq!(page["has_more"], !page["next_cursor"].is_null());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["2", "1", "0", "test"]);
    let other_page = api.get(&format!("{KEYS}?cursor=2.2&page=3")).await;
    assert_eq!(status_and_code(other_page), "400 invalid_field");
}
