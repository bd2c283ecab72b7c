//! The audit trail. One test walks over every operation of the OpenAPI document that is no GET, so
//! that a new one is covered without being named here.

use std::collections::BTreeMap;

use e2e::{
    client::{answer, create_account, create_key},
    openapi::{Document, Operation},
    service::command,
    user::totp_code,
    wait::wait_for,
};
use insta::{assert_json_snapshot, assert_snapshot};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::Row;

use super::{
    Api,
    isolation::{Access, Fixtures, OWNER},
    status_and_code,
};

const CONTACT: &str = "+18005550123";

/// Rows of the audit trail by the id of their request.
async fn rows_of_request(api: &Api, request_id: &str) -> Vec<Row> {
    let sql =
        "SELECT account_id, actor_account_id, api_key_id, api_key_name, user_email, operation,
                      object_kind, object_id, before::text AS before, after::text AS after
               FROM audit_log
               WHERE request_id = $1";
    api.test_env.db.query(sql, &[&request_id]).await.unwrap()
}

/// Sends a request with an `X-Request-Id`.
async fn send(
    api: &Api,
    key: &str,
    (method, path): (Method, &str),
    body: Option<&Value>,
    request_id: &str,
) -> (u16, Value) {
    let mut request = api
        .client
        .api_request(method, path)
        .header("X-Api-Key", key)
        .header("X-Request-Id", request_id);
    if let Some(body) = body {
        request = request.json(body);
    }
    answer(request).await
}

fn is_of_operators(path: &str) -> bool {
    let mut parts = ["/accounts", "/ownership", "/rates"].iter();
    parts.any(|part| path.contains(part))
}

/// The operations that may change something: those that create first, those that delete last.
fn changing_operations(document: &Document) -> Vec<Operation<'_>> {
    let mut operations: Vec<_> = document
        .operations()
        .filter(|operation| operation.method != "get" || operation.path.ends_with("/postback"))
        .collect();
    operations.sort_by_key(|operation| match operation.method {
        "post" | "get" => 0,
        "put" | "patch" => 1,
        _ => 2,
    });
    operations
}

/// The path of an operation with the ids of the fixtures, or of what is in nobody's use if it
/// deletes that.
async fn path(api: &Api, fixtures: &Fixtures, operation: Operation<'_>) -> String {
    let id = operation.json["operationId"].as_str().unwrap();
    let new_id = match id {
        "delete_domain" => {
            let body = json!({ "host": "unused.example", "kind": "short" });
            api.create("/api/v2/domains", body).await["id"].clone()
        }
        "delete_campaign" => json!(api.campaign().await),
        "withdraw_invitation" => {
            let body = json!({ "email": "unwanted@example.com", "role": "analyst" });
            api.create("/api/v2/invitations", body).await["id"].clone()
        }
        "end_own_session" => {
            let sql = "INSERT INTO sessions (digest, user_id, expires_at, ip, user_agent)
                       SELECT '\\x00', user_id, now() + interval '1 hour', ip, user_agent
                       FROM sessions WHERE id = (SELECT max(id) FROM sessions)";
            api.sql(sql).await;
            json!(api.test_env.count("SELECT max(id) FROM sessions").await)
        }
        "revoke_own_key" | "revoke_key" => {
            let body = json!({ "name": "short-lived", "scopes": ["links:read"] });
            api.create("/api/v2/api-keys", body).await["id"].clone()
        }
        _ => {
            let query = match id {
                "postback_conversion" => {
                    "?click_id=01a11d5c-1e7b-7123-8123-456789abcdef&order_id=audited&amount=5"
                }
                _ => "",
            };
            return fixtures.path(operation.path) + query;
        }
    };
    let path = fixtures.path(operation.path);
    let (base, _) = path.rsplit_once('/').unwrap();
    let new_id = new_id
        .as_str()
        .map_or_else(|| new_id.to_string(), str::to_owned);
    format!("{base}/{new_id}")
}

#[tokio::test]
async fn every_operation_that_changes_something_writes_one_row_without_secrets() {
    let api = Api::start("audited").await;
    let fixtures = Fixtures::create(&api).await;
    let operators_account = create_account(&api.test_env, "operators");
    let operator = create_key(&api.test_env, operators_account, &["admin"]);
    let mut lines = Vec::new();
    let mut codes = Codes::default();
    for operation in changing_operations(Document::written()) {
        let id = operation.json["operationId"].as_str().unwrap();
        let key = match is_of_operators(operation.path) {
            true => &operator,
            false => &api.tenant.key,
        };
        let path = path(&api, &fixtures, operation).await;
        let takes_body = operation.json["requestBody"].is_object();
        let body = takes_body.then(|| match id {
            // The example suspends the account.
            "update_account" => json!({ "postback_secrets": ["pbs_0123456789abcdef"] }),
            _ => fixtures.body(operation),
        });
        let method = operation.method.to_ascii_uppercase().parse().unwrap();
        let request_id = format!("walk-{id}");
        let body = codes.complete(id, body);
        let mut request = api.client.api_request(method, &path);
        request = fixtures.authorize(operation, request, key);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let (status, answer) = answer(request.header("X-Request-Id", &request_id)).await;
        codes.read(id, &answer);
        if !(200..300).contains(&status) {
            lines.push(format!("{id}: fails with {status} {answer}"));
            continue;
        }
        let rows = rows_of_request(&api, &request_id).await;
        assert!(rows.len() <= 1, "{id} writes {} rows", rows.len());
        let Some(row) = rows.first() else {
            lines.push(format!("{id}: nothing"));
            continue;
        };
        assert_eq!(row.get::<_, String>("operation"), id);
        match Access::of(operation) {
            Access::Account => {
                assert_actor(&api, row, (operators_account, &operator), key == &operator);
            }
            Access::Session => assert_user(&api, row, OWNER),
            Access::Public => {
                let email = match id {
                    "accept_invitation" => "guest@example.com",
                    "reset_password" => "reader@example.com",
                    _ => OWNER,
                };
                assert_user(&api, row, email);
            }
        }
        let object_id: Option<String> = row.get("object_id");
        let last = path.split('?').next().unwrap().rsplit('/').next().unwrap();
        let source = match &object_id {
            None => "no id",
            Some(id) if last == id || path.contains(&format!("/{id}/")) => "id of the path",
            Some(id) if answer.to_string().contains(id.as_str()) => "id of the response",
            Some(id) if id == "***23" => "masked number",
            Some(_) => "another id",
        };
        let sides = ["before", "after"].map(|side| row.get::<_, Option<String>>(side));
        let sides = match sides.map(|side| side.is_some()) {
            [false, true] => "after",
            [true, false] => "before",
            [true, true] => "before and after",
            [false, false] => "neither",
        };
        let kind: String = row.get("object_kind");
        lines.push(format!("{id}: {kind}, {source}, {sides}"));
    }
    lines.sort_unstable();
    assert_no_secrets(&api).await;
    assert_snapshot!(lines.join("\n"), @r"
    archive_creative: creative, id of the path, before and after
    archive_offer: offer, id of the path, before and after
    archive_partnership_offer: partnership_offer, id of the path, before and after
    check_domain: domain, id of the path, before and after
    create_account: account, id of the response, after
    create_affiliate_link: affiliate_link, id of the response, after
    create_affiliate_links: affiliate_link, no id, after
    create_campaign: campaign, id of the response, after
    create_coupon: coupon, id of the response, after
    create_creative: creative, id of the response, after
    create_domain: domain, id of the response, after
    create_key: api_key, id of the response, after
    create_link: link, id of the response, after
    create_links: link, no id, after
    create_list: list, id of the response, after
    create_offer: offer, id of the response, after
    create_own_key: api_key, id of the response, after
    create_partnership_offer: partnership_offer, id of the response, after
    deactivate_link: link, id of the path, before and after
    delete_campaign: campaign, id of the path, before
    delete_conversion: conversion, id of the path, before
    delete_cost: cost, id of the path, before
    delete_coupon: coupon, id of the path, before
    delete_domain: domain, id of the path, before
    delete_list: list, id of the path, before and after
    erase_contact: contact, masked number, after
    import_conversions: conversion, no id, after
    import_costs: cost, no id, after
    load_rates: exchange_rate, no id, after
    postback_conversion: conversion, id of the response, after
    preview_creative: nothing
    preview_macros: nothing
    reclassify_clicks: click, no id, after
    record_messages: message, no id, after
    render_creative: creative, id of the path, after
    report_message_statuses: message, no id, after
    revoke_key: api_key, id of the path, before and after
    revoke_own_key: api_key, id of the path, before and after
    set_domain_ownership: domain, id of the path, before and after
    shorten_link: link, id of the response, after
    test_postback: nothing
    track_conversion: conversion, id of the response, after
    update_account: account, id of the path, before and after
    update_affiliate_link: affiliate_link, id of the path, before and after
    update_campaign: campaign, id of the path, before and after
    update_conversion: conversion, id of the path, before and after
    update_coupon: coupon, id of the path, before and after
    update_creative: creative, id of the path, before and after
    update_domain: domain, id of the path, before and after
    update_key: api_key, id of the path, before and after
    update_link: link, id of the path, before and after
    update_list: list, id of the path, before and after
    update_offer: offer, id of the path, before and after
    update_partnership_offer: partnership_offer, id of the path, before and after
    ");
}

/// The key of the request did it, to the account of the tenant or of what an operator changes.
fn assert_actor(api: &Api, row: &Row, operator: (i64, &str), is_operator: bool) {
    let actor: i64 = row.get("actor_account_id");
    let operation: String = row.get("operation");
    let expected = match is_operator {
        true => operator.0,
        false => api.tenant.account_id,
    };
    assert_eq!(actor, expected, "{operation}");
    let account_id: Option<i64> = row.get("account_id");
    match operation.as_str() {
        // A new account, and rates, which the operator's account loads.
        "create_account" => assert_ne!(account_id, Some(api.tenant.account_id)),
        "load_rates" => assert_eq!(account_id, Some(operator.0)),
        _ => assert_eq!(account_id, Some(api.tenant.account_id), "{operation}"),
    }
    assert!(row.get::<_, Option<i64>>("api_key_id").is_some());
    assert_eq!(row.get::<_, String>("api_key_name"), "test");
}

/// A user did it, to the account of the tenant.
fn assert_user(api: &Api, row: &Row, email: &str) {
    let operation: String = row.get("operation");
    let account_id = Some(api.tenant.account_id);
    for column in ["account_id", "actor_account_id"] {
        assert_eq!(row.get::<_, Option<i64>>(column), account_id, "{operation}");
    }
    assert_eq!(row.get::<_, String>("user_email"), email, "{operation}");
    assert_eq!(row.get::<_, Option<i64>>("api_key_id"), None, "{operation}");
}

/// What the second factor needs of the answers before.
#[derive(Default)]
struct Codes {
    secret: String,
    recovery_code: Value,
}

impl Codes {
    /// The body of an operation, if it has a code or the user's own password.
    fn complete(&self, operation: &str, body: Option<Value>) -> Option<Value> {
        match operation {
            "confirm_second_factor" => Some(json!({ "code": totp_code(&self.secret, 0) })),
            "remove_second_factor" => Some(json!({ "code": self.recovery_code })),
            // The session is begun with it, before the second factor asks for more.
            "create_session" => Some(json!({
                "email": OWNER,
                "password": "another horse battery staple",
                "code": totp_code(&self.secret, 1),
            })),
            _ => body,
        }
    }

    fn read(&mut self, operation: &str, answer: &Value) {
        match operation {
            "start_second_factor" => {
                self.secret = answer["secret"].as_str().unwrap().to_owned();
            }
            "confirm_second_factor" => {
                self.recovery_code = answer["recovery_codes"][0].clone();
            }
            _ => {}
        }
    }
}

async fn assert_no_secrets(api: &Api) {
    let sql = "SELECT count(*) FROM audit_log a
               WHERE a::text ~ 'trk_[A-Za-z0-9]{32}'
                  OR a::text ~ 'pbs_[A-Za-z0-9]{16}'
                  OR a::text LIKE '%18005550123%'
                  OR a::text LIKE '%18005550100%'
                  OR a::text ~ '(horse battery|otpauth|/invitations/|/password-resets/)'";
    assert_eq!(api.test_env.count(sql).await, 0, "secrets in the trail");
    let digests = "SELECT count(*) FROM audit_log a WHERE a::text LIKE '%sha256:%'";
    assert!(api.test_env.count(digests).await > 0);
}

async fn list(api: &Api, query: &str) -> Vec<Value> {
    let (status, body) = api.get(&format!("/api/v2/audit?{query}")).await;
    assert_eq!(status, 200, "{body}");
    body["changes"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_change_of_an_object_says_what_differs() {
    let api = Api::start("differing").await;
    let link = api.create("/api/v2/links", api.tenant.link_body()).await;
    let path = format!("/api/v2/links/{}", link["linkId"].as_str().unwrap());
    let body = json!({ "metadata": { "team": "b" } });
    send(
        &api,
        &api.tenant.key,
        (Method::PATCH, &path),
        Some(&body),
        "r-1",
    )
    .await;
    send(&api, &api.tenant.key, (Method::DELETE, &path), None, "r-2").await;
    let mut changes = list(&api, "object_kind=link").await;
    let mut id = None;
    for change in &mut changes {
        for field in [
            "audit_id",
            "occurred_at",
            "key_id",
            "account_id",
            "request_id",
        ] {
            assert!(!change[field].is_null(), "{field} of {change}");
            change[field] = json!("...");
        }
        let object_id = change["object_id"].take();
        assert_eq!(*id.get_or_insert_with(|| object_id.clone()), object_id);
        if change["before"].is_null() {
            change["after"] = json!("the whole link");
            continue;
        }
        for side in ["before", "after"] {
            let updated = change[side]["updatedAt"].take();
            assert!(updated.as_str().unwrap().ends_with('Z'), "{updated}");
        }
    }
    assert_json_snapshot!(changes, @r#"
    [
      {
        "account_id": "...",
        "actor": "api_key",
        "after": {
          "status": "deactivated",
          "updatedAt": null
        },
        "audit_id": "...",
        "before": {
          "status": "active",
          "updatedAt": null
        },
        "host": null,
        "key_id": "...",
        "key_name": "test",
        "object_id": null,
        "object_kind": "link",
        "occurred_at": "...",
        "operation": "deactivate_link",
        "os_user": null,
        "request_id": "...",
        "user_email": null,
        "user_id": null
      },
      {
        "account_id": "...",
        "actor": "api_key",
        "after": {
          "metadata": {
            "team": "b"
          },
          "updatedAt": null
        },
        "audit_id": "...",
        "before": {
          "metadata": null,
          "updatedAt": null
        },
        "host": null,
        "key_id": "...",
        "key_name": "test",
        "object_id": null,
        "object_kind": "link",
        "occurred_at": "...",
        "operation": "update_link",
        "os_user": null,
        "request_id": "...",
        "user_email": null,
        "user_id": null
      },
      {
        "account_id": "...",
        "actor": "api_key",
        "after": "the whole link",
        "audit_id": "...",
        "before": null,
        "host": null,
        "key_id": "...",
        "key_name": "test",
        "object_id": null,
        "object_kind": "link",
        "occurred_at": "...",
        "operation": "create_link",
        "os_user": null,
        "request_id": "...",
        "user_email": null,
        "user_id": null
      }
    ]
    "#);
}

#[tokio::test]
async fn failed_requests_replays_reads_and_previews_write_no_row() {
    let api = Api::start("silent").await;
    let before = api.test_env.count("SELECT count(*) FROM audit_log").await;
    let body = json!({ "name": "A campaign", "landing_page_url": "https://example.com/" });
    let post = async |body: &Value| {
        let request = api.client.api_request(Method::POST, "/api/campaigns");
        let request = request.header("X-Api-Key", &api.tenant.key);
        answer(request.header("Idempotency-Key", "once").json(body)).await
    };
    let (status, first) = post(&body).await;
    assert_eq!(status, 201);
    assert_eq!(post(&body).await, (status, first));
    let incomplete = json!({ "name": "another" });
    assert_eq!(api.post("/api/campaigns", incomplete).await.0, 422);
    let missing = "/api/v2/links/nowhere";
    assert_eq!(api.call(Method::DELETE, missing, Value::Null).await.0, 404);
    api.get("/api/v2/links").await;
    let preview = json!({ "template": "https://example.com/?c={click_id}" });
    assert_eq!(api.post("/api/v2/macros/preview", preview).await.0, 200);
    let after = api.test_env.count("SELECT count(*) FROM audit_log").await;
    assert_eq!(after - before, 1);
}

#[tokio::test]
async fn many_objects_are_one_row_with_a_bounded_summary() {
    let api = Api::start("summed").await;
    let links: Vec<_> = (0..150)
        .map(|i| json!({ "url": format!("https://example.com/{i}"), "domain": "summed.example" }))
        .collect();
    let (status, _) = api
        .post("/api/v2/links/bulk", json!({ "links": links }))
        .await;
    assert_eq!(status, 201);
    let rows: Vec<_> = (0..2_100)
        .map(|i| {
            json!({ "converted_at": jiff::Timestamp::now(), "txn_id": format!("t{i}"),
                    "click_id": null, "offer_id": api.tenant.offer_id })
        })
        .collect();
    let (status, answer) = api.post("/api/v2/conversions/import", json!(rows)).await;
    assert_eq!(
        (status, &answer["created"]),
        (200, &json!(2_100)),
        "{answer}"
    );
    let changes = list(&api, "from=2020-01-01").await;
    let of = |operation: &str| {
        let mut found = changes.iter().filter(|c| c["operation"] == operation);
        let change = found.next().unwrap();
        assert_eq!(found.next(), None, "one row of {operation}");
        change["after"].clone()
    };
    let bulk = of("create_links");
    assert_eq!(
        (&bulk["created"], &bulk["links"]["count"]),
        (&json!(150), &json!(150))
    );
    assert_eq!(bulk["links"]["ids"].as_array().unwrap().len(), 100);
    let import = of("import_conversions");
    assert_eq!(
        (&import["created"], &import["rows"]["count"]),
        (&json!(2_100), &json!(2_100))
    );
    assert_eq!(import["rows"]["ids"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn a_long_value_is_cut_and_marked() {
    let api = Api::start("long").await;
    let text = "x".repeat(70_000);
    let sql = format!("UPDATE offers SET metadata = '{{\"note\": \"{text}\"}}'");
    api.sql(&sql).await;
    let path = format!("/api/v2/partnership-offers/{}", api.tenant.offer_id);
    let (status, _) = api.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!(status, 200);
    api.sql("UPDATE offers SET metadata = '{}'").await;
    let (status, _) = api
        .call(Method::PUT, &path, json!({ "status": "active" }))
        .await;
    assert_eq!(status, 200);
    let longest =
        "SELECT max(greatest(octet_length(before::text), octet_length(after::text)))::bigint
                   FROM audit_log";
    assert!(api.test_env.count(longest).await <= 64 * 1024);
}

#[tokio::test]
async fn changes_are_filtered_paged_and_exported() {
    let api = Api::start("filtering").await;
    let campaign = api.campaign().await;
    let path = format!("/api/campaigns/{campaign}");
    for status in ["paused", "active"] {
        let body = json!({ "status": status });
        let request_id = format!("set-{status}");
        let request = (Method::PATCH, path.as_str());
        send(&api, &api.tenant.key, request, Some(&body), &request_id).await;
    }
    let other_key = create_key(&api.test_env, api.tenant.account_id, &["*"]);
    send(&api, &other_key, (Method::DELETE, &path), None, "gone").await;
    let key_id = list(&api, "request_id=gone").await[0]["key_id"].clone();
    let of_campaign = format!("object_kind=campaign&object_id={campaign}");
    for (query, expected) in [
        (of_campaign.clone(), 4),
        (format!("{of_campaign}&operation=update_campaign"), 2),
        (format!("{of_campaign}&key_id={key_id}"), 1),
        (format!("key_id={key_id}"), 1),
        ("request_id=set-paused".to_owned(), 1),
        (format!("{of_campaign}&actor=api_key"), 4),
        (format!("{of_campaign}&actor=operator"), 0),
        // The test's own create-account and create-key.
        ("actor=command&object_kind=account".to_owned(), 1),
        ("actor=command&object_kind=api_key".to_owned(), 2),
        (format!("{of_campaign}&to=2026-01-01"), 0),
        (format!("{of_campaign}&from=2026-01-01"), 4),
    ] {
        assert_eq!(list(&api, &query).await.len(), expected, "{query}");
    }
    // Newest first, by pages.
    let (mut cursor, mut operations) = (String::new(), Vec::new());
    loop {
        let path = format!("/api/v2/audit?{of_campaign}&limit=3{cursor}");
        let (_, page) = api.get(&path).await;
        let changes = page["changes"].as_array().unwrap();
        operations.extend(changes.iter().map(|c| c["operation"].clone()));
        assert_eq!(page["has_more"], !page["next_cursor"].is_null());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let expected = [
        "delete_campaign",
        "update_campaign",
        "update_campaign",
        "create_campaign",
    ];
    assert_eq!(operations, expected);
    let request = api
        .client
        .api_request(
            Method::GET,
            &format!("/api/v2/audit?{of_campaign}&format=csv&limit=1"),
        )
        .header("X-Api-Key", &api.tenant.key);
    let response = request.send().await.unwrap();
    assert!(response.headers().contains_key("x-next-cursor"));
    let csv = response.text().await.unwrap();
    let (head, row) = csv.split_once('\n').unwrap();
    assert_snapshot!(head.trim_end(), @"audit_id,occurred_at,account_id,actor,key_id,key_name,os_user,host,operation,object_kind,object_id,before,after,request_id,user_id,user_email");
    assert!(row.contains(",delete_campaign,campaign,"), "{row}");
    for query in [
        "actor=nobody",
        "object_kind=thing",
        "key_id=x",
        "from=x",
        "cursor=x",
    ] {
        let answer = api.get(&format!("/api/v2/audit?{query}")).await;
        assert_eq!(status_and_code(answer), "400 invalid_field", "{query}");
    }
}

#[tokio::test]
async fn tenants_see_that_an_operator_changed_their_account_and_operators_see_everything() {
    let api = Api::start("watched").await;
    let account = create_account(&api.test_env, "operators");
    let operator = create_key(&api.test_env, account, &["admin", "audit:read"]);
    let path = format!("/api/v2/accounts/{}", api.tenant.account_id);
    let secrets = json!({ "postback_secrets": ["a-secret-of-the-tenant"] });
    let (status, _) = send(
        &api,
        &operator,
        (Method::PUT, &path),
        Some(&secrets),
        "by-operator",
    )
    .await;
    assert_eq!(status, 200);
    let seen_of = |change: &Value| {
        let after = &change["after"];
        json!([
            change["actor"],
            change["key_name"],
            after["postback_secrets"]
        ])
    };
    let digests = json!(["sha256:22962965370f"]);
    let seen = list(&api, "request_id=by-operator").await;
    assert_eq!(seen_of(&seen[0]), json!(["operator", null, digests]));
    assert_eq!(seen[0]["key_id"], Value::Null);
    let audit = async |key: &str, query: &str| {
        let path = format!("/api/v2/audit?{query}");
        let (status, body) = api.client.call(key, Method::GET, &path, None).await;
        assert_eq!(status, 200, "{body}");
        body["changes"].as_array().unwrap().clone()
    };
    let seen = audit(&operator, "request_id=by-operator").await;
    assert_eq!(seen_of(&seen[0]), json!(["api_key", "test", digests]));
    // A key of the operator's account without the scope sees that account alone.
    let auditor = create_key(&api.test_env, account, &["audit:read"]);
    assert_eq!(audit(&auditor, "request_id=by-operator").await.len(), 0);
    // Commands: their user and host are for operators.
    let commands = audit(&operator, "actor=command&object_kind=account").await;
    assert!(commands[0]["os_user"].is_string(), "{commands:?}");
    let commands = audit(&auditor, "actor=command&object_kind=account").await;
    assert_eq!(commands[0]["os_user"], Value::Null);
    assert_eq!(commands[0]["operation"], "links-api admin create-account");
}

#[tokio::test]
async fn a_command_for_the_whole_installation_is_seen_by_operators_alone() {
    let api = Api::start("installed").await;
    let file = std::env::temp_dir().join(format!("rates-{}.csv", std::process::id()));
    std::fs::write(&file, "day,currency,per_euro\n2026-03-01,USD,1.08\n").unwrap();
    api.test_env
        .admin(&["rates", "load", file.to_str().unwrap()]);
    std::fs::remove_file(&file).unwrap();
    let account = create_account(&api.test_env, "operators");
    let operator = create_key(&api.test_env, account, &["admin", "audit:read"]);
    let path = "/api/v2/audit?object_kind=exchange_rate";
    let (_, body) = api.client.call(&operator, Method::GET, path, None).await;
    let change = &body["changes"][0];
    assert_eq!(change["operation"], "links-api admin rates load");
    assert_eq!(change["after"], json!({ "rows": 1, "changed": 1 }));
    assert_eq!(change["account_id"], Value::Null);
    assert_eq!(list(&api, "object_kind=exchange_rate").await.len(), 0);
}

#[tokio::test]
async fn quickstart_and_keys_of_commands_leave_no_key_in_the_trail() {
    let api = Api::start("commanded").await;
    let created = api
        .test_env
        .admin(&["quickstart", "--host", "quick.example"]);
    let sql = format!(
        "SELECT after::text AS after FROM audit_log
         WHERE account_id = {} AND operation = 'links-api admin quickstart'",
        created["account_id"]
    );
    let rows = api.test_env.db.query(&sql, &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
    let after: String = rows[0].get("after");
    assert!(
        after.contains("quick.example") && after.contains("sha256:"),
        "{after}"
    );
    assert_no_secrets(&api).await;
}

#[tokio::test]
async fn commands_of_the_worker_write_a_row_for_each_account() {
    let api = Api::start("parked").await;
    api.sql(
        "INSERT INTO parked_events (event_id, account_id, line, reason, detail, retry_at)
         SELECT gen_random_uuid(), account_id, '{}', 'deadlock', 'detail', now() + interval '1 day'
         FROM unnest(ARRAY[7, 7, 8]) AS parked (account_id)",
    )
    .await;
    let run = |args: &[&str]| {
        let output = command("click-worker", args, &api.test_env.env()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    run(&["parked", "retry", "--all"]);
    run(&["parked", "drop", "--all"]);
    let conversion = json!([{
        "converted_at": jiff::Timestamp::now(), "txn_id": "1", "offer_id": api.tenant.offer_id,
    }]);
    api.post("/api/v2/conversions/import", conversion).await;
    api.sql("DELETE FROM totals").await;
    run(&["recount", "--repair"]);
    let repaired = "SELECT (after->'repaired'->>'totals')::bigint FROM audit_log
                    WHERE operation = 'click-worker recount --repair'";
    assert!(api.test_env.count(repaired).await > 0);
    let sql = "SELECT operation || ' ' || account_id || ' ' || (after->'parked'->>'count') AS line
               FROM audit_log WHERE object_kind = 'parked_event' ORDER BY 1";
    let rows = api.test_env.db.query(sql, &[]).await.unwrap();
    let lines: Vec<String> = rows.iter().map(|row| row.get("line")).collect();
    let expected = [
        "click-worker parked drop 7 2",
        "click-worker parked drop 8 1",
        "click-worker parked retry 7 2",
        "click-worker parked retry 8 1",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn erasing_a_contact_removes_it_from_the_trail() {
    let api = Api::start("forgotten").await;
    let mut body = api.tenant.link_body();
    body["contactPhone"] = json!(CONTACT);
    let link = api.create("/api/v2/links", body).await;
    let path = format!("/api/v2/links/{}", link["linkId"].as_str().unwrap());
    let metadata = json!({ "metadata": { "name": "Ada Lovelace" } });
    api.call(Method::PATCH, &path, metadata).await;
    // A sender may write the number anywhere.
    let url = format!("https://example.com/?phone=%2B{}", &CONTACT[1..]);
    let other = json!({ "url": url, "domain": api.tenant.short_host });
    let other = api.create("/api/v2/links/shorten", other).await;
    let count = async |text: &str| {
        let sql = format!("SELECT count(*) FROM audit_log a WHERE a::text LIKE '%{text}%'");
        api.test_env.count(&sql).await
    };
    assert!(count("Ada Lovelace").await > 0);
    assert!(count("8005550123").await > 0);
    let path = format!("/api/v2/contacts/{CONTACT}");
    let (status, _) = send(
        &api,
        &api.tenant.key,
        (Method::DELETE, &path),
        None,
        "erasure",
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(count("Ada Lovelace").await, 0);
    assert_eq!(count("8005550123").await, 0);
    let of = async |link: &Value| {
        let id = link["linkId"].as_str().unwrap();
        list(&api, &format!("object_kind=link&object_id={id}")).await[0]["after"].clone()
    };
    assert_eq!(of(&link).await, json!({ "erased": true }));
    assert_eq!(
        of(&other).await["destinationUrl"],
        "https://example.com/?phone=%2B***"
    );
    let erasure = &list(&api, "request_id=erasure").await[0];
    assert_eq!(erasure["object_id"], "***23");
    assert_eq!(erasure["after"]["erased"]["links"], 1);
}

#[tokio::test]
async fn two_changes_at_once_follow_each_other_in_the_trail() {
    let api = Api::start("racing").await;
    let link = api.create("/api/v2/links", api.tenant.link_body()).await;
    let path = format!("/api/v2/links/{}", link["linkId"].as_str().unwrap());
    let changes = (0..10).map(|i| {
        let body = json!({ "metadata": { "n": i.to_string() } });
        let (api, path) = (&api, &path);
        async move {
            let request = (Method::PATCH, path.as_str());
            send(api, &api.tenant.key, request, Some(&body), "race")
                .await
                .0
        }
    });
    let statuses = futures_util::future::join_all(changes).await;
    assert_eq!(statuses, [200; 10]);
    let changes = list(&api, "request_id=race").await;
    let sides: BTreeMap<String, String> = changes
        .iter()
        .map(|change| {
            let n = |side: &str| change[side]["metadata"]["n"].to_string();
            (n("before"), n("after"))
        })
        .collect();
    // Each change has another one, or the first state, before it.
    let mut state = "null".to_owned();
    for _ in 0..10 {
        state = sides
            .get(&state)
            .unwrap_or_else(|| panic!("{sides:?}"))
            .clone();
    }
}

#[tokio::test]
async fn old_rows_are_deleted_by_the_worker() {
    let api = Api::start("keeping").await;
    api.sql(
        "INSERT INTO audit_log (audit_id, occurred_at, os_user, operation, object_kind)
         SELECT ('017f22e2-79b0-7cc3-98c4-' || lpad(n::text, 12, '0'))::uuid,
                '2022-02-22T19:22:22Z', 'root', 'old', 'link'
         FROM generate_series(1, 6000) AS n",
    )
    .await;
    let worker = api.test_env.start_worker();
    let old = "SELECT count(*) FROM audit_log WHERE operation = 'old'";
    wait_for("no old row", 0, async || api.test_env.count(old).await).await;
    assert!(api.test_env.count("SELECT count(*) FROM audit_log").await > 0);
    worker.stop();
}
