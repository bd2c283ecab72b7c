//! Input that nobody should send, each with its documented answer.

use e2e::client::{BROWSER, Client, answer};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, refusal};

const SHORTEN: &str = "/api/v2/links/shorten";

/// `status code` for a raw body.
async fn raw(api: &Api, path: &str, body: Vec<u8>) -> String {
    let request = api.client.api_request(Method::POST, path);
    let request = request.header("X-Api-Key", &api.tenant.key).body(body);
    refusal(answer(request).await)
}

#[tokio::test]
async fn bodies_that_are_no_requests() {
    let api = Api::start("bodies").await;
    let nested = |field: &str| {
        let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
        format!("{{\"{field}\": {open}1{close}}}").into_bytes()
    };
    let huge = format!("{{\"listId\": {}}}", "9".repeat(1000)).into_bytes();
    for (body, on_a, on_b) in [
        (b"".to_vec(), "400 invalid_json", "400 INVALID_JSON"),
        (
            b"{\"a\": \"\xff\xfe\"}".to_vec(),
            "400 invalid_json",
            "400 INVALID_JSON",
        ),
        (b"\x00".to_vec(), "400 invalid_json", "400 INVALID_JSON"),
        (b"[]".to_vec(), "400 invalid_field", "422 VALIDATION_ERROR"),
        (
            b"\"text\"".to_vec(),
            "400 invalid_field",
            "422 VALIDATION_ERROR",
        ),
        (
            vec![b' '; 6 << 20],
            "413 payload_too_large",
            "413 PAYLOAD_TOO_LARGE",
        ),
        (nested("url"), "400 invalid_field", "422 VALIDATION_ERROR"),
        (
            nested("metadata"),
            "400 invalid_field",
            "422 VALIDATION_ERROR",
        ),
    ] {
        assert_eq!(raw(&api, SHORTEN, body.clone()).await, on_a);
        assert_eq!(raw(&api, "/api/links", body).await, on_b);
    }
    // Beyond what any number type holds.
    assert_eq!(raw(&api, SHORTEN, huge).await, "400 invalid_json");
    let big = br#"{"url": "https://e.com", "listId": 1e400}"#.to_vec();
    assert_eq!(raw(&api, SHORTEN, big).await, "400 invalid_json");
    assert_eq!(api.world.count("SELECT count(*) FROM links").await, 0);
}

#[tokio::test]
async fn urls_are_judged_by_where_they_lead() {
    let api = Api::start("urls").await;
    let edge = api.world.start_edge(&api.service);
    let client = Client::new(&api.service, Some(&edge));
    let list = api.tenant.list_id;
    for url in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/passwd",
        "ftp://e.com/",
        "//e.com/",
        "e.com",
        "https://",
        "https://user@e.com/",
        "https://user:password@e.com/",
        "https://e.com:99999/",
        "https://e.com/\r\nSet-Cookie: a=b",
        "https://{sub1}.e.com/",
        "https://e .com/",
        &format!("https://e.com/{}", "x".repeat(4096)),
    ] {
        let body = json!({ "url": url, "listId": list });
        assert_eq!(
            refusal(api.post(SHORTEN, body).await),
            "400 invalid_url",
            "{url}"
        );
    }
    // These lead where they say, in the form that a header can carry.
    for (url, to) in [
        ("HTTPS://E.com", "https://e.com"),
        ("https://192.0.2.1/x", "https://192.0.2.1/x"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]/x"),
        (
            "https://bücher.example/ü?ü#ü",
            "https://xn--bcher-kva.example/%C3%BC?%C3%BC#%C3%BC",
        ),
        (
            "https://xn--bcher-kva.example/",
            "https://xn--bcher-kva.example/",
        ),
        ("https://e.com\\@evil.com/", "https://e.com/@evil.com/"),
        (
            "https://e.com/💸?مرحبا",
            "https://e.com/%F0%9F%92%B8?%D9%85%D8%B1%D8%AD%D8%A8%D8%A7",
        ),
    ] {
        let link = api
            .create(SHORTEN, json!({ "url": url, "listId": list }))
            .await;
        let hop = client
            .click(link["shortUrl"].as_str().unwrap(), BROWSER)
            .await;
        assert_eq!(hop.to(), to, "{url}");
    }
    edge.stop();
}

#[tokio::test]
async fn texts_are_kept_to_the_letter_or_refused() {
    let api = Api::start("texts").await;
    for text in [
        "مرحبا \u{202e}txet\u{202c}",
        "👩‍👩‍👧‍👦 e\u{301}",
        "Robert'); DROP TABLE links;--",
        "<script>alert(1)</script>",
        "line\r\nbreak\ttab",
        "\u{feff}\u{200b}",
    ] {
        let offer =
            json!({ "name": text, "tracking_url": "https://e.com", "metadata": { text: text } });
        let offer = api.create("/api/v2/offers", offer).await;
        assert_eq!(offer["name"], text);
        assert_eq!(offer["metadata"][text], text);
        let body = json!({
            "url": "https://e.com", "listId": api.tenant.list_id, "metadata": { "t": text },
            "messageId": text,
        });
        let link = api.create(SHORTEN, body).await;
        assert_eq!(link["messageId"], text);
        let path = format!("/api/v2/links/{}", link["linkId"].as_str().unwrap());
        assert_eq!(api.get(&path).await.1["metadata"]["t"], text);
    }
    for path in [
        "/api/v2/offers",
        SHORTEN,
        "/api/v2/lists",
        "/api/campaigns",
        "/api/links",
    ] {
        for field in ["name", "url", "list_name", "campaign_id"] {
            let (status, body) = api.post(path, json!({ field: "a\u{0}b" })).await;
            assert!((400..500).contains(&status), "{path} {field}: {body}");
        }
    }
    // In the path and in the query.
    for path in [
        "/api/v2/links/%00",
        "/api/v2/links/%ff",
        "/api/v2/links/..%2f..",
        "/api/links/'",
    ] {
        assert_eq!(api.get(path).await.0, 404, "{path}");
    }
    let (status, body) = api.get("/api/v2/links?messageId=%00").await;
    assert_eq!((status, &body["code"]), (400, &json!("invalid_field")));
    assert_eq!(api.get("/api/v2/links?messageId=%ff").await.0, 200);
    assert_ne!(api.get("/api/v2/links").await.1["links"], Value::Null);
}
