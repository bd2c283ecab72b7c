//! Signing in at a provider of OpenID Connect.

use e2e::{
    client::answer,
    user::{PASSWORD, cookie_of, create_user},
};
use reqwest::{Method, Response, header};
use serde_json::{Value, json};

use super::{
    Fixture, ME, OWNER,
    provider::{CLIENT_ID, CLIENT_SECRET, TestProvider},
};

const START: &str = "/api/v2/sessions/oidc/start";
const CALLBACK: &str = "/api/v2/sessions/oidc/callback";
const GUEST: &str = "guest@corp.example";

async fn start(allowed_domains: &str) -> (TestProvider, Fixture) {
    let provider = TestProvider::start().await;
    let mut settings = vec![
        ("OIDC_ISSUER", provider.issuer.as_str()),
        ("OIDC_CLIENT_ID", CLIENT_ID),
        ("OIDC_CLIENT_SECRET", CLIENT_SECRET),
        ("DASHBOARD_URL", "https://app.example.com"),
    ];
    if !allowed_domains.is_empty() {
        settings.push(("OIDC_ALLOWED_DOMAINS", allowed_domains));
    }
    let fixture = Fixture::start_with(&settings).await;
    (provider, fixture)
}

fn location(response: &Response) -> String {
    assert_eq!(response.status(), 302);
    response.headers()[header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned()
}

async fn get(fixture: &Fixture, path: &str, cookie: Option<&str>) -> Response {
    let mut request = fixture.client.api_request(Method::GET, path);
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie);
    }
    request.send().await.unwrap()
}

/// Goes to the provider and back: where the browser ends, and with which session.
async fn sign_in(
    fixture: &Fixture,
    provider: &TestProvider,
    email: &'static str,
    is_verified: bool,
) -> (String, Option<String>) {
    let started = get(fixture, &format!("{START}?to=/a/1/links%3Fq%3Dx"), None).await;
    let cookie = cookie_of(&started, "waypost_oidc").unwrap();
    let (code, state) = provider.authorize(&location(&started), email, is_verified);
    let path = format!("{CALLBACK}?code={code}&state={state}&iss=ignored");
    let finished = get(fixture, &path, Some(&cookie)).await;
    (location(&finished), cookie_of(&finished, "waypost_session"))
}

async fn me(fixture: &Fixture, cookie: &str) -> Value {
    let request = fixture.client.api_request(Method::GET, ME);
    answer(request.header(header::COOKIE, cookie)).await.1
}

#[tokio::test]
async fn a_user_signs_in_by_the_verified_address_and_returns_to_the_page() {
    let (provider, mut fixture) = start("").await;
    fixture.service.expect_in_log("single sign-on failed");
    let (page, session) = sign_in(&fixture, &provider, OWNER, true).await;
    assert_eq!(page, "https://app.example.com/a/1/links?q=x");
    let me = me(&fixture, &session.unwrap()).await;
    assert_eq!(me["user"]["email"], OWNER);
    assert_eq!(fixture.sign_in(OWNER, PASSWORD).await.0, 201);
    let failed = |code: &str| {
        (
            format!("https://app.example.com/sign-in?error={code}"),
            None,
        )
    };
    let unverified = sign_in(&fixture, &provider, OWNER, false).await;
    assert_eq!(unverified, failed("email_not_verified"));
    // Nobody becomes a user by it.
    let stranger = sign_in(&fixture, &provider, "stranger@corp.example", true).await;
    assert_eq!(stranger, failed("no_user"));
    assert_eq!(
        fixture.test_env.count("SELECT count(*) FROM users").await,
        1
    );
    let sql = "SELECT count(*) FROM audit_log
               WHERE operation = 'finish_single_sign_on' AND after -> 'sign_in' ->> 'method' = 'oidc'";
    assert_eq!(fixture.test_env.count(sql).await, 1);
    fixture.service.stop();
}

#[tokio::test]
async fn the_answer_must_be_that_to_this_browsers_sign_in() {
    let (provider, mut fixture) = start("").await;
    fixture.service.expect_in_log("single sign-on failed");
    let refused = "https://app.example.com/sign-in?error=provider_refused";
    let finish = async |cookie: Option<&str>, code: &str, state: &str| {
        let path = format!("{CALLBACK}?code={code}&state={state}");
        let response = get(&fixture, &path, cookie).await;
        (location(&response), cookie_of(&response, "waypost_session"))
    };
    let begin = async || {
        let started = get(&fixture, START, None).await;
        (
            location(&started),
            cookie_of(&started, "waypost_oidc").unwrap(),
        )
    };
    let (url, cookie) = begin().await;
    let (_, other_cookie) = begin().await;
    let (code, state) = provider.authorize(&url, OWNER, true);
    let nothing = (refused.to_owned(), None);
    // Another browser, another state, an invented code, and none at all.
    assert_eq!(finish(None, &code, &state).await, nothing);
    assert_eq!(finish(Some(&other_cookie), &code, &state).await, nothing);
    assert_eq!(finish(Some(&cookie), &code, "wrong").await, nothing);
    assert_eq!(finish(Some(&cookie), "invented", &state).await, nothing);
    let denied = get(
        &fixture,
        &format!("{CALLBACK}?error=access_denied"),
        Some(&cookie),
    )
    .await;
    assert_eq!(location(&denied), refused);
    // A code that was given for another sign-in has another nonce and another verifier.
    let (other_url, _) = begin().await;
    let (other_code, _) = provider.authorize(&other_url, OWNER, true);
    assert_eq!(finish(Some(&cookie), &other_code, &state).await, nothing);
    // The right one works once.
    let (page, session) = finish(Some(&cookie), &code, &state).await;
    assert_eq!(page, "https://app.example.com/");
    assert!(session.is_some());
    assert_eq!(finish(Some(&cookie), &code, &state).await, nothing);
    // Nobody is sent to another site.
    let started = get(&fixture, &format!("{START}?to=//evil.example"), None).await;
    let cookie = cookie_of(&started, "waypost_oidc").unwrap();
    let (code, state) = provider.authorize(&location(&started), OWNER, true);
    assert_eq!(
        finish(Some(&cookie), &code, &state).await.0,
        "https://app.example.com/"
    );
}

#[tokio::test]
async fn an_invited_person_becomes_a_user_and_a_planted_password_is_gone() {
    let (provider, fixture) = start("corp.example").await;
    let owner = fixture.owner().await;
    let invite = async |email: &str| {
        let body = json!({ "email": email, "role": "analyst" });
        let invited = owner.call(&fixture.client, Method::POST, "/api/v2/invitations", body);
        invited.await.1
    };
    invite(GUEST).await;
    let (_, session) = sign_in(&fixture, &provider, GUEST, true).await;
    let guest = me(&fixture, &session.unwrap()).await;
    assert_eq!(guest["accounts"][0]["role"], "analyst");
    // Whoever was shown the link has taken the address of somebody else.
    let victim = "victim@corp.example";
    let invitation = invite(victim).await;
    let token = e2e::user::token_of(&invitation["link"]);
    let path = format!("/api/v2/invitations/{token}/accept");
    let body = json!({ "name": "Thief", "password": PASSWORD });
    assert_eq!(fixture.post(&path, body).await.0, 201);
    assert_eq!(fixture.sign_in(victim, PASSWORD).await.0, 201);
    let (_, session) = sign_in(&fixture, &provider, victim, true).await;
    assert!(session.is_some());
    assert_eq!(fixture.sign_in(victim, PASSWORD).await.0, 401);
}

#[tokio::test]
async fn other_domains_are_refused_and_a_silent_provider_is_said() {
    let (provider, mut fixture) = start("corp.example").await;
    fixture.service.expect_in_log("single sign-on failed");
    let (page, session) = sign_in(&fixture, &provider, OWNER, true).await;
    assert!(
        page.ends_with("/sign-in?error=domain_not_allowed"),
        "{page}"
    );
    assert_eq!(session, None);
    create_user(&fixture.test_env, fixture.account_id, GUEST, "analyst");
    assert!(sign_in(&fixture, &provider, GUEST, true).await.1.is_some());
    let settings = [
        ("OIDC_ISSUER", "http://127.0.0.1:1"),
        ("OIDC_CLIENT_ID", CLIENT_ID),
        ("OIDC_CLIENT_SECRET", CLIENT_SECRET),
    ];
    let unreachable = Fixture::start_with(&settings).await;
    let page = location(&get(&unreachable, START, None).await);
    assert!(
        page.ends_with("/sign-in?error=provider_unavailable"),
        "{page}"
    );
    let without = Fixture::start().await;
    let (status, body) = answer(without.client.api_request(Method::GET, START)).await;
    assert_eq!(
        (status, &body["code"]),
        (404, &json!("single_sign_on_absent"))
    );
}
