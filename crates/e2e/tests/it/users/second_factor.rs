//! The second factor.

use e2e::user::{PASSWORD, SignedIn, totp_code, users_command};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Fixture, ME, OWNER, SESSIONS, code};

const TOTP: &str = "/api/v2/me/totp";
const CONFIRM: &str = "/api/v2/me/totp/confirm";

/// Sets it up: the secret and the recovery codes.
async fn enable(fixture: &Fixture, session: &SignedIn) -> (String, Vec<Value>) {
    let client = &fixture.client;
    let (status, enrolment) = session.call(client, Method::POST, TOTP, Value::Null).await;
    assert_eq!(status, 201, "{enrolment}");
    let secret = enrolment["secret"].as_str().unwrap().to_owned();
    let url = enrolment["otpauth_url"].as_str().unwrap();
    assert!(url.starts_with("otpauth://totp/Waypost:"), "{url}");
    assert!(url.contains(&secret), "{url}");
    // Before it is confirmed sign-in asks for no code.
    assert_eq!(fixture.sign_in(OWNER, PASSWORD).await.0, 201);
    let wrong = session
        .call(client, Method::POST, CONFIRM, json!({ "code": "abc" }))
        .await;
    assert_eq!(code(wrong), "403 wrong_code");
    let body = json!({ "code": totp_code(&secret, 0) });
    let (status, confirmed) = session.call(client, Method::POST, CONFIRM, body).await;
    assert_eq!(status, 200, "{confirmed}");
    (
        secret,
        confirmed["recovery_codes"].as_array().unwrap().clone(),
    )
}

async fn sign_in(fixture: &Fixture, code: Value) -> (u16, Value) {
    let body = json!({ "email": OWNER, "password": PASSWORD, "code": code });
    fixture.post(SESSIONS, body).await
}

#[tokio::test]
async fn sign_in_asks_for_a_code_which_works_once() {
    let fixture = Fixture::start().await;
    let session = fixture.owner().await;
    let (secret, recovery_codes) = enable(&fixture, &session).await;
    assert_eq!(
        code(fixture.sign_in(OWNER, PASSWORD).await),
        "401 second_factor_required"
    );
    assert_eq!(
        code(fixture.sign_in(OWNER, "a wrong one").await),
        "401 sign_in_failed"
    );
    assert_eq!(
        code(sign_in(&fixture, json!("000000")).await),
        "401 sign_in_failed"
    );
    let next = json!(totp_code(&secret, 1));
    assert_eq!(sign_in(&fixture, next.clone()).await.0, 201);
    assert_eq!(code(sign_in(&fixture, next).await), "401 sign_in_failed");
    let recovery = recovery_codes[0].clone();
    assert_eq!(sign_in(&fixture, recovery.clone()).await.0, 201);
    assert_eq!(
        code(sign_in(&fixture, recovery).await),
        "401 sign_in_failed"
    );
    let (_, me) = session.get(&fixture.client, ME).await;
    let expected = json!({ "enabled": true, "recovery_codes_left": 9 });
    assert_eq!(me["second_factor"], expected);
}

#[tokio::test]
async fn codes_are_not_guessed() {
    let fixture = Fixture::start_with(&[("SIGN_IN_MAX_FAILURES", "3")]).await;
    let session = fixture.owner().await;
    enable(&fixture, &session).await;
    // One attempt was wrong while it was set up.
    for _ in 0..2 {
        assert_eq!(
            code(sign_in(&fixture, json!("000000")).await),
            "401 sign_in_failed"
        );
    }
    assert_eq!(
        code(sign_in(&fixture, json!("000000")).await),
        "429 too_many_attempts"
    );
}

#[tokio::test]
async fn it_is_removed_by_a_code_or_by_an_operator() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let session = fixture.owner().await;
    let (_, recovery_codes) = enable(&fixture, &session).await;
    let again = session.call(client, Method::POST, TOTP, Value::Null).await;
    assert_eq!(code(again), "409 second_factor_exists");
    let remove = async |code: Value| {
        let body = json!({ "code": code });
        session.call(client, Method::DELETE, TOTP, body).await
    };
    assert_eq!(code(remove(json!("000000")).await), "403 wrong_code");
    assert_eq!(remove(recovery_codes[0].clone()).await.0, 200);
    assert_eq!(
        code(remove(recovery_codes[1].clone()).await),
        "404 not_found"
    );
    assert_eq!(fixture.sign_in(OWNER, PASSWORD).await.0, 201);
    enable(&fixture, &session).await;
    users_command(
        &fixture.test_env,
        &["reset", "--email", OWNER, "--second-factor"],
    );
    assert_eq!(session.get(client, ME).await.0, 401);
    assert_eq!(fixture.sign_in(OWNER, PASSWORD).await.0, 201);
    let sql = "SELECT count(*) FROM audit_log a WHERE a::text ~ 'otpauth|[a-z1-9]{4}-[a-z1-9]{4}-[a-z1-9]{4}-[a-z1-9]{4}[^0-9a-f-]'";
    assert_eq!(fixture.test_env.count(sql).await, 0);
}
