//! HTTP clients for the API and the redirector, and tenants to use them with.

use reqwest::{Method, Response, header, redirect};
use serde_json::{Value, json};

use crate::{openapi::Document, service::Service, test_environment::TestEnvironment};

/// The user agent of a person's browser.
pub const BROWSER: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) \
    AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";
/// The user agent of a bot that every list knows.
pub const BOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

/// An account with a key and everything that a link needs.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub account_id: i64,
    pub key: String,
    pub short_host: String,
    pub click_host: String,
    pub list_id: i64,
    pub list_phone: &'static str,
    pub offer_id: String,
    pub external_offer_id: &'static str,
}

/// The destination template of the documented examples.
pub const TEMPLATE: &str =
    "https://example.com/lp?clickid={click_id}&aff={affiliate_id}&s1={sub1}&s2={sub2}";

/// Every scope but `admin`.
pub const SCOPES: [&str; 13] = [
    "links:read",
    "links:write",
    "creatives:*",
    "offers:*",
    "lists:*",
    "campaigns:*",
    "reports:read",
    "audit:read",
    "users:*",
    "keys:*",
    "webhooks:manage",
    "conversions:write",
    "costs:write",
];

/// Creates an account with both products. Returns its id.
pub fn create_account(test_env: &TestEnvironment, name: &str) -> i64 {
    let products = ["--product", "sms", "--product", "offer_management"];
    let account = test_env.admin(&[&["create-account", "--name", name][..], &products].concat());
    account["id"].as_i64().expect("an id")
}

/// Creates an API key of an account.
pub fn create_key(test_env: &TestEnvironment, account_id: i64, scopes: &[&str]) -> String {
    let account_id = account_id.to_string();
    let scopes = scopes.iter().flat_map(|scope| ["--scope", scope]);
    let args = ["create-key", "--name", "test", "--account", &account_id];
    let args: Vec<_> = args.into_iter().chain(scopes).collect();
    test_env.admin(&args)["key"]
        .as_str()
        .expect("a key")
        .to_owned()
}

impl Tenant {
    /// Creates a tenant. `name` is part of its hosts.
    pub async fn create(test_env: &TestEnvironment, api: &Service, name: &str) -> Self {
        let account_id = create_account(test_env, name);
        let key = create_key(test_env, account_id, &SCOPES);
        let client = Client::new(api, None);
        let create = async |path: &str, body: Value| client.create(&key, path, &body).await;
        let short_host = format!("{name}.example");
        let click_host = format!("ct.{name}.example");
        for (kind, host) in [("short", &short_host), ("click", &click_host)] {
            create("/api/v2/domains", json!({ "host": host, "kind": kind })).await;
        }
        let list_phone = "+18005551234";
        let list = json!({
            "phone_number": list_phone,
            "list_name": "list",
            "short_domain": short_host,
            "click_domain": click_host,
        });
        let list = create("/api/v2/lists", list).await;
        let external_offer_id = "12345";
        let offer = json!({
            "name": "offer",
            "external_offer_id": external_offer_id,
            "affiliate_id": "aff42",
            "destination_url_template": TEMPLATE,
        });
        let offer = create("/api/v2/partnership-offers", offer).await;
        Self {
            account_id,
            key,
            short_host,
            click_host,
            list_id: list["id"].as_i64().expect("an id"),
            list_phone,
            offer_id: offer["id"].as_str().expect("an id").to_owned(),
            external_offer_id,
        }
    }

    /// The body that creates a link for the tenant's offer and list.
    pub fn link_body(&self) -> Value {
        json!({ "offerId": self.offer_id, "listId": self.list_id })
    }
}

/// An HTTP client that does not follow redirects.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    api: String,
    edge: String,
}

/// Status and `Location` of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HopResponse {
    pub status: u16,
    pub location: Option<String>,
}

impl Client {
    /// `edge` may be absent in tests of the API alone.
    pub fn new(api: &Service, edge: Option<&Service>) -> Self {
        let http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(std::time::Duration::from_secs(30))
            .build();
        Self {
            http: http.expect("a client"),
            api: api.url("api.address"),
            edge: edge
                .map(|edge| edge.url("edge.address"))
                .unwrap_or_default(),
        }
    }

    /// Mints a link for the tenant's offer and list.
    pub async fn mint(&self, tenant: &Tenant) -> Value {
        let response = self
            .post("/api/v2/links", Some(&tenant.key), &tenant.link_body())
            .await;
        assert_eq!(response.status(), 201);
        response.json().await.expect("JSON")
    }

    /// Creates something. Panics unless that succeeds; returns the response's body.
    pub async fn create(&self, key: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call(key, Method::POST, path, Some(body)).await;
        assert_eq!(status, 201, "POST {path} {body}: {answer}");
        answer
    }

    /// Sends a request to the API. Returns status and JSON (null for an empty body), which must
    /// be documented.
    pub async fn call(
        &self,
        key: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let mut request = self.api_request(method.clone(), path);
        request = request.header("X-Api-Key", key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let (status, json) = answer(request).await;
        Document::written().check(&method, path, status, &json);
        (status, json)
    }

    pub async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Response {
        let mut request = self.api_request(Method::POST, path).json(body);
        if let Some(key) = key {
            request = request.header("X-Api-Key", key);
        }
        request.send().await.expect("an answer")
    }

    pub fn api_request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.api))
    }

    /// A request to the redirector for a host and path, with the headers of a browser but without
    /// a user agent.
    pub fn edge_request(&self, method: Method, host: &str, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.edge))
            .header(header::HOST, host)
            .header(header::ACCEPT_LANGUAGE, "en-US")
    }

    /// Clicks an `https://host/path` link.
    pub async fn click(&self, url: &str, user_agent: &str) -> HopResponse {
        self.try_click(url, user_agent).await.expect("an answer")
    }

    pub async fn try_click(
        &self,
        url: &str,
        user_agent: &str,
    ) -> Result<HopResponse, reqwest::Error> {
        let (host, path) = split(url);
        let request = self.edge_request(Method::GET, host, path);
        let response = request
            .header(header::USER_AGENT, user_agent)
            .send()
            .await?;
        Ok(HopResponse::from_response(&response))
    }

    pub async fn get(&self, url: &str) -> Response {
        self.http.get(url).send().await.expect("an answer")
    }
}

/// Sends a request. Returns status and JSON.
pub async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("a body");
    let json = match body.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&body).expect("JSON"),
    };
    (status, json)
}

impl HopResponse {
    pub fn from_response(response: &Response) -> Self {
        let location = response.headers().get(header::LOCATION);
        Self {
            status: response.status().as_u16(),
            location: location.map(|value| value.to_str().expect("ASCII").to_owned()),
        }
    }

    /// The destination of a 302. Panics for another status.
    #[track_caller]
    pub fn destination(self) -> String {
        assert_eq!(self.status, 302, "{self:?}");
        self.location.expect("a 302 has a location")
    }
}

/// Host and path of an `https://` URL.
pub fn split(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("https://").expect("links are https");
    rest.split_at(rest.find('/').expect("links have a path"))
}

/// A path with these parameters, encoded.
pub fn with_query(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    format!("{path}?{}", query.extend_pairs(parameters).finish())
}

/// A parameter of a URL's query.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).expect("a URL");
    let pair = url.query_pairs().find(|(key, _)| key == name);
    pair.map(|(_, value)| value.into_owned())
}
