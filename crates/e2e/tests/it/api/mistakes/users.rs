//! Mistakes about users and sessions.

use e2e::user::{SignedIn, create_user};
use insta::assert_snapshot;

use super::Api;

#[tokio::test]
async fn signing_in_and_new_passwords() {
    let api = Api::start("users").await;
    let post = async |path, body| api.answer_with(&[], "POST", path, body).await;
    let sessions = "/api/v2/sessions";
    assert_snapshot!(
        post(sessions, "{}").await,
        @r##"400 {"code":"invalid_field","error":"The field email is not valid: it is required."}"##
    );
    assert_snapshot!(
        post(sessions, r#"{"email": "ada@example.com"}"#).await,
        @r##"400 {"code":"invalid_field","error":"The field password is not valid: it is required."}"##
    );
    assert_snapshot!(
        post(sessions, r#"{"email": "ada@example.com", "password": "secret"}"#).await,
        @r##"401 {"code":"sign_in_failed","error":"The e-mail address, the password or the code is wrong. 9 tries are left.","tries_left":9}"##
    );
    assert_snapshot!(
        post("/api/v2/invitations/nonsense/accept", r#"{"password": "x"}"#).await,
        @r##"404 {"code":"link_not_valid","error":"This link was used or has expired. Ask for another one."}"##
    );
    let cookie = [("Cookie", "waypost_session=nonsense")];
    assert_snapshot!(
        api.answer_with(&cookie, "GET", "/api/v2/links", "").await,
        @r##"401 {"code":"unauthorized","error":"API key is missing or invalid.","reason":"The session has ended. Sign in again."}"##
    );
}

#[tokio::test]
async fn requests_of_users() {
    let api = Api::start("users").await;
    let (id, email) = (api.tenant.account_id, "owner@example.com");
    create_user(&api.test_env, id, email, "owner");
    let owner = SignedIn::new(&api.client, email).await;
    let headers = [
        ("Cookie", owner.cookie.as_str()),
        ("X-CSRF-Token", owner.csrf_token.as_str()),
    ];
    let post = async |path, body| api.answer_with(&headers, "POST", path, body).await;
    let invitations = "/api/v2/invitations";
    assert_snapshot!(
        post(invitations, r#"{"email": "ada", "role": "owner"}"#).await,
        @r##"400 {"code":"invalid_field","error":"The field email is not valid: it is the text \"ada\", not an e-mail address, as in ada@example.com."}"##
    );
    assert_snapshot!(
        post(invitations, r#"{"email": "ada@example.com", "role": "boss"}"#).await,
        @r##"400 {"code":"invalid_field","error":"The field role is not valid: it is the text \"boss\", and one of owner, manager, analyst, read_only is wanted."}"##
    );
    assert_snapshot!(
        post(invitations, r#"{"email": "ada@example.com"}"#).await,
        @r##"400 {"code":"invalid_field","error":"The field role is not valid: it is required."}"##
    );
    assert_snapshot!(
        post("/api/v2/me/password", r#"{"current_password": "x"}"#).await,
        @r##"400 {"code":"invalid_field","error":"The field password is not valid: it is required."}"##
    );
    assert_snapshot!(
        api.answer_with(&headers[..1], "POST", invitations, "{}").await,
        @r##"403 {"code":"csrf_token_missing","error":"The header X-CSRF-Token is missing or wrong. GET /api/v2/me answers it as csrf_token."}"##
    );
}
