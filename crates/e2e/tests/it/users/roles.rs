//! What each role may do.

use e2e::{
    client::{Tenant, create_key},
    user::{SignedIn, create_user},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Fixture, OWNER, code};

#[tokio::test]
async fn roles_may_do_what_the_table_says() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let mut users = vec![fixture.owner().await];
    for role in ["manager", "analyst", "read_only"] {
        let email = format!("{role}@example.com");
        create_user(&fixture.test_env, fixture.account_id, &email, role);
        users.push(SignedIn::new(client, &email).await);
    }
    let campaign = json!({ "name": "x", "landing_page_url": "https://example.com" });
    let invitation = json!({ "email": "guest@example.com", "role": "read_only" });
    let journey = "/api/v2/contacts/+18005550100/journey";
    for (method, path, body, expected) in [
        ("GET", "/api/v2/links", Value::Null, [200, 200, 200, 200]),
        (
            "GET",
            "/api/v2/reports/performance",
            Value::Null,
            [200, 200, 200, 200],
        ),
        ("GET", "/api/v2/messages", Value::Null, [200, 200, 200, 200]),
        ("GET", journey, Value::Null, [200, 200, 200, 403]),
        (
            "GET",
            "/api/v2/clicks?format=csv",
            Value::Null,
            [200, 200, 200, 403],
        ),
        (
            "GET",
            "/api/v2/messages?contact_phone=%2B18005550100",
            Value::Null,
            [200, 200, 200, 403],
        ),
        ("GET", "/api/v2/audit", Value::Null, [200, 200, 403, 403]),
        ("GET", "/api/v2/api-keys", Value::Null, [200, 403, 403, 403]),
        ("GET", "/api/v2/users", Value::Null, [200, 403, 403, 403]),
        ("GET", "/api/v2/accounts", Value::Null, [403, 403, 403, 403]),
        ("POST", "/api/campaigns", campaign, [201, 201, 403, 403]),
        (
            "POST",
            "/api/v2/invitations",
            invitation,
            [201, 403, 403, 403],
        ),
    ] {
        let mut statuses = Vec::new();
        for user in &users {
            let method: Method = method.parse().unwrap();
            let request = user.authorize(client.api_request(method, path));
            let request = match &body {
                Value::Null => request,
                body => request.json(body),
            };
            statuses.push(request.send().await.unwrap().status().as_u16());
        }
        assert_eq!(statuses, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn who_may_not_see_contacts_sees_no_number() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let tenant = Tenant::create(&fixture.test_env, &fixture.service, "masked").await;
    let link = json!({
        "url": "https://e.com", "listId": tenant.list_id, "messageId": "m-1",
        "contactPhone": "+18005550147",
    });
    client
        .create(&tenant.key, "/api/v2/links/shorten", &link)
        .await;
    for (role, expected) in [("analyst", "+18005550147"), ("read_only", "***47")] {
        let email = format!("{role}@example.com");
        create_user(&fixture.test_env, tenant.account_id, &email, role);
        let user = SignedIn::new(client, &email).await;
        let (status, links) = user.get(client, "/api/v2/links").await;
        assert_eq!(status, 200, "{links}");
        assert_eq!(links["links"][0]["contactPhone"], expected, "{role}");
    }
}

#[tokio::test]
async fn the_last_owner_stays() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let owner = fixture.owner().await;
    let id = fixture.test_env.count("SELECT id FROM users").await;
    let path = format!("/api/v2/users/{id}");
    let manager = json!({ "role": "manager" });
    let demoted = owner
        .call(client, Method::PATCH, &path, manager.clone())
        .await;
    assert_eq!(code(demoted), "409 last_owner");
    let removed = owner.call(client, Method::DELETE, &path, Value::Null).await;
    assert_eq!(code(removed), "409 last_owner");
    create_user(
        &fixture.test_env,
        fixture.account_id,
        "second@example.com",
        "owner",
    );
    let demoted = owner.call(client, Method::PATCH, &path, manager).await;
    assert_eq!(demoted.0, 200, "{demoted:?}");
    let listed = owner.get(client, "/api/v2/users").await;
    assert_eq!(code(listed), "403 insufficient_scope");
}

#[tokio::test]
async fn a_key_gives_no_role_that_can_do_more() {
    let fixture = Fixture::start().await;
    let key = create_key(
        &fixture.test_env,
        fixture.account_id,
        &["users:*", "links:*"],
    );
    let id = fixture.test_env.count("SELECT id FROM users").await;
    for (method, path, body) in [
        (
            Method::POST,
            "/api/v2/invitations".to_owned(),
            json!({ "email": "x@example.com", "role": "owner" }),
        ),
        (
            Method::PATCH,
            format!("/api/v2/users/{id}"),
            json!({ "role": "analyst" }),
        ),
        (Method::DELETE, format!("/api/v2/users/{id}"), Value::Null),
    ] {
        let body = Some(body).filter(|body| !body.is_null());
        let answer = fixture
            .client
            .call(&key, method, &path, body.as_ref())
            .await;
        assert_eq!(code(answer), "403 insufficient_scope", "{path}");
    }
    let users = fixture
        .client
        .call(&key, Method::GET, "/api/v2/users", None)
        .await;
    assert_eq!(users.1["users"][0]["email"], OWNER);
}
