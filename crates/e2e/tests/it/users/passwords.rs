//! Passwords: how they are changed and set anew.

use e2e::user::{PASSWORD, token_of, users_command};
use reqwest::Method;
use serde_json::json;

use super::{Fixture, ME, OWNER, code};

const NEW: &str = "another horse battery";

#[tokio::test]
async fn a_user_changes_the_own_password_and_other_sessions_end() {
    let fixture = Fixture::start_with(&[("SIGN_IN_MAX_FAILURES", "2")]).await;
    let client = &fixture.client;
    let (session, other) = (fixture.owner().await, fixture.owner().await);
    let change = async |current: &str, new: &str| {
        let body = json!({ "current_password": current, "password": new });
        session
            .call(client, Method::POST, "/api/v2/me/password", body)
            .await
    };
    assert_eq!(
        code(change("wrong password", NEW).await),
        "403 wrong_password"
    );
    assert_eq!(code(change(PASSWORD, "short").await), "400 invalid_field");
    assert_eq!(change(PASSWORD, NEW).await.0, 200);
    assert_eq!(session.get(client, ME).await.0, 200);
    assert_eq!(other.get(client, ME).await.0, 401);
    assert_eq!(fixture.sign_in(OWNER, NEW).await.0, 201);
    // Whoever has the session does not guess the password either.
    assert_eq!(
        code(change("wrong password", NEW).await),
        "403 wrong_password"
    );
    assert_eq!(
        code(change("wrong password", NEW).await),
        "429 too_many_attempts"
    );
    let stored = "SELECT count(*) FROM users WHERE password_hash LIKE '$argon2id$%'";
    assert_eq!(fixture.test_env.count(stored).await, 1);
}

#[tokio::test]
async fn a_link_sets_a_password_once_and_ends_all_sessions() {
    let fixture = Fixture::start().await;
    let session = fixture.owner().await;
    let [first, second] = [(), ()].map(|()| {
        let reset = users_command(&fixture.test_env, &["reset", "--email", OWNER]);
        format!("/api/v2/password-resets/{}", token_of(&reset["link"]))
    });
    let body = json!({ "password": NEW });
    let short = fixture.post(&first, json!({ "password": "short" })).await;
    assert_eq!(code(short), "400 invalid_field");
    assert_eq!(fixture.post(&first, body.clone()).await.0, 200);
    for path in [first, second] {
        assert_eq!(
            code(fixture.post(&path, body.clone()).await),
            "404 link_not_valid"
        );
    }
    assert_eq!(session.get(&fixture.client, ME).await.0, 401);
    assert_eq!(
        code(fixture.sign_in(OWNER, PASSWORD).await),
        "401 sign_in_failed"
    );
    assert_eq!(fixture.sign_in(OWNER, NEW).await.0, 201);
    let reset = users_command(&fixture.test_env, &["reset", "--email", OWNER]);
    fixture
        .sql("UPDATE one_time_tokens SET expires_at = now()")
        .await;
    let path = format!("/api/v2/password-resets/{}", token_of(&reset["link"]));
    assert_eq!(code(fixture.post(&path, body).await), "404 link_not_valid");
}
