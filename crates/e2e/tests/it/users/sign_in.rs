//! Signing in and out, and what guessing is met with.

use e2e::{
    client::create_account,
    user::{PASSWORD, SignedIn, create_user, users_command},
};
use reqwest::{Method, header};
use serde_json::{Value, json};

use super::{Fixture, ME, OWNER, SESSIONS, code};

#[tokio::test]
async fn a_user_signs_in_reads_and_signs_out() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let body = json!({ "email": " Owner@Example.com", "password": PASSWORD });
    let request = client.api_request(Method::POST, SESSIONS).json(&body);
    let response = request.send().await.unwrap();
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    for part in [
        "HttpOnly",
        "SameSite=Lax",
        "Secure",
        "Path=/",
        "Max-Age=2592000",
    ] {
        assert!(cookie.split("; ").any(|p| p == part), "{part}: {cookie}");
    }
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let session = SignedIn::from_response(response).await;
    let (status, me) = session.get(client, ME).await;
    assert_eq!(status, 200, "{me}");
    assert_eq!(me["user"]["email"], OWNER);
    assert_eq!(me["csrf_token"], session.csrf_token.as_str());
    assert_eq!(me["key"], Value::Null);
    assert_eq!(
        me["accounts"],
        json!([{
            "id": fixture.account_id, "name": "Glimmerfen", "role": "owner", "scopes": ["*"],
            "time_zone": "UTC", "currency": "USD",
        }])
    );
    assert_eq!(me["account"]["id"], fixture.account_id);
    assert_eq!(session.get(client, "/api/v2/links").await.0, 200);
    let ended = session
        .call(client, Method::DELETE, SESSIONS, Value::Null)
        .await;
    assert_eq!(ended, (204, Value::Null));
    let (status, answer) = session.get(client, ME).await;
    assert_eq!((status, &answer["code"]), (401, &json!("unauthorized")));
    assert_eq!(answer["reason"], "The session has ended. Sign in again.");
}

#[tokio::test]
async fn the_cookie_is_for_http_too_if_the_setting_says_so() {
    let fixture = Fixture::start_with(&[("SESSION_COOKIE_SECURE", "false")]).await;
    let body = json!({ "email": OWNER, "password": PASSWORD });
    let request = fixture
        .client
        .api_request(Method::POST, SESSIONS)
        .json(&body);
    let response = request.send().await.unwrap();
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(!cookie.contains("Secure"), "{cookie}");
    assert!(cookie.contains("HttpOnly"), "{cookie}");
}

#[tokio::test]
async fn wrong_passwords_and_unknown_addresses_have_one_answer_and_then_none() {
    let fixture = Fixture::start_with(&[("SIGN_IN_MAX_FAILURES", "3")]).await;
    for email in [OWNER, "nobody@example.com", "no address"] {
        for tries_left in [2, 1, 0] {
            let (status, answer) = fixture.sign_in(email, "a wrong password").await;
            assert_eq!((status, &answer["code"]), (401, &json!("sign_in_failed")));
            assert_eq!(answer["tries_left"], tries_left, "{email}");
        }
        let (status, answer) = fixture.sign_in(email, PASSWORD).await;
        assert_eq!(
            (status, &answer["code"]),
            (429, &json!("too_many_attempts"))
        );
    }
}

#[tokio::test]
async fn who_signs_in_is_not_limited() {
    let fixture = Fixture::start_with(&[("SIGN_IN_MAX_FAILURES", "1")]).await;
    for _ in 0..4 {
        assert_eq!(fixture.sign_in(OWNER, PASSWORD).await.0, 201);
    }
}

#[tokio::test]
async fn an_account_is_guessed_at_from_many_networks_no_more_than_ten_times_as_often() {
    let settings = [
        ("SIGN_IN_MAX_FAILURES", "1"),
        ("TRUSTED_PROXIES", "127.0.0.0/8"),
    ];
    let fixture = Fixture::start_with(&settings).await;
    let attempt = async |ip: &str| {
        let body = json!({ "email": OWNER, "password": "a wrong password" });
        let request = fixture.client.api_request(Method::POST, SESSIONS);
        let request = request.header("X-Forwarded-For", ip).json(&body);
        request.send().await.unwrap().status().as_u16()
    };
    for i in 0..10 {
        assert_eq!(attempt(&format!("192.0.2.{i}")).await, 401, "{i}");
    }
    assert_eq!(attempt("192.0.2.99").await, 429);
}

#[tokio::test]
async fn guessing_is_limited_without_redis() {
    let (redis, test_env) = e2e::test_environment::TestEnvironment::with_private_redis().await;
    let env = test_env.env_with(&[("SIGN_IN_MAX_FAILURES", "2"), ("REDIS_TIMEOUT_MS", "100")]);
    let service = e2e::service::Service::start("links-api", &["serve"], &env);
    let client = e2e::client::Client::new(&service, None);
    redis.stop();
    let attempt = async || {
        let body = json!({ "email": OWNER, "password": "a wrong password" });
        let request = client.api_request(Method::POST, SESSIONS).json(&body);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(
        [attempt().await, attempt().await, attempt().await],
        [401, 401, 429]
    );
}

#[tokio::test]
async fn a_page_of_another_site_signs_nobody_in() {
    let fixture = Fixture::start().await;
    let body = json!({ "email": OWNER, "password": PASSWORD });
    for (site, expected) in [("cross-site", 403), ("same-origin", 201), ("none", 201)] {
        let request = fixture.client.api_request(Method::POST, SESSIONS);
        let request = request.header("Sec-Fetch-Site", site).json(&body);
        assert_eq!(request.send().await.unwrap().status(), expected, "{site}");
    }
}

#[tokio::test]
async fn sign_in_and_out_are_in_the_audit_trail_of_each_account() {
    let fixture = Fixture::start().await;
    let other = create_account(&fixture.test_env, "Other");
    users_command(
        &fixture.test_env,
        &[
            "create",
            "--email",
            OWNER,
            "--account",
            &other.to_string(),
            "--role",
            "analyst",
        ],
    );
    let session = fixture.owner().await.in_account(fixture.account_id);
    let (status, trail) = session
        .get(&fixture.client, "/api/v2/audit?actor=user")
        .await;
    assert_eq!(status, 200, "{trail}");
    let change = &trail["changes"][0];
    assert_eq!(change["operation"], "create_session");
    assert_eq!(change["user_email"], OWNER);
    assert_eq!(change["after"]["sign_in"]["method"], "password");
    let sql = "SELECT count(*) FROM audit_log WHERE operation = 'create_session'";
    assert_eq!(fixture.test_env.count(sql).await, 2);
    let sql = "SELECT count(*) FROM audit_log a WHERE a::text LIKE '%staple%'";
    assert_eq!(fixture.test_env.count(sql).await, 0);
}

#[tokio::test]
async fn the_command_line_makes_lists_and_resets_users() {
    let fixture = Fixture::start().await;
    let account_id = fixture.account_id.to_string();
    let manager = "manager@example.com";
    let args = [
        "create",
        "--email",
        manager,
        "--account",
        &account_id,
        "--role",
        "manager",
    ];
    let created = users_command(&fixture.test_env, &args);
    let link = created["link"].as_str().unwrap();
    let token = link
        .strip_prefix("http://localhost:8080/invitations/")
        .unwrap();
    let path = format!("/api/v2/invitations/{token}/accept");
    let body = json!({ "name": "Ivo Tarn", "password": PASSWORD });
    let (status, accepted) = fixture.post(&path, body).await;
    assert_eq!(status, 201, "{accepted}");
    assert_eq!(fixture.sign_in(manager, PASSWORD).await.0, 201);
    let list = users_command(&fixture.test_env, &["list"]);
    let roles: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|u| &u["role"])
        .collect();
    assert_eq!(roles, ["manager", "owner"]);
    let reset = users_command(&fixture.test_env, &["reset", "--email", manager]);
    let link = reset["link"].as_str().unwrap();
    let token = link
        .strip_prefix("http://localhost:8080/password-resets/")
        .unwrap();
    let path = format!("/api/v2/password-resets/{token}");
    let new = json!({ "password": "another horse battery" });
    assert_eq!(fixture.post(&path, new.clone()).await.0, 200);
    assert_eq!(code(fixture.post(&path, new).await), "404 link_not_valid");
    assert_eq!(
        fixture.sign_in(manager, "another horse battery").await.0,
        201
    );
    let sql = "SELECT count(*) FROM audit_log WHERE operation LIKE 'links-api users %'";
    assert_eq!(fixture.test_env.count(sql).await, 3);
    // A user without any account signs in, and sees that there is none.
    create_user(
        &fixture.test_env,
        fixture.account_id,
        "gone@example.com",
        "analyst",
    );
    fixture
        .sql("DELETE FROM memberships WHERE role = 'analyst'")
        .await;
    let gone = SignedIn::new(&fixture.client, "gone@example.com").await;
    let (_, me) = gone.get(&fixture.client, ME).await;
    assert_eq!(
        (&me["accounts"], &me["account"]),
        (&json!([]), &Value::Null)
    );
    assert_eq!(
        code(gone.get(&fixture.client, "/api/v2/links").await),
        "404 not_found"
    );
}
