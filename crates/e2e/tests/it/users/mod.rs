//! Users: how they sign in, what their roles let them do, and how they become users.

mod invitations;
mod mail;
mod passwords;
mod provider;
mod roles;
mod second_factor;
mod sessions;
mod sign_in;
mod single_sign_on;

use e2e::{
    client::{Client, answer, create_account},
    openapi::Document,
    service::Service,
    test_environment::TestEnvironment,
    user::{SignedIn, create_user},
};
use reqwest::Method;
use serde_json::{Value, json};

const SESSIONS: &str = "/api/v2/sessions";
const ME: &str = "/api/v2/me";
const OWNER: &str = "owner@example.com";

/// links-api and an account with an owner.
struct Fixture {
    test_env: TestEnvironment,
    service: Service,
    client: Client,
    account_id: i64,
}

impl Fixture {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(settings: &[(&str, &str)]) -> Self {
        let test_env = TestEnvironment::new().await;
        let service = Service::start("links-api", &["serve"], &test_env.env_with(settings));
        let client = Client::new(&service, None);
        let account_id = create_account(&test_env, "Glimmerfen");
        create_user(&test_env, account_id, OWNER, "owner");
        Self {
            test_env,
            service,
            client,
            account_id,
        }
    }

    async fn owner(&self) -> SignedIn {
        SignedIn::new(&self.client, OWNER).await
    }

    /// A request without key and session, whose answer must be documented.
    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.client.api_request(Method::POST, path);
        let (status, json) = answer(request.json(&body)).await;
        Document::written().check(&Method::POST, path, status, &json);
        (status, json)
    }

    async fn sign_in(&self, email: &str, password: &str) -> (u16, Value) {
        let body = json!({ "email": email, "password": password });
        self.post(SESSIONS, body).await
    }

    async fn sql(&self, sql: &str) {
        self.test_env.db.batch_execute(sql).await.unwrap();
    }
}

/// `status code` of an answer.
fn code((status, body): (u16, Value)) -> String {
    format!("{status} {}", body["code"].as_str().unwrap_or("no code"))
}
