//! Nothing that a client sends is silently ignored, each name is accepted in camelCase and in
//! snake_case, and an object can be read, changed and sent back.

use std::collections::BTreeSet;

use e2e::{
    client::{Client, answer, create_account, create_key, with_query},
    openapi::{Document, Operation},
};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::{Api, isolation::Fixtures, status_and_code};

/// The operations whose documented forms accept anything.
const IGNORE_UNKNOWN_INPUT: [&str; 8] = [
    "create_link",
    "shorten_link",
    "create_creative",
    "create_affiliate_link",
    "create_affiliate_links",
    "track_conversion",
    "postback_conversion",
    "finish_single_sign_on",
];

/// A key with all scopes.
fn operator_key(api: &Api) -> String {
    let account = create_account(&api.test_env, "operator");
    let scopes = [&e2e::client::SCOPES[..], &["admin"]].concat();
    create_key(&api.test_env, account, &scopes)
}

fn is_of_operators(path: &str) -> bool {
    let mut parts = ["/accounts", "/ownership", "/without-account", "/rates"].iter();
    parts.any(|part| path.contains(part))
}

async fn send(
    client: &Client,
    key: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Response {
    let method = method.to_ascii_uppercase().parse().unwrap();
    let request = client.api_request(method, path).header("X-Api-Key", key);
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    request.send().await.unwrap()
}

async fn code(response: Response) -> String {
    let status = response.status();
    let body: Value = response.json().await.unwrap_or_default();
    let code = body.get("code").or_else(|| body.get("error_code"));
    let code = code.and_then(Value::as_str).unwrap_or_default();
    format!("{} {}", status.as_u16(), code.to_ascii_lowercase())
}

fn query_names(operation: Operation<'_>) -> Vec<&str> {
    let parameters = operation.json["parameters"].as_array();
    let parameters = parameters.into_iter().flatten();
    parameters
        .filter(|parameter| parameter["in"] == "query")
        .filter_map(|parameter| parameter["name"].as_str())
        .collect()
}

/// `offer_id` for `offerId`, and the other way round.
fn other_spelling(name: &str) -> String {
    let mut other = String::new();
    let mut is_next_upper = false;
    for c in name.chars() {
        match c {
            '_' => is_next_upper = true,
            c if c.is_ascii_uppercase() => {
                other.push('_');
                other.push(c.to_ascii_lowercase());
            }
            c if is_next_upper => {
                other.push(c.to_ascii_uppercase());
                is_next_upper = false;
            }
            c => other.push(c),
        }
    }
    other
}

fn operations(document: &Document) -> Vec<Operation<'_>> {
    let mut operations: Vec<_> = document.operations().collect();
    // Deleted rows could not be read afterwards.
    operations.sort_by_key(|operation| operation.method == "delete");
    operations
}

#[tokio::test]
async fn every_operation_refuses_or_names_what_it_does_not_know() {
    let api = Api::start("unknown").await;
    let fixtures = Fixtures::create(&api).await;
    let operator = operator_key(&api);
    let document = Document::written();
    let mut ignoring = BTreeSet::new();
    for operation in operations(document) {
        let what = format!("{} {}", operation.method, operation.path);
        let id = operation.json["operationId"].as_str().unwrap();
        let key = match is_of_operators(operation.path) {
            true => &operator,
            false => &api.tenant.key,
        };
        let path = fixtures.path(operation.path);
        let takes_body = operation.json["requestBody"].is_object();
        let body = takes_body.then(|| fixtures.body(operation));
        let unknown = with_query(&path, &[("zzz_unknown", "1")]);
        let send = async |path: &str, body: Option<&Value>| {
            let method = operation.method.to_ascii_uppercase().parse().unwrap();
            let request = api.client.api_request(method, path);
            let request = fixtures.authorize(operation, request, key);
            let request = match body {
                Some(body) => request.json(body),
                None => request,
            };
            request.send().await.unwrap()
        };
        let response = send(&unknown, body.as_ref()).await;
        let header = response.headers().get("waypost-ignored").cloned();
        if IGNORE_UNKNOWN_INPUT.contains(&id) {
            if response.status().is_success() {
                assert_eq!(header.expect(&what), "zzz_unknown");
            }
            ignoring.insert(id);
            continue;
        }
        assert_eq!(header, None, "{what}");
        assert_eq!(code(response).await, "400 unknown_parameter", "{what}");
        let takes_json = operation.json["requestBody"]["content"].get("application/json");
        let Some(Value::Object(mut body)) = body.filter(|_| takes_json.is_some()) else {
            continue;
        };
        body.insert("zzz_unknown".to_owned(), json!(1));
        let body = Value::Object(body);
        let response = send(&path, Some(&body)).await;
        let code = code(response).await;
        assert!(
            ["400 unknown_field", "422 validation_error"].contains(&code.as_str()),
            "{what}: {code}"
        );
    }
    assert_eq!(ignoring.len(), IGNORE_UNKNOWN_INPUT.len());
}

#[tokio::test]
async fn every_name_is_known_in_both_spellings() {
    let api = Api::start("spelled").await;
    let fixtures = Fixtures::create(&api).await;
    let operator = operator_key(&api);
    let document = Document::written();
    let mut n_names = 0;
    for operation in operations(document) {
        let key = match is_of_operators(operation.path) {
            true => &operator,
            false => &api.tenant.key,
        };
        let path = fixtures.path(operation.path);
        for name in query_names(operation) {
            let other = other_spelling(name);
            if other == name {
                continue;
            }
            n_names += 1;
            // The value is refused as that of the parameter, or is valid.
            let path = with_query(&path, &[(&other, "\0")]);
            let response = send(&api.client, key, operation.method, &path, None).await;
            let code = code(response).await;
            assert!(
                !code.contains("unknown_parameter"),
                "{other} of {path}: {code}"
            );
        }
    }
    assert!(n_names > 20, "{n_names}");
    // A filter in the other spelling filters.
    let list = api.tenant.list_id;
    let link = json!({ "url": "https://e.com", "list_id": list, "message_id": "m-1" });
    let link = api.create("/api/v2/links/shorten", link).await;
    assert_eq!(
        (&link["listId"], &link["messageId"]),
        (&json!(list), &json!("m-1"))
    );
    for (query, n_links) in [
        ("message_id=m-1", 1),
        ("messageId=m-2", 0),
        ("message_id=m-2", 0),
    ] {
        let (status, links) = api.get(&format!("/api/v2/links?{query}")).await;
        assert_eq!(
            (status, links["links"].as_array().map(Vec::len)),
            (200, Some(n_links)),
            "{query}"
        );
    }
    let answer = api.get("/api/v2/links?messageId=m-1&message_id=m-2").await;
    assert_eq!(status_and_code(answer), "400 invalid_field");
}

#[tokio::test]
async fn what_the_documented_posts_ignore_is_named_in_a_header() {
    let api = Api::start("ignored").await;
    let body = json!({
        "url": "https://e.com", "listId": api.tenant.list_id, "utm": 1, "a,b": { "c": 1 },
        "metadata": { "utm": 1 },
    });
    let path = "/api/v2/links/shorten?source=crm";
    for replayed in [false, true] {
        let request = api.client.api_request(Method::POST, path);
        let request = request.header("X-Api-Key", &api.tenant.key);
        let request = request.header("Idempotency-Key", "once").json(&body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 201);
        let headers = response.headers();
        assert_eq!(headers.contains_key("idempotent-replayed"), replayed);
        assert_eq!(headers["waypost-ignored"], "source, a%2Cb, utm");
    }
}

#[tokio::test]
async fn the_answer_says_what_was_meant_and_where() {
    let api = Api::start("meant").await;
    let list = api.tenant.list_id;
    let (_, answer) = api.get("/api/v2/links?offer=x").await;
    assert_eq!(
        answer["error"],
        "The query parameter offer is not known here. Did you mean offerId? Known are page, \
         per_page, cursor, status, offerId, listId, messageId, contactPhone, domain."
    );
    let (_, answer) = api.get("/api/v2/postbacks/presets?x=1").await;
    assert_eq!(
        answer["error"],
        "The query parameter x is not known here. This operation has no parameters."
    );
    let body = json!({ "links": [
        { "url": "https://e.com", "listId": list },
        { "url": "https://e.com", "listId": list, "contactPhon": "+18005550100" },
        { "url": "https://e.com", "listId": "42" },
    ]});
    let (status, answer) = api.post("/api/v2/links/bulk", body).await;
    assert_eq!((status, &answer["created"]), (201, &json!(1)));
    let errors: Vec<_> = answer["errors"].as_array().unwrap().iter().collect();
    let errors: Vec<_> = errors
        .iter()
        .map(|error| error["error"].as_str().unwrap())
        .collect();
    assert_eq!(
        errors,
        [
            "The field links[1].contactPhon is not known here. Did you mean contactPhone?",
            "The field links[2].listId is not valid: it is the text \"42\", and an integer such as 42 \
         is wanted.",
        ]
    );
    let request = api.client.api_request(Method::POST, "/api/v2/lists");
    let request = request.header("X-Api-Key", &api.tenant.key);
    let (_, body) = e2e::client::answer(
        request
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body("list_name=a&b=c"),
    )
    .await;
    assert_eq!(
        body["error"],
        "The body is not valid JSON: it is a form. Send JSON, such as {\"name\": \"value\"}, with \
         the header Content-Type: application/json."
    );
}

#[tokio::test]
async fn an_object_can_be_read_changed_and_sent_back() {
    let api = Api::start("sentback").await;
    let fixtures = Fixtures::create(&api).await;
    let operator = operator_key(&api);
    let document = Document::written();
    let mut n_objects = 0;
    for operation in document.operations() {
        let changes = ["put", "patch"].contains(&operation.method);
        let reads = document
            .operations()
            .any(|other| (other.method, other.path) == ("get", operation.path));
        // A conversion is shown with its history, and changed by itself.
        if !changes || !reads || operation.path.contains("/conversions/") {
            continue;
        }
        let key = match is_of_operators(operation.path) {
            true => &operator,
            false => &api.tenant.key,
        };
        let path = fixtures.path(operation.path);
        let response = send(&api.client, key, "get", &path, None).await;
        assert!(response.headers().contains_key("etag"), "{path}");
        let object: Value = response.json().await.unwrap();
        // Nothing is changed by it: also read-only fields are accepted as they are.
        let response = send(&api.client, key, operation.method, &path, Some(&object)).await;
        let status = response.status();
        let answer: Value = response.json().await.unwrap();
        assert!(
            status.is_success(),
            "{} {path}: {object} {answer}",
            operation.method
        );
        for (name, value) in object.as_object().unwrap() {
            if !["updated_at", "updatedAt"].contains(&name.as_str()) {
                assert_eq!(answer.get(name), Some(value), "{name} of {path}");
            }
        }
        // A read-only field keeps its value.
        let mut changed = object.clone();
        let created_at = ["created_at", "createdAt"]
            .into_iter()
            .find(|name| object.get(name).is_some());
        changed[created_at.expect(&path)] = json!("2020-01-01T00:00:00Z");
        let response = send(&api.client, key, operation.method, &path, Some(&changed)).await;
        let code = code(response).await;
        assert!(
            ["400 read_only_field", "422 validation_error"].contains(&code.as_str()),
            "{path}: {code}"
        );
        n_objects += 1;
    }
    assert!(n_objects >= 8, "{n_objects}");
}

#[tokio::test]
async fn what_is_shown_as_destination_url_is_changed_under_that_name() {
    let api = Api::start("destination").await;
    let body = json!({ "url": "https://e.com/{{messageId}}", "listId": api.tenant.list_id, "messageId": "m" });
    let link = api.create("/api/v2/links/shorten", body).await;
    assert_eq!(link["destinationUrl"], "https://e.com/m");
    let path = format!("/api/v2/links/{}", link["linkId"].as_str().unwrap());
    let template = async || {
        let sql = "SELECT destination FROM links";
        let row = api.test_env.db.query_one(sql, &[]).await.unwrap();
        row.get::<_, String>(0)
    };
    // Sent back as it was shown, it does not replace the template.
    let mut object = link.clone();
    object["forwardQuery"] = json!(true);
    let (status, changed) = api.call(Method::PATCH, &path, object).await;
    assert_eq!(
        (status, &changed["forwardQuery"]),
        (200, &json!(true)),
        "{changed}"
    );
    assert_eq!(template().await, "https://e.com/{{messageId}}");
    for name in ["destinationUrl", "destination_url", "url"] {
        let url = format!("https://e.com/{name}");
        let (status, changed) = api.call(Method::PATCH, &path, json!({ name: url })).await;
        assert_eq!((status, &changed["destinationUrl"]), (200, &json!(url)));
        assert_eq!(template().await, url);
    }
}

#[tokio::test]
async fn a_change_with_if_match_needs_the_object_that_was_read() {
    let api = Api::start("ifmatch").await;
    let offer = api.sms_offer("https://e.com", json!({})).await;
    let path = format!("/api/v2/offers/{offer}");
    let read = async || send(&api.client, &api.tenant.key, "get", &path, None).await;
    let change = async |name: &str, if_match: &str| {
        let request = api.client.api_request(Method::PUT, &path);
        let request = request.header("X-Api-Key", &api.tenant.key);
        let request = request
            .header("If-Match", if_match)
            .json(&json!({ "name": name }));
        code(request.send().await.unwrap()).await
    };
    let etag = read().await.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(change("first", &etag).await, "200 ");
    assert_eq!(change("second", &etag).await, "412 precondition_failed");
    assert_eq!(change("any", "*").await, "200 ");
    let etag = read().await.headers()["etag"].to_str().unwrap().to_owned();
    // Of several at once with the same ETag one has an effect.
    let (a, b, c, d) = tokio::join!(
        change("a", &etag),
        change("b", &etag),
        change("c", &etag),
        change("d", &etag)
    );
    let outcomes = [a, b, c, d];
    let n_changed = outcomes.iter().filter(|code| *code == "200 ").count();
    let n_refused = outcomes
        .iter()
        .filter(|code| *code == "412 precondition_failed")
        .count();
    assert_eq!((n_changed, n_refused), (1, 3), "{outcomes:?}");
    let request = api.client.api_request(Method::GET, &path);
    let request = request.header("X-Api-Key", &api.tenant.key);
    let etag = read().await.headers()["etag"].clone();
    let response = request.header("If-None-Match", &etag).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["etag"]),
        (304, &etag)
    );
    assert_eq!(response.text().await.unwrap(), "");
}

#[tokio::test]
async fn a_401_says_what_is_wrong_with_the_key() {
    let api = Api::start("unauthorized").await;
    let key = |sql: &'static str| {
        let account = api.tenant.account_id;
        let key = create_key(&api.test_env, account, &["links:read"]);
        (key, sql)
    };
    let (revoked, revoke) =
        key("UPDATE api_keys SET revoked_at = now() WHERE id = (SELECT max(id) FROM api_keys)");
    api.sql(revoke).await;
    let (expired, expire) =
        key("UPDATE api_keys SET expires_at = now() WHERE id = (SELECT max(id) FROM api_keys)");
    api.sql(expire).await;
    let unknown = format!("trk_{}", "0".repeat(32));
    for (key, expected) in [
        (None, "No key was sent."),
        (Some("trk_short"), "What was sent is not a key"),
        (Some(unknown.as_str()), "There is no such key."),
        (Some(revoked.as_str()), "The key was revoked."),
        (Some(expired.as_str()), "The key has expired."),
    ] {
        let request = api.client.api_request(Method::GET, "/api/v2/links");
        let request = match key {
            Some(key) => request.header("X-Api-Key", key),
            None => request,
        };
        let (status, body) = answer(request).await;
        assert_eq!((status, &body["code"]), (401, &json!("unauthorized")));
        assert_eq!(body["error"], "API key is missing or invalid.");
        let sentence = body["reason"].as_str().unwrap();
        assert!(sentence.contains(expected), "{sentence}");
    }
}

#[tokio::test]
async fn a_request_id_is_taken_over_and_head_is_answered_where_get_is() {
    let api = Api::start("ids").await;
    let head = async |id: &str| {
        let request = api.client.api_request(Method::HEAD, "/api/v2/links");
        let request = request.header("X-Api-Key", &api.tenant.key);
        let response = request.header("X-Request-Id", id).send().await.unwrap();
        let answered = response.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), "");
        answered
    };
    assert_eq!(head("crm-42").await, "crm-42");
    let too_long = "x".repeat(129);
    for id in ["two words", &too_long] {
        assert_ne!(head(id).await, id);
    }
}
