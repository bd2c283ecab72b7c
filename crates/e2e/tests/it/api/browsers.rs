//! What browsers and slow networks need: CORS and compression.

use reqwest::{Method, Response, header};
use serde_json::json;

use super::Api;

const APP: &str = "https://app.example.com";

async fn send(api: &Api, method: Method, headers: &[(header::HeaderName, &str)]) -> Response {
    let request = api.client.api_request(method, "/api/v2/offers");
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(name, *value)
    });
    request.send().await.unwrap()
}

#[tokio::test]
async fn pages_of_the_set_origins_may_call_the_api() {
    let api = Api::start_with("cors", &[("CORS_ORIGINS", APP)]).await;
    let preflight = async |origin| {
        let headers = [
            (header::ORIGIN, origin),
            (header::ACCESS_CONTROL_REQUEST_METHOD, "POST"),
            (
                header::ACCESS_CONTROL_REQUEST_HEADERS,
                "x-api-key,content-type",
            ),
        ];
        send(&api, Method::OPTIONS, &headers).await
    };
    let response = preflight(APP).await;
    assert!(response.status().is_success(), "{response:?}");
    assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], APP);
    let response = preflight("https://evil.example").await;
    let headers = response.headers();
    assert!(
        !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN),
        "{response:?}"
    );
    // The page reads the answer, also to an error.
    let response = send(&api, Method::GET, &[(header::ORIGIN, APP)]).await;
    assert_eq!(response.status(), 401);
    let headers = response.headers();
    assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], APP);
    let exposed = headers[header::ACCESS_CONTROL_EXPOSE_HEADERS]
        .to_str()
        .unwrap();
    assert!(exposed.contains("x-request-id"), "{exposed}");
}

#[tokio::test]
async fn without_the_setting_no_page_of_another_origin_may() {
    let api = Api::start("nocors").await;
    let response = send(&api, Method::GET, &[(header::ORIGIN, APP)]).await;
    let headers = response.headers();
    assert!(
        !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN),
        "{response:?}"
    );
}

#[tokio::test]
async fn answers_are_compressed_for_clients_that_accept_it() {
    let api = Api::start("compressed").await;
    for number in 0..5 {
        let offer =
            json!({ "name": format!("An offer {number}"), "tracking_url": "https://e.com" });
        api.create("/api/v2/offers", offer).await;
    }
    for (accepted, expected) in [
        ("gzip", Some("gzip")),
        ("zstd", Some("zstd")),
        ("identity", None),
    ] {
        let request = api.client.api_request(Method::GET, "/api/v2/offers");
        let request = request.header("X-Api-Key", &api.tenant.key);
        let request = request.header(header::ACCEPT_ENCODING, accepted);
        let response = request.send().await.unwrap();
        let encoding = response.headers().get(header::CONTENT_ENCODING);
        let encoding = encoding.map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(encoding.as_deref(), expected);
        let body = response.bytes().await.unwrap();
        let starts = match accepted {
            "gzip" => body.starts_with(&[0x1f, 0x8b]),
            "zstd" => body.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]),
            _ => body.starts_with(b"{"),
        };
        assert!(starts, "{accepted}: {body:?}");
    }
}
