//! Users who sign in, as browsers do.

use std::{io::Write as _, process::Stdio};

use reqwest::{Method, RequestBuilder, Response, header};
use serde_json::{Value, json};

use crate::{
    client::{Client, answer},
    openapi::Document,
    service::command,
    test_environment::TestEnvironment,
};

pub const PASSWORD: &str = "correct horse battery staple";

/// Creates a user with [`PASSWORD`] and a role. Returns the id.
pub fn create_user(test_env: &TestEnvironment, account_id: i64, email: &str, role: &str) -> i64 {
    let account_id = account_id.to_string();
    let args = [
        "users",
        "create",
        "--email",
        email,
        "--account",
        &account_id,
        "--role",
        role,
        "--password-stdin",
    ];
    let mut command = command("links-api", &args, &test_env.env());
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    writeln!(stdin, "{PASSWORD}").expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    let created: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    created["user_id"].as_i64().expect("an id")
}

/// Runs `links-api users`.
pub fn users_command(test_env: &TestEnvironment, args: &[&str]) -> Value {
    let args = [&["users"][..], args].concat();
    let output = command("links-api", &args, &test_env.env()).output();
    let output = output.expect("it runs");
    assert!(output.status.success(), "{args:?}: {output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The token at the end of a link.
pub fn token_of(link: &Value) -> &str {
    let link = link.as_str().expect("a link");
    link.rsplit('/').next().unwrap_or_default()
}

/// A user with a session.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// `name=value`.
    pub cookie: String,
    pub csrf_token: String,
    /// The account that requests name.
    pub account_id: Option<i64>,
}

impl SignedIn {
    /// Signs in with [`PASSWORD`].
    pub async fn new(client: &Client, email: &str) -> Self {
        let body = json!({ "email": email, "password": PASSWORD });
        let request = client.api_request(Method::POST, "/api/v2/sessions");
        let response = request.json(&body).send().await.expect("an answer");
        Self::from_response(response).await
    }

    /// The session that a response begins.
    pub async fn from_response(response: Response) -> Self {
        let status = response.status();
        let cookie = cookie_of(&response, "waypost_session");
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(status, 201, "{body}");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Self {
            cookie: cookie.expect("a cookie"),
            csrf_token: text(&body["csrf_token"]),
            account_id: None,
        }
    }

    pub fn in_account(&self, account_id: i64) -> Self {
        Self {
            account_id: Some(account_id),
            ..self.clone()
        }
    }

    /// Adds what the dashboard sends with a request.
    pub fn authorize(&self, request: RequestBuilder) -> RequestBuilder {
        let request = request
            .header(header::COOKIE, &self.cookie)
            .header("X-CSRF-Token", &self.csrf_token);
        match self.account_id {
            Some(id) => request.header("X-Waypost-Account", id),
            None => request,
        }
    }

    /// Status and body of a request, whose answer must be documented.
    pub async fn call(
        &self,
        client: &Client,
        method: Method,
        path: &str,
        body: Value,
    ) -> (u16, Value) {
        let mut request = self.authorize(client.api_request(method.clone(), path));
        if !body.is_null() {
            request = request.json(&body);
        }
        let (status, json) = answer(request).await;
        Document::written().check(&method, path, status, &json);
        (status, json)
    }

    pub async fn get(&self, client: &Client, path: &str) -> (u16, Value) {
        self.call(client, Method::GET, path, Value::Null).await
    }
}

/// `name=value` of a cookie that a response sets.
pub fn cookie_of(response: &Response, name: &str) -> Option<String> {
    let cookies = response.headers().get_all(header::SET_COOKIE).iter();
    let mut pairs = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    pairs
        .find(|pair| pair.split('=').next() == Some(name))
        .map(str::to_owned)
}

/// The code of an authenticator app with this secret in base32, some steps of 30 s from now.
pub fn totp_code(secret: &str, steps_ahead: u64) -> String {
    let secret = totp_rs::Secret::Encoded(secret.to_owned());
    let secret = secret.to_bytes().expect("base32");
    let totp = totp_rs::TOTP::new(
        totp_rs::Algorithm::SHA1,
        6,
        1,
        30,
        secret,
        None,
        String::new(),
    );
    let now = u64::try_from(jiff::Timestamp::now().as_second()).expect("after 1970");
    totp.expect("the settings of TOTP are valid")
        .generate(now + steps_ahead * 30)
}
