//! Changes of links during a fault: they must take effect on every redirector soon.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode, header, redirect};
use serde_json::{Value, json};

use super::{ExpectedEffects, Testbed};

/// How long a change may take before the check fails.
const CHANGE_LIMIT: Duration = Duration::from_secs(30);

/// Only links-api loses Redis: its connections are refused at first, and hang after that.
pub async fn api_loses_redis(testbed: &mut Testbed) -> ExpectedEffects {
    let mut expected = ExpectedEffects::default();
    for is_silent in [false, true] {
        let end = Instant::now() + testbed.profile.fault / 2;
        let proxy = testbed.api_redis_proxy.as_ref().expect("it is planned");
        match is_silent {
            false => proxy.cut(),
            true => proxy.freeze(),
        }
        let what = match is_silent {
            false => "while links-api has no Redis",
            true => "while links-api's Redis is silent",
        };
        expected
            .violations
            .extend(check_until(testbed, end, what).await);
        testbed
            .api_redis_proxy
            .as_ref()
            .expect("it is planned")
            .pass();
        expected
            .violations
            .extend(check(testbed, "after links-api had lost Redis").await);
    }
    expected
}

/// Checks changes until `end`, at least one. Returns the first violation.
pub async fn check_until(testbed: &Testbed, end: Instant, what: &str) -> Option<String> {
    loop {
        if let Some(wrong) = check(testbed, what).await {
            return Some(wrong);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        tokio::time::sleep(left.min(Duration::from_millis(500))).await;
    }
}

/// Deactivates a link that every redirector has cached, and waits until all answer 404.
async fn check(testbed: &Testbed, what: &str) -> Option<String> {
    let prober = Prober::new(testbed);
    let link = prober.create_link().await;
    if let Err(waited) = prober.wait_for(&link, StatusCode::FOUND).await {
        return Some(format!(
            "{what}, a new link does not lead anywhere: {waited:?}"
        ));
    }
    prober.deactivate(&link).await;
    match prober.wait_for(&link, StatusCode::NOT_FOUND).await {
        Err(waited) => Some(format!("{what}, a change is not obeyed after {waited:?}")),
        Ok(waited) if testbed.profile.max_change.is_some_and(|max| waited > max) => {
            Some(format!("{what}, a change was obeyed after {waited:?} only"))
        }
        Ok(_) => None,
    }
}

struct Prober<'s> {
    testbed: &'s Testbed,
    http: Client,
}

/// A link, and the path of its first hop. The first hop of a link with a click tracker
/// records no click, so the audit needs no expectation of it.
struct ProbedLink {
    id: String,
    path: String,
}

impl<'s> Prober<'s> {
    fn new(testbed: &'s Testbed) -> Self {
        let http = Client::builder().redirect(redirect::Policy::none());
        let http = http.timeout(Duration::from_secs(10)).no_proxy().build();
        Self {
            testbed,
            http: http.expect("a client"),
        }
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Value {
        let request = self
            .http
            .request(method, format!("{}{path}", self.testbed.api_url))
            .header("X-Api-Key", &self.testbed.api_key)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string());
        let answer = request.send().await.expect("links-api answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.expect("JSON")
    }

    async fn create_link(&self) -> ProbedLink {
        let body = self.testbed.tenant.link_body();
        let link = self.call(Method::POST, "/api/v2/links", &body).await;
        let text = |name: &str| link[name].as_str().expect(name).to_owned();
        let url = text("shortUrl");
        let path = url.splitn(4, '/').nth(3).expect("a path");
        ProbedLink {
            id: text("linkId"),
            path: path.to_owned(),
        }
    }

    async fn deactivate(&self, link: &ProbedLink) {
        let path = format!("/api/v2/links/{}", link.id);
        let body = json!({ "status": "deactivated" });
        self.call(Method::PATCH, &path, &body).await;
    }

    /// Waits until all redirectors answer with `status`. Returns the time that this took; the
    /// error is the time after which it gave up.
    async fn wait_for(&self, link: &ProbedLink, status: StatusCode) -> Result<Duration, Duration> {
        let start = Instant::now();
        for edge in &self.testbed.edge_urls {
            loop {
                let request = self
                    .http
                    .get(format!("{edge}/{}", link.path))
                    .header(header::HOST, &self.testbed.tenant.short_host);
                let answer = request.send().await;
                if answer.is_ok_and(|answer| answer.status() == status) {
                    break;
                }
                if start.elapsed() > CHANGE_LIMIT {
                    return Err(start.elapsed());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(start.elapsed())
    }
}
