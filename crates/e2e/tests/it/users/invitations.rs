//! Invitations without a mail server: the link is in the answer.

use e2e::{
    client::create_account,
    user::{PASSWORD, SignedIn, create_user, token_of},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Fixture, code};

const INVITATIONS: &str = "/api/v2/invitations";
const GUEST: &str = "guest@example.com";

async fn invite(fixture: &Fixture, owner: &SignedIn, email: &str, role: &str) -> Value {
    let body = json!({ "email": email, "role": role });
    let invited = owner
        .call(&fixture.client, Method::POST, INVITATIONS, body)
        .await;
    assert_eq!(invited.0, 201, "{invited:?}");
    invited.1
}

fn accept_path(invitation: &Value) -> String {
    format!("{INVITATIONS}/{}/accept", token_of(&invitation["link"]))
}

#[tokio::test]
async fn an_invited_person_becomes_a_user_once() {
    let fixture = Fixture::start_with(&[("DASHBOARD_URL", "https://app.example.com/")]).await;
    let (client, owner) = (&fixture.client, fixture.owner().await);
    let invitation = invite(&fixture, &owner, "Guest@Example.com", "analyst").await;
    let link = invitation["link"].as_str().unwrap();
    assert!(
        link.starts_with("https://app.example.com/invitations/"),
        "{link}"
    );
    let path = format!("{INVITATIONS}/{}", token_of(&invitation["link"]));
    let request = client.api_request(Method::GET, &path);
    let (status, open) = e2e::client::answer(request).await;
    assert_eq!(status, 200, "{open}");
    assert_eq!(open["email"], GUEST);
    assert_eq!(
        (&open["account"], &open["role"]),
        (&json!("Glimmerfen"), &json!("analyst"))
    );
    assert_eq!(open["is_user"], false);
    let accept = accept_path(&invitation);
    for (body, expected) in [
        (
            json!({ "name": "Ada", "password": "too short" }),
            "400 invalid_field",
        ),
        (
            json!({ "name": "Ada", "password": GUEST }),
            "400 invalid_field",
        ),
        (json!({ "password": PASSWORD }), "400 missing_name"),
    ] {
        assert_eq!(code(fixture.post(&accept, body).await), expected);
    }
    let body = json!({ "name": "Ada Ford", "password": PASSWORD });
    let (status, accepted) = fixture.post(&accept, body.clone()).await;
    assert_eq!(status, 201, "{accepted}");
    assert_eq!(accepted["account_id"], fixture.account_id);
    assert_eq!(
        code(fixture.post(&accept, body).await),
        "404 link_not_valid"
    );
    let guest = SignedIn::new(client, GUEST).await;
    let (_, me) = guest.get(client, "/api/v2/me").await;
    assert_eq!(me["user"]["name"], "Ada Ford");
    assert_eq!(me["accounts"][0]["role"], "analyst");
    let again = owner
        .call(
            client,
            Method::POST,
            INVITATIONS,
            json!({ "email": GUEST, "role": "owner" }),
        )
        .await;
    assert_eq!(code(again), "409 already_member");
    let (_, open) = owner.get(client, INVITATIONS).await;
    assert_eq!(open["invitations"], json!([]));
    let (_, trail) = owner.get(client, "/api/v2/audit").await;
    let trail = trail["changes"].as_array().unwrap();
    let find = |operation: &str| trail.iter().find(|c| c["operation"] == operation).unwrap();
    assert_eq!(find("accept_invitation")["user_email"], GUEST);
    assert_eq!(find("create_invitation")["after"]["email"], GUEST);
    assert!(!format!("{trail:?}").contains(token_of(&invitation["link"])));
}

#[tokio::test]
async fn an_existing_user_accepts_by_the_own_password() {
    let fixture = Fixture::start().await;
    let (client, owner) = (&fixture.client, fixture.owner().await);
    let other = create_account(&fixture.test_env, "Other");
    create_user(&fixture.test_env, other, GUEST, "owner");
    let invitation = invite(&fixture, &owner, GUEST, "manager").await;
    let accept = accept_path(&invitation);
    // Who was shown the link is not the user.
    let body = json!({ "name": "Thief", "password": "a password of a thief" });
    assert_eq!(
        code(fixture.post(&accept, body).await),
        "401 sign_in_failed"
    );
    let (status, _) = fixture.post(&accept, json!({ "password": PASSWORD })).await;
    assert_eq!(status, 201);
    let guest = SignedIn::new(client, GUEST).await;
    let (_, me) = guest.get(client, "/api/v2/me").await;
    assert_eq!(me["user"]["name"], GUEST);
    let accounts = me["accounts"].as_array().unwrap();
    let roles: Vec<_> = accounts.iter().map(|account| &account["role"]).collect();
    assert_eq!(roles, ["manager", "owner"]);
}

#[tokio::test]
async fn withdrawn_replaced_and_old_links_do_not_work() {
    let fixture = Fixture::start().await;
    let (client, owner) = (&fixture.client, fixture.owner().await);
    let body = json!({ "name": "Ada", "password": PASSWORD });
    let first = invite(&fixture, &owner, GUEST, "owner").await;
    let second = invite(&fixture, &owner, GUEST, "read_only").await;
    let is_refused = async |invitation: &Value| {
        let answer = fixture.post(&accept_path(invitation), body.clone()).await;
        assert_eq!(code(answer), "404 link_not_valid");
    };
    is_refused(&first).await;
    let path = format!("{INVITATIONS}/{}", second["id"]);
    let withdrawn = owner.call(client, Method::DELETE, &path, Value::Null).await;
    assert_eq!(withdrawn.0, 200);
    let again = owner.call(client, Method::DELETE, &path, Value::Null).await;
    assert_eq!(code(again), "404 not_found");
    is_refused(&second).await;
    let third = invite(&fixture, &owner, GUEST, "read_only").await;
    fixture
        .sql("UPDATE invitations SET expires_at = now()")
        .await;
    is_refused(&third).await;
    assert_eq!(
        fixture.test_env.count("SELECT count(*) FROM users").await,
        1
    );
}
