//! What a session is good for, and how it ends.

use e2e::{
    client::{Tenant, answer, create_account, create_key},
    user::{PASSWORD, SignedIn, create_user},
};
use reqwest::{Method, header};
use serde_json::{Value, json};

use super::{Fixture, ME, OWNER, SESSIONS, code};

const LINKS: &str = "/api/v2/links";
const CAMPAIGNS: &str = "/api/campaigns";

#[tokio::test]
async fn what_changes_something_needs_the_csrf_token() {
    let fixture = Fixture::start().await;
    let session = fixture.owner().await;
    let other = fixture.owner().await;
    let body = json!({ "name": "Spring", "landing_page_url": "https://example.com" });
    for token in [
        None,
        Some(""),
        Some("wrong"),
        Some(other.csrf_token.as_str()),
    ] {
        let request = fixture
            .client
            .api_request(Method::POST, CAMPAIGNS)
            .json(&body);
        let request = request.header(header::COOKIE, &session.cookie);
        let request = match token {
            Some(token) => request.header("X-CSRF-Token", token),
            None => request,
        };
        let (status, answer) = answer(request).await;
        assert_eq!(status, 403, "{answer}");
        assert_eq!(answer["error_code"], "CSRF_TOKEN_MISSING");
    }
    // Also what changes something by a GET.
    let path = "/api/conversions/postback?click_id=01a11d5c-1e7b-7123-8123-456789abcdef";
    let request = fixture.client.api_request(Method::GET, path);
    let (status, _) = answer(request.header(header::COOKIE, &session.cookie)).await;
    assert_eq!(status, 403);
    // Reading needs none.
    let request = fixture.client.api_request(Method::GET, LINKS);
    let (status, _) = answer(request.header(header::COOKIE, &session.cookie)).await;
    assert_eq!(status, 200);
    let created = session
        .call(&fixture.client, Method::POST, CAMPAIGNS, body)
        .await;
    assert_eq!(created.0, 201, "{created:?}");
}

#[tokio::test]
async fn a_key_wins_over_a_cookie() {
    let fixture = Fixture::start().await;
    let session = fixture.owner().await;
    let key = create_key(&fixture.test_env, fixture.account_id, &["links:read"]);
    let request = fixture.client.api_request(Method::GET, ME);
    let request = session.authorize(request).header("X-Api-Key", key);
    let (_, me) = answer(request).await;
    assert_eq!(
        (&me["user"], &me["key"]["name"]),
        (&Value::Null, &json!("test"))
    );
    let request = fixture.client.api_request(Method::GET, ME);
    let request = session
        .authorize(request)
        .header("X-Api-Key", "trk_nonsense");
    assert_eq!(answer(request).await.0, 401);
}

#[tokio::test]
async fn a_user_of_several_accounts_names_one() {
    let fixture = Fixture::start().await;
    let (client, test_env) = (&fixture.client, &fixture.test_env);
    let second = create_account(test_env, "Second");
    let third = create_account(test_env, "Third");
    fixture
        .sql(&format!(
            "INSERT INTO memberships (user_id, account_id, role)
             SELECT id, {second}, 'read_only' FROM users"
        ))
        .await;
    let session = fixture.owner().await;
    assert_eq!(
        code(session.get(client, LINKS).await),
        "400 account_required"
    );
    let (_, me) = session.get(client, ME).await;
    assert_eq!(me["account"], Value::Null);
    assert_eq!(me["accounts"].as_array().unwrap().len(), 2);
    assert_eq!(
        session
            .in_account(fixture.account_id)
            .get(client, LINKS)
            .await
            .0,
        200
    );
    let reader = session.in_account(second);
    assert_eq!(reader.get(client, LINKS).await.0, 200);
    let keys = reader.get(client, "/api/v2/api-keys").await;
    assert_eq!(code(keys), "403 insufficient_scope");
    for id in [third, 999_999, -1] {
        let foreign = session.in_account(id);
        assert_eq!(
            code(foreign.get(client, LINKS).await),
            "404 not_found",
            "{id}"
        );
        // What is about the user needs no account.
        assert_eq!(foreign.get(client, ME).await.0, 200);
    }
    fixture
        .sql(&format!(
            "UPDATE accounts SET status = 'suspended' WHERE id = {second}"
        ))
        .await;
    assert_eq!(
        code(reader.get(client, LINKS).await),
        "403 account_suspended"
    );
}

#[tokio::test]
async fn signing_in_begins_a_new_session_and_ends_the_one_before() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let before = fixture.owner().await;
    let body = json!({ "email": OWNER, "password": PASSWORD });
    let request = client.api_request(Method::POST, SESSIONS).json(&body);
    let response = before.authorize(request).send().await.unwrap();
    let after = SignedIn::from_response(response).await;
    assert_ne!(after.cookie, before.cookie);
    assert_eq!(before.get(client, ME).await.0, 401);
    assert_eq!(after.get(client, ME).await.0, 200);
    // A token that somebody else has chosen begins no session.
    let chosen = format!("waypost_session={}", "A".repeat(43));
    let request = client.api_request(Method::POST, SESSIONS).json(&body);
    let response = request
        .header(header::COOKIE, &chosen)
        .send()
        .await
        .unwrap();
    assert_ne!(SignedIn::from_response(response).await.cookie, chosen);
    let request = client
        .api_request(Method::GET, ME)
        .header(header::COOKIE, chosen);
    assert_eq!(answer(request).await.0, 401);
}

#[tokio::test]
async fn sessions_expire_by_age_and_by_idleness() {
    let settings = [
        ("SESSION_IDLE_TIMEOUT_S", "3600"),
        ("SESSION_MAX_AGE_S", "86400"),
    ];
    let fixture = Fixture::start_with(&settings).await;
    let client = &fixture.client;
    let session = fixture.owner().await;
    let age = |column: &str, interval: &str| {
        format!("UPDATE sessions SET {column} = now() - interval '{interval}'")
    };
    fixture.sql(&age("last_used_at", "59 minutes")).await;
    assert_eq!(session.get(client, ME).await.0, 200);
    // The use before has been noted.
    let sql = "SELECT count(*) FROM sessions WHERE last_used_at > now() - interval '1 minute'";
    assert_eq!(fixture.test_env.count(sql).await, 1);
    fixture.sql(&age("last_used_at", "61 minutes")).await;
    assert_eq!(session.get(client, ME).await.0, 401);
    let session = fixture.owner().await;
    fixture.sql(&age("expires_at", "1 second")).await;
    assert_eq!(session.get(client, ME).await.0, 401);
}

#[tokio::test]
async fn a_removed_user_can_do_nothing_from_the_next_request_on() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let owner = fixture.owner().await;
    let email = "manager@example.com";
    let id = create_user(&fixture.test_env, fixture.account_id, email, "manager");
    let manager = SignedIn::new(client, email).await;
    assert_eq!(manager.get(client, LINKS).await.0, 200);
    let path = format!("/api/v2/users/{id}");
    let demoted = owner
        .call(client, Method::PATCH, &path, json!({ "role": "read_only" }))
        .await;
    assert_eq!(demoted.0, 200, "{demoted:?}");
    let body = json!({ "name": "x", "landing_page_url": "https://example.com" });
    let refused = manager.call(client, Method::POST, CAMPAIGNS, body).await;
    assert_eq!(refused.0, 403);
    let removed = owner.call(client, Method::DELETE, &path, Value::Null).await;
    assert_eq!(removed.0, 200);
    assert_eq!(manager.get(client, LINKS).await.0, 401);
    // The trail has both.
    let (_, trail) = owner.get(client, "/api/v2/audit?object_kind=user").await;
    let changes = trail["changes"].as_array().unwrap();
    let operations: Vec<_> = changes.iter().map(|c| &c["operation"]).collect();
    assert_eq!(operations[..2], ["remove_user", "update_user"]);
}

#[tokio::test]
async fn a_user_lists_sessions_and_ends_the_others() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let path = "/api/v2/me/sessions";
    let [first, second, third] = [
        fixture.owner().await,
        fixture.owner().await,
        fixture.owner().await,
    ];
    let (_, list) = first.get(client, path).await;
    let sessions = list["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert_eq!(
        sessions.iter().filter(|s| s["is_current"] == true).count(),
        1
    );
    let of_second = &second.get(client, path).await.1["sessions"];
    let of_second = of_second
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["is_current"] == true);
    let id = &of_second.unwrap()["id"];
    let ended = first
        .call(client, Method::DELETE, &format!("{path}/{id}"), Value::Null)
        .await;
    assert_eq!(ended.0, 200);
    assert_eq!(second.get(client, ME).await.0, 401);
    let (_, ended) = first.call(client, Method::DELETE, path, Value::Null).await;
    assert_eq!(ended["ended"], 1);
    assert_eq!(third.get(client, ME).await.0, 401);
    assert_eq!(first.get(client, ME).await.0, 200);
}

#[tokio::test]
async fn a_key_is_no_user() {
    let fixture = Fixture::start().await;
    let key = create_key(&fixture.test_env, fixture.account_id, &["*"]);
    for (method, path) in [
        (Method::DELETE, SESSIONS),
        (Method::GET, "/api/v2/me/sessions"),
        (Method::POST, "/api/v2/me/totp"),
    ] {
        let answer = fixture.client.call(&key, method, path, None).await;
        assert_eq!(code(answer), "403 session_required", "{path}");
    }
}

#[tokio::test]
async fn conversions_name_the_user_who_changed_them() {
    let fixture = Fixture::start().await;
    let (client, test_env) = (&fixture.client, &fixture.test_env);
    let tenant = Tenant::create(test_env, &fixture.service, "corrected").await;
    let email = "manager@example.com";
    let id = create_user(test_env, tenant.account_id, email, "manager");
    let manager = SignedIn::new(client, email).await;
    let body = json!([{
        "converted_at": jiff::Timestamp::now(), "txn_id": "a-1", "offer_id": tenant.offer_id,
        "amount": "5.00",
    }]);
    let path = "/api/v2/conversions/import";
    let (status, imported) = manager.call(client, Method::POST, path, body).await;
    assert_eq!(status, 200, "{imported}");
    let conversion = imported["rows"][0]["conversion_id"].as_str().unwrap();
    let path = format!("/api/v2/conversions/{conversion}");
    let change = json!({ "amount": "6.00" });
    let (status, changed) = manager.call(client, Method::PATCH, &path, change).await;
    assert_eq!(status, 200, "{changed}");
    for update in changed["history"].as_array().unwrap() {
        assert_eq!(
            (&update["user_id"], &update["api_key_id"]),
            (&json!(id), &Value::Null)
        );
    }
    let deleted = manager
        .call(client, Method::DELETE, &path, Value::Null)
        .await;
    assert_eq!(deleted.0, 200);
    let by = "SELECT user_id FROM deleted_conversions LIMIT 1";
    assert_eq!(test_env.count(by).await, id);
}
