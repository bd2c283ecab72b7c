//! The dashboard at `/`, beside the API and its documents.

use reqwest::{Method, Response, header};

use super::Api;

const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

async fn get(api: &Api, path: &str, accept: &str) -> Response {
    let request = api.client.api_request(Method::GET, path);
    let request = request.header(header::ACCEPT, accept);
    request.send().await.unwrap()
}

#[tokio::test]
async fn browsers_get_the_page_for_its_addresses_under_a_strict_policy() {
    let api = Api::start("dashboard").await;
    for path in ["/", "/a/1/reports?rows=offer", "/sign-in"] {
        let response = get(&api, path, BROWSER).await;
        assert_eq!(response.status(), 200, "{path}");
        let headers = response.headers();
        assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn a_page_that_the_browser_has_is_not_sent_again() {
    let api = Api::start("dashboard").await;
    let first = get(&api, "/", BROWSER).await;
    let request = api.client.api_request(Method::GET, "/");
    let request = request.header(header::IF_NONE_MATCH, &first.headers()[header::ETAG]);
    let again = request.send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(again.text().await.unwrap(), "");
}

#[tokio::test]
async fn wrong_paths_of_the_api_stay_errors_also_in_browsers() {
    let api = Api::start("dashboard").await;
    for (path, accept) in [
        ("/api/v2/link", BROWSER),
        ("/docs/missing", BROWSER),
        ("/a/1/reports", "*/*"),
        ("/assets/missing.js", BROWSER),
    ] {
        let response = get(&api, path, accept).await;
        assert_eq!(response.status(), 404, "{path}");
    }
    let posted = api.client.api_request(Method::POST, "/").send().await;
    assert_eq!(posted.unwrap().status(), 404);
}

#[tokio::test]
async fn the_setting_turns_it_off() {
    let api = Api::start_with("dashboard", &[("DASHBOARD", "off")]).await;
    assert_eq!(get(&api, "/", BROWSER).await.status(), 404);
    assert_eq!(get(&api, "/docs/", BROWSER).await.status(), 200);
}
