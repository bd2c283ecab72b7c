//! Invalid input, and the documented response to each.

use e2e::{
    client::{BROWSER, Client, answer},
    wait::wait_for,
};
use reqwest::{Method, header};
use serde_json::{Value, json};

use super::{Api, status_and_code};

const SHORTEN: &str = "/api/v2/links/shorten";

/// `status code` for a raw body.
async fn raw(api: &Api, path: &str, body: Vec<u8>) -> String {
    let request = api.client.api_request(Method::POST, path);
    let request = request.header("X-Api-Key", &api.tenant.key).body(body);
    status_and_code(answer(request).await)
}

#[tokio::test]
async fn malformed_bodies_are_refused() {
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
        (nested("url"), "400 invalid_json", "400 INVALID_JSON"),
        (nested("metadata"), "400 invalid_json", "400 INVALID_JSON"),
    ] {
        assert_eq!(raw(&api, SHORTEN, body.clone()).await, on_a);
        assert_eq!(raw(&api, "/api/links", body).await, on_b);
    }
    // Beyond what any number type holds.
    assert_eq!(raw(&api, SHORTEN, huge).await, "400 invalid_json");
    let big = br#"{"url": "https://e.com", "listId": 1e400}"#.to_vec();
    assert_eq!(raw(&api, SHORTEN, big).await, "400 invalid_json");
    assert_eq!(api.test_env.count("SELECT count(*) FROM links").await, 0);
}

#[tokio::test]
async fn urls_are_validated_by_scheme_and_host() {
    let api = Api::start("urls").await;
    let edge = api.test_env.start_edge(&api.service);
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
            status_and_code(api.post(SHORTEN, body).await),
            "400 invalid_url",
            "{url}"
        );
    }
    // These redirect to the given URL, encoded for a header.
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
        assert_eq!(hop.destination(), to, "{url}");
    }
    edge.stop();
}

#[tokio::test]
async fn texts_are_stored_unchanged_or_refused() {
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
    // Invalid texts in the path and in the query.
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

/// Status and text of an export; the parameters set its format.
async fn export(api: &Api, path: &str) -> (u16, String) {
    let request = api.client.api_request(Method::GET, path);
    let request = request.header("X-Api-Key", &api.tenant.key);
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert!(response.headers().contains_key("x-request-id"), "{path}");
    let bytes = response.bytes().await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

/// Values of clicks are exported, whatever characters they begin with.
#[tokio::test]
async fn exports_contain_hostile_input_unchanged() {
    let api = Api::start("export").await;
    let worker = api.test_env.start_worker();
    let edge = api.test_env.start_edge(&api.service);
    let client = Client::new(&api.service, Some(&edge));
    let link = json!({ "url": "https://e.com", "listId": api.tenant.list_id });
    let link = api.create(SHORTEN, link).await;
    let url = link["shortUrl"].as_str().unwrap();
    let (host, path) = e2e::client::split(url);
    let values = [
        "%C3%A9",
        "%F0%9F%92%B8",
        "%D9%85",
        "%0A%3D1%2B1",
        "-",
        "%2B%C3%A9",
        "%EF%BC%9D1",
    ];
    for value in values {
        let path = format!("{path}?sub1={value}&sub2=plain");
        let request = client.edge_request(Method::GET, host, &path);
        let user_agent = header::HeaderValue::from_bytes("é Mozilla/5.0".as_bytes()).unwrap();
        let request = request.header(header::USER_AGENT, user_agent);
        assert_eq!(request.send().await.unwrap().status(), 302, "{value}");
    }
    let n_clicks = values.len() as i64;
    wait_for("the clicks", n_clicks, async || {
        api.test_env.count("SELECT count(*) FROM clicks").await
    })
    .await;
    let (status, csv) = export(&api, "/api/v2/clicks?format=csv").await;
    assert_eq!(status, 200, "{csv}");
    for cell in [
        "é,plain",
        "💸,plain",
        "م,plain",
        "\"'\n=1+1\",plain",
        "'-,plain",
        "'+é,plain",
        "'＝1,plain",
    ] {
        assert!(csv.contains(&format!(",{cell}")), "{cell}: {csv}");
    }
    // Every export begins with the byte order mark that Excel needs.
    for path in [
        "clicks?limit=100",
        "conversions?limit=100",
        "reports/performance?group_by=list",
    ] {
        let (status, plain) = export(&api, &format!("/api/v2/{path}&format=csv")).await;
        assert_eq!(status, 200, "{path}: {plain}");
        assert!(!plain.starts_with('\u{feff}'), "{path}");
        let (status, marked) = export(&api, &format!("/api/v2/{path}&format=csv&bom=true")).await;
        assert_eq!(
            (status, marked),
            (200, format!("\u{feff}{plain}")),
            "{path}"
        );
        let answer = api.get(&format!("/api/v2/{path}&format=csv&bom=yes")).await;
        assert_eq!(status_and_code(answer), "400 invalid_field", "{path}");
    }
    worker.stop();
    edge.stop();
}

/// Times outside the range of time zones and of Postgres are refused in every parameter.
#[tokio::test]
async fn times_outside_the_years_1_to_9999_are_refused() {
    let api = Api::start("times").await;
    let contact = "contacts/%2B18005550123/journey";
    for time in [
        "-009999-01-02T01:59:59Z",
        "-009999-01-02",
        "-004713-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T00:00:00Z",
        "%2B010000-01-01T00:00:00Z",
        "%C3%A9",
    ] {
        for query in [
            "reports/performance?from=",
            "reports/performance?to=",
            "reports/performance?group_by=hour&tz=Asia/Kathmandu&from=",
            "reports/performance?group_by=link&to=",
            "clicks?from=",
            "clicks?to=",
            "conversions?from=",
            "conversions?to=",
            &format!("{contact}?before="),
        ] {
            let path = format!("/api/v2/{query}{time}");
            assert_eq!(
                status_and_code(api.get(&path).await),
                "400 invalid_field",
                "{path}"
            );
        }
        let body =
            json!({ "url": "https://e.com", "listId": api.tenant.list_id, "expiresAt": time });
        let answer = api.post(SHORTEN, body).await;
        assert_eq!(status_and_code(answer), "400 invalid_field", "{time}");
    }
    // The limits themselves are accepted.
    for query in [
        "reports/performance?group_by=list&from=0001-01-01&to=9999-12-31&tz=Pacific/Kiritimati",
        "reports/performance?group_by=list&from=0001-01-02T00:00:00Z&to=9999-12-28T00:00:00Z",
        "clicks?from=0001-01-02T00:00:00Z&to=9999-12-28T00:00:00Z",
        "conversions?from=0001-01-02T00:00:00Z&to=9999-12-28T00:00:00Z",
    ] {
        let path = format!("/api/v2/{query}");
        let (status, answer) = api.get(&path).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }
}

/// Parameters of paths are percent-decoded, once: generated clients encode all but letters.
#[tokio::test]
async fn path_parameters_are_percent_decoded() {
    let api = Api::start("paths").await;
    let offer = api.sms_offer("https://e.com", json!({})).await;
    let creative = json!({
        "name": "A creative",
        "message": "{{link1}}",
        "offer_links": [{ "key": "link1", "offer_id": offer }],
    });
    let creative = api.create("/api/v2/creatives", creative).await;
    let render = format!("/api/v2/creatives/{}/render", creative["creative"]["id"]);
    let ids = [
        "m/1",
        "a/b/c",
        "/",
        "100%",
        "%2F",
        "%252B",
        "a+b",
        "a b",
        "é/💸",
        "?q#f&x=1;y",
        "m-1",
        "\\",
    ];
    for (i, id) in ids.into_iter().enumerate() {
        let phone = format!("+1800555010{}", i % 10);
        let message = json!({ "messageId": id, "contactPhone": phone });
        let body = json!({ "listId": api.tenant.list_id, "messages": [message] });
        api.create(&render, body).await;
        let (status, message) = api.get(&format!("/api/v2/messages/{}", encoded(id))).await;
        assert_eq!(
            (status, &message["message_id"]),
            (200, &json!(id)),
            "{message}"
        );
        assert_eq!(message["contact_phone"], phone);
    }
    for (phone, n_messages) in [
        ("%2B18005550100", 2),
        ("%2b18005550101", 2),
        ("+18005550102", 1),
    ] {
        let (status, journey) = api.get(&format!("/api/v2/contacts/{phone}/journey")).await;
        assert_eq!(status, 200, "{journey}");
        assert_eq!(
            journey["events"].as_array().map(Vec::len),
            Some(n_messages),
            "{journey}"
        );
        let path = format!("/api/v2/contacts/{phone}");
        let (status, erased) = api.call(Method::DELETE, &path, Value::Null).await;
        assert_eq!(
            (status, &erased["erased"]["messages"]),
            (200, &json!(n_messages)),
            "{erased}"
        );
    }
    // A doubly encoded number is decoded once, and is no number then.
    let path = "/api/v2/contacts/%252B18005550100/journey";
    assert_eq!(status_and_code(api.get(path).await), "400 invalid_phone");
}

/// Encodes a segment of a path as generated clients do.
fn encoded(segment: &str) -> String {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    segment
        .bytes()
        .map(|b| match unreserved(b) {
            true => char::from(b).to_string(),
            false => format!("%{b:02X}"),
        })
        .collect()
}
