//! Typical mistakes, and the whole answer to each: it says what was found, what is wanted with
//! an example, and where, in words about the request.

mod bodies;
mod keys_and_paths;
mod nested;
mod queries;
mod users;

use reqwest::Method;
use serde_json::Value;

use super::Api;

/// Words of the programs that read requests, and of nobody who writes one.
const FOREIGN_WORDS: [&str; 16] = [
    "serde",
    "deserial",
    "untagged",
    "variant",
    "struct ",
    "invalid type",
    "invalid value",
    "invalid length",
    "expected",
    "missing field",
    "trailing",
    "EOF",
    "i64",
    "u64",
    "Option",
    "panicked",
];

impl Api {
    /// The answer to a request with the tenant's key, as `status body`.
    async fn answer_to(&self, method: &str, path: &str, body: &str) -> String {
        let key = self.tenant.key.as_str();
        let headers = [("X-Api-Key", key), ("Content-Type", "application/json")];
        self.answer_with(&headers, method, path, body).await
    }

    /// The answer to a request with these headers alone.
    async fn answer_with(
        &self,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
        body: &str,
    ) -> String {
        let method: Method = method.parse().unwrap();
        let mut request = self.client.api_request(method, path).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        let answer = format!("{status} {body}");
        assert!((400..500).contains(&status), "{path}: {answer}");
        for word in FOREIGN_WORDS {
            assert!(!answer.contains(word), "{path}: {answer}");
        }
        answer
    }
}
