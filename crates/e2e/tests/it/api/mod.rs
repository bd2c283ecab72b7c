//! links-api compared with its documentation in `proto-docs`.

mod affiliate;
mod audit;
mod bad_input;
mod browsers;
mod bulk;
mod changes;
mod conventions;
mod costs;
mod coupons;
mod create_link;
mod creatives;
mod dashboard;
mod docs;
mod domains;
mod exports;
mod injection;
mod input;
mod isolation;
mod links;
mod local_hosts;
mod managed;
mod messages;
mod mistakes;
mod openapi;
mod own_keys;
mod report_rows;
mod reports;
mod shorten;
mod tracking;
mod value_totals;

use e2e::{
    client::{Client, Tenant},
    service::Service,
    test_environment::TestEnvironment,
};
use reqwest::Method;
use serde_json::{Value, json};

/// links-api and a tenant of its own.
struct Api {
    test_env: TestEnvironment,
    service: Service,
    client: Client,
    tenant: Tenant,
}

impl Api {
    /// `name` is part of the tenant's hosts.
    async fn start(name: &str) -> Self {
        Self::start_with(name, &[]).await
    }

    async fn start_with(name: &str, settings: &[(&str, &str)]) -> Self {
        let test_env = TestEnvironment::new().await;
        let service = Service::start("links-api", &["serve"], &test_env.env_with(settings));
        let tenant = Tenant::create(&test_env, &service, name).await;
        let client = Client::new(&service, None);
        Self {
            test_env,
            service,
            client,
            tenant,
        }
    }

    /// Status and body of a request with the tenant's key.
    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let body = Some(body).filter(|body| !body.is_null());
        let key = &self.tenant.key;
        self.client.call(key, method, path, body.as_ref()).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, body).await
    }

    /// Sends a POST. Panics unless it creates something.
    async fn create(&self, path: &str, body: Value) -> Value {
        self.client.create(&self.tenant.key, path, &body).await
    }

    /// An SMS offer of the tenant: its id. `more` are further fields.
    async fn sms_offer(&self, tracking_url: &str, more: Value) -> String {
        let mut offer = json!({ "name": "An offer", "tracking_url": tracking_url });
        for (name, value) in more.as_object().unwrap() {
            offer[name] = value.clone();
        }
        let offer = self.create("/api/v2/offers", offer).await;
        offer["id"].as_str().unwrap().to_owned()
    }

    async fn campaign(&self) -> String {
        let campaign = json!({
            "name": "Spring",
            "landing_page_url": "https://example.com/spring",
        });
        let campaign = self.create("/api/campaigns", campaign).await;
        campaign["id"].as_str().unwrap().to_owned()
    }

    async fn sql(&self, sql: &str) {
        self.test_env.db.batch_execute(sql).await.unwrap();
    }
}

/// `status code` of a response in the error format of either API, for tables of errors.
fn status_and_code((status, body): (u16, Value)) -> String {
    let (sentence, code) = match body.get("code") {
        Some(code) => (&body["error"], code),
        None => (&body["detail"], &body["error_code"]),
    };
    assert!(
        sentence
            .as_str()
            .is_some_and(|sentence| sentence.len() > 10),
        "{body}"
    );
    format!("{status} {}", code.as_str().unwrap_or("no code"))
}
