//! Offers of both kinds, lists, domains, accounts and keys, and the macro
//! preview.

use e2e::client::{create_account, create_key};
use insta::assert_json_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, status_and_code};

#[tokio::test]
async fn offers_of_both_kinds_can_be_created_changed_and_archived() {
    let api = Api::start("offers").await;
    for (path, url, external_id) in [
        ("/api/v2/offers", "tracking_url", "external_id"),
        (
            "/api/v2/partnership-offers",
            "destination_url_template",
            "external_offer_id",
        ),
    ] {
        api.sql("DELETE FROM offers").await;
        let created = api
            .create(
                path,
                json!({
                    "name": "Summer Sale",
                    url: "https://example.com/offer?c={click_id}",
                    external_id: "12345",
                    "external_platform": "everflow",
                    "payout": 12.5,
                    "payout_type": "cpa",
                    "metadata": { "team": "a", "region": "eu" },
                }),
            )
            .await;
        let secret = created["postback_secret"].as_str().unwrap();
        assert!(secret.starts_with("pbs_") && secret.len() == 36, "{secret}");
        assert_eq!(created[url], "https://example.com/offer?c={click_id}");
        assert_eq!(created[external_id], "12345");
        if path.ends_with("/offers") && !path.contains("partnership") {
            assert_json_snapshot!(created, {
                ".id" => "[id]",
                ".postback_secret" => "[secret]",
                ".created_at" => "[time]",
                ".updated_at" => "[time]",
            }, @r#"
            {
              "advertiser_id": null,
              "affiliate_id": null,
              "click_window_days": 90,
              "created_at": "[time]",
              "external_id": "12345",
              "external_platform": "everflow",
              "fallback_url": null,
              "filter_bots": null,
              "findings": [],
              "id": "[id]",
              "interstitial": null,
              "metadata": {
                "region": "eu",
                "team": "a"
              },
              "name": "Summer Sale",
              "payout": "12.50",
              "payout_type": "cpa",
              "postback_mapping": null,
              "postback_secret": "[secret]",
              "postbacks": null,
              "previous_postback_secrets": [],
              "slug": "summer-sale",
              "status": "active",
              "tracking_url": "https://example.com/offer?c={click_id}",
              "updated_at": "[time]"
            }
            "#);
        }
        let own = format!("{path}/{}", created["id"].as_str().unwrap());
        let (status, got) = api.get(&own).await;
        assert_eq!((status, &got["name"]), (200, &json!("Summer Sale")));

        // PUT changes the given fields and merges metadata.
        let put = async |body: Value| api.call(Method::PUT, &own, body).await;
        let (status, changed) = put(json!({
            "payout": "0.1234", "filter_bots": true, "metadata": { "team": "", "tier": "1" },
            "interstitial": { "mode": "custom", "page": { "title": "Hello", "cta": "Go" } },
        }))
        .await;
        assert_eq!(status, 200);
        assert_eq!(changed["payout"], "0.1234");
        assert_eq!(changed["filter_bots"], true);
        assert_eq!(changed["metadata"], json!({ "region": "eu", "tier": "1" }));
        assert_eq!(changed["interstitial"]["page"]["title"], "Hello");
        assert_eq!(changed["postback_secret"], secret, "not sent, not changed");
        let (_, changed) =
            put(json!({ "payout": "", "filter_bots": "", "payout_type": null })).await;
        assert_eq!(changed["payout"], Value::Null);
        assert_eq!(changed["filter_bots"], Value::Null);
        assert_eq!(changed["payout_type"], "cpa");

        // An archived offer is not listed; PUT restores it.
        let (status, answer) = api.call(Method::DELETE, &own, Value::Null).await;
        assert_eq!(
            (status, answer),
            (200, json!({ "success": true, "archived": true }))
        );
        let total = async |query: &str| {
            let (_, body) = api.get(&format!("{path}?{query}")).await;
            body["pagination"]["total"].as_i64().unwrap()
        };
        assert_eq!(total("").await, 0);
        assert_eq!(total("status=archived").await, 1);
        let (_, revived) = put(json!({ "status": "active" })).await;
        assert_eq!(revived["status"], "active");
        assert_eq!(total("").await, 1);

        // The same name gets a slug of its own; a slug that is sent may not.
        let same = json!({ "name": "Summer Sale", url: "https://e.com" });
        let second = api.create(path, same.clone()).await;
        let slug = second["slug"].as_str().unwrap();
        assert!(
            slug.starts_with("summer-sale-") && slug.len() == 16,
            "{slug}"
        );
        let mut taken = same;
        taken["slug"] = json!("summer-sale");
        assert_eq!(
            status_and_code(api.post(path, taken).await),
            "409 slug_taken"
        );
        let second = format!("{path}/{}", second["id"].as_str().unwrap());
        let answer = api
            .call(Method::PUT, &second, json!({ "slug": "summer-sale" }))
            .await;
        assert_eq!(status_and_code(answer), "409 slug_taken");
    }
    // An id of one kind is unknown to the other kind.
    let offer = api.sms_offer("https://e.com", json!({})).await;
    let answer = api
        .get(&format!("/api/v2/partnership-offers/{offer}"))
        .await;
    assert_eq!(status_and_code(answer), "404 not_found");
}

#[tokio::test]
async fn errors_of_an_offer_are_reported_in_their_order() {
    let api = Api::start("offererrors").await;
    let long = "x".repeat(256);
    for (path, url, missing, invalid) in [
        (
            "/api/v2/offers",
            "tracking_url",
            "400 missing_tracking_url",
            "400 invalid_tracking_url",
        ),
        (
            "/api/v2/partnership-offers",
            "destination_url_template",
            "400 missing_destination_url_template",
            "400 invalid_destination_url_template",
        ),
    ] {
        // Each body also has all errors that are listed after its own.
        let mut body = json!({
            "name": " ", url: "", "external_platform": "x", "payout": "x", "payout_type": "x",
            "status": "x", "slug": "?", "fallback_url": "x", "external_id": long,
            "external_offer_id": long,
        });
        for (expected, field, better) in [
            ("400 missing_name", "name", json!(long)),
            ("400 name_too_long", "name", json!(&long[1..])),
            (missing, url, json!("ftp://e.com")),
            (invalid, url, json!("https://e.com/{click_id}")),
            (
                "400 invalid_external_platform",
                "external_platform",
                json!("tune"),
            ),
            ("400 invalid_payout", "payout", json!("-1")),
            ("400 invalid_payout", "payout", json!(1e3)),
            ("400 invalid_payout_type", "payout_type", json!("cpc")),
            ("400 invalid_status", "status", json!("paused")),
            ("400 invalid_slug", "slug", json!("a-slug")),
            (
                "400 invalid_fallback_url",
                "fallback_url",
                json!("https://e.com"),
            ),
        ] {
            assert_eq!(
                status_and_code(api.post(path, body.clone()).await),
                expected
            );
            body[field] = better;
        }
        let (status, answer) = api.post(path, body.clone()).await;
        assert_eq!(
            (status, &answer["code"]),
            (400, &json!("invalid_field")),
            "{answer}"
        );
        body["external_id"] = json!(null);
        body["external_offer_id"] = json!(null);
        let created = api.create(path, body).await;
        assert_eq!(created["payout"], "1000.00");
        for (field, value) in [
            ("payout", json!([])),
            ("filter_bots", json!("yes")),
            ("postback_secret", json!("short")),
            ("click_window_days", json!(0)),
            ("click_window_days", json!(99_999_999_999_i64)),
            ("metadata", json!({ "a": 1 })),
            ("metadata", json!({ "a": "x".repeat(1001) })),
            ("metadata", json!({ "a": "\u{0}" })),
            ("interstitial", json!({ "mode": "custom" })),
            (
                "interstitial",
                json!({ "mode": "custom", "page": { "title": "" } }),
            ),
            ("interstitial", json!({ "mode": "x" })),
        ] {
            let own = format!("{path}/{}", created["id"].as_str().unwrap());
            let (status, answer) = api.call(Method::PUT, &own, json!({ field: value })).await;
            assert_eq!(
                (status, &answer["code"]),
                (400, &json!("invalid_field")),
                "{field}"
            );
            assert!(answer["error"].to_string().contains(field), "{answer}");
        }
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            for id in ["000000000000000000000000", "nothing"] {
                let answer = api
                    .call(method.clone(), &format!("{path}/{id}"), json!({}))
                    .await;
                assert_eq!(status_and_code(answer), "404 not_found");
            }
        }
    }
}

#[tokio::test]
async fn saving_an_offer_lints_its_template() {
    let api = Api::start("lint").await;
    let offer = json!({
        "name": "Lint",
        "tracking_url": "http://example.com/?c={clickid}&api_key=abc",
    });
    let created = api.create("/api/v2/offers", offer).await;
    let codes: Vec<_> = created["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| &f["code"])
        .collect();
    assert_eq!(codes, ["unknown_macro", "secret_in_template", "not_https"]);
    let preview = json!({
        "template": "https://example.com/lp?c={click_id}&s={sub1}&x={ClickId}",
        "values": { "click_id": "01a1", "sub1": "a b&c", "messageId": "m" },
    });
    let (status, answer) = api.post("/api/v2/macros/preview", preview).await;
    assert_eq!(status, 200);
    assert_json_snapshot!(answer, @r#"
    {
      "findings": [
        {
          "code": "unknown_macro",
          "message": "{ClickId} is not one of our macros and stays as it is. Did you mean {click_id}?",
          "severity": "warning"
        }
      ],
      "url": "https://example.com/lp?c=01a1&s=a%20b%26c&x={ClickId}"
    }
    "#);
    let (_, answer) = api
        .post("/api/v2/macros/preview", json!({ "template": "{x}://e" }))
        .await;
    assert_eq!(answer["url"], Value::Null);
    assert_eq!(answer["findings"][0]["severity"], "error");
    let answer = api
        .post("/api/v2/macros/preview", json!({ "values": {} }))
        .await;
    assert_eq!(status_and_code(answer), "400 missing_template");
    let unknown = json!({ "template": "https://e.com", "values": { "nothing": "x" } });
    let (status, answer) = api.post("/api/v2/macros/preview", unknown).await;
    assert_eq!((status, &answer["code"]), (400, &json!("invalid_field")));
    assert!(
        answer["error"].to_string().contains("values.nothing"),
        "{answer}"
    );
}

#[tokio::test]
async fn lists_can_be_created_and_changed() {
    let api = Api::start("lists").await;
    let created = api
        .create(
            "/api/v2/lists",
            json!({
                "phone_number": "+18005550100",
                "list_name": "Spring",
                "brand_name": "Brand",
                "short_domain": "LISTS.example.",
                "append_text": "Reply STOP to opt out.",
                "interstitial": { "title": "Hello" },
            }),
        )
        .await;
    assert_json_snapshot!(created, {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    }, @r#"
    {
      "append_text": "Reply STOP to opt out.",
      "brand_name": "Brand",
      "click_domain": null,
      "collapse_hops": false,
      "created_at": "[time]",
      "fallback_url": null,
      "id": "[id]",
      "interstitial": {
        "title": "Hello"
      },
      "list_name": "Spring",
      "phone_number": "+18005550100",
      "prepend_text": null,
      "short_domain": "lists.example",
      "status": "active",
      "updated_at": "[time]"
    }
    "#);
    let own = format!("/api/v2/lists/{}", created["id"]);
    assert_eq!(api.get(&own).await, (200, created));
    let change = json!({
        "phone_number": "+18005550101", "list_name": "Autumn", "brand_name": "B",
        "status": "paused", "click_domain": "ct.lists.example", "collapse_hops": true,
        "fallback_url": "https://e.com/", "prepend_text": "P",
    });
    let (status, changed) = api.call(Method::PUT, &own, change.clone()).await;
    assert_eq!(status, 200);
    for (name, value) in change.as_object().unwrap() {
        assert_eq!(changed[name], *value, "{name}");
    }
    let (_, changed) = api
        .call(
            Method::PUT,
            &own,
            json!({ "append_text": "", "short_domain": "" }),
        )
        .await;
    assert_eq!(
        (&changed["append_text"], &changed["short_domain"]),
        (&Value::Null, &Value::Null)
    );

    let total = async |query: &str| {
        let (_, body) = api.get(&format!("/api/v2/lists?{query}")).await;
        body["pagination"]["total"].as_i64().unwrap()
    };
    assert_eq!((total("").await, total("status=paused").await), (2, 1));
    let taken = json!({ "phone_number": "+18005550101", "list_name": "x" });
    let answer = api.post("/api/v2/lists", taken.clone()).await;
    assert_eq!(status_and_code(answer), "409 phone_number_taken");
    let (status, answer) = api.call(Method::DELETE, &own, Value::Null).await;
    assert_eq!(
        (status, answer),
        (200, json!({ "success": true, "deleted": true }))
    );
    assert_eq!((total("").await, total("status=deleted").await), (1, 1));
    api.create("/api/v2/lists", taken).await;
    let answer = api
        .call(Method::PUT, &own, json!({ "status": "active" }))
        .await;
    assert_eq!(status_and_code(answer), "409 phone_number_taken");

    // A list sends from a number, a short code or a sender id.
    for sender in ["24587", "123", "12345678", "ACME Shop", "+78001234567"] {
        let body = json!({ "phone_number": sender, "list_name": sender });
        let list = api.create("/api/v2/lists", body).await;
        assert_eq!(list["phone_number"], sender);
    }
    for text in ["12", "123456789", "ABCDEFGHIJKL", "H&M", " ", "АКМЕ"] {
        let body = json!({ "phone_number": text, "list_name": "x" });
        let (status, answer) = api.post("/api/v2/lists", body).await;
        let is_blank = text.trim().is_empty();
        let code = if is_blank {
            "missing_phone_number"
        } else {
            "invalid_phone"
        };
        assert_eq!((status, &answer["code"]), (400, &json!(code)), "{text}");
    }

    // Each body also has all errors that are listed after its own.
    let mut body = json!({
        "phone_number": "", "list_name": "", "status": "x", "fallback_url": "x",
        "short_domain": "x", "click_domain": "lists.example",
    });
    for (expected, field, better) in [
        (
            "400 missing_phone_number",
            "phone_number",
            json!("18005550102"),
        ),
        ("400 invalid_phone", "phone_number", json!("+18005550102")),
        ("400 missing_list_name", "list_name", json!("x")),
        ("400 invalid_status", "status", json!("active")),
        (
            "400 invalid_fallback_url",
            "fallback_url",
            json!("https://e.com"),
        ),
        (
            "404 domain_not_found",
            "short_domain",
            json!("lists.example"),
        ),
        (
            "404 domain_not_found",
            "click_domain",
            json!("ct.lists.example"),
        ),
    ] {
        assert_eq!(
            status_and_code(api.post("/api/v2/lists", body.clone()).await),
            expected
        );
        body[field] = better;
    }
    api.create("/api/v2/lists", body).await;
    for id in ["0", "x", "99999999999999999999"] {
        let answer = api.get(&format!("/api/v2/lists/{id}")).await;
        assert_eq!(status_and_code(answer), "404 not_found");
    }
}

#[tokio::test]
async fn domains_can_be_created_and_changed() {
    let api = Api::start("domains").await;
    let created = api
        .create(
            "/api/v2/domains",
            json!({ "host": "Bücher.example", "kind": "short" }),
        )
        .await;
    assert_json_snapshot!(
        created,
        {
            ".id" => "[id]",
            ".created_at" => "[time]",
            ".proof.dns.value" => "[token]",
            ".proof.http.body" => "[token]",
            ".proof.http.url" => "[url]",
        },
        @r#"
    {
      "created_at": "[time]",
      "host": "xn--bcher-kva.example",
      "id": "[id]",
      "kind": "short",
      "proof": {
        "checked_at": null,
        "dns": {
          "name": "_waypost.xn--bcher-kva.example",
          "type": "TXT",
          "value": "[token]"
        },
        "error": null,
        "http": {
          "body": "[token]",
          "url": "[url]"
        },
        "ownership": "approved",
        "proved_at": null,
        "proved_by": null
      },
      "status": "active"
    }
    "#
    );
    let own = format!("/api/v2/domains/{}", created["id"]);
    assert_eq!(api.get(&own).await, (200, created));
    let (_, listed) = api.get("/api/v2/domains?kind=short").await;
    assert_eq!(listed["pagination"]["total"], 2);
    for (body, expected) in [
        (json!({}), "400 missing_host"),
        (json!({ "host": "localhost" }), "400 invalid_host"),
        (
            json!({ "host": "https://e.com", "kind": "short" }),
            "400 invalid_host",
        ),
        (json!({ "host": "e.example" }), "400 invalid_kind"),
        (
            json!({ "host": "e.example", "kind": "x" }),
            "400 invalid_kind",
        ),
        (
            json!({ "host": "xn--bcher-kva.example", "kind": "click" }),
            "409 host_taken",
        ),
        (
            json!({ "host": "click.waypost.example", "kind": "click" }),
            "409 host_taken",
        ),
        (json!({ "host": 7 }), "400 invalid_field"),
    ] {
        assert_eq!(
            status_and_code(api.post("/api/v2/domains", body).await),
            expected
        );
    }
    // A disabled domain gets no new links, and its links still redirect.
    let (_, domains) = api.get("/api/v2/domains?kind=short").await;
    let used = domains["domains"].as_array().unwrap().iter();
    let used = used
        .clone()
        .find(|domain| domain["host"] == "domains.example")
        .unwrap();
    let used = format!("/api/v2/domains/{}", used["id"]);
    let (status, changed) = api
        .call(Method::PUT, &used, json!({ "status": "disabled" }))
        .await;
    assert_eq!((status, &changed["status"]), (200, &json!("disabled")));
    let answer = api.post("/api/v2/links", api.tenant.link_body()).await;
    assert_eq!(status_and_code(answer), "409 no_domain_configured");
    let answer = api.call(Method::PUT, &used, json!({ "status": "x" })).await;
    assert_eq!(status_and_code(answer), "400 invalid_status");
    let answer = api.call(Method::DELETE, &used, Value::Null).await;
    assert_eq!(status_and_code(answer), "409 domain_in_use");
    assert_eq!(
        api.call(Method::DELETE, &own, Value::Null).await,
        (204, Value::Null)
    );
    assert_eq!(status_and_code(api.get(&own).await), "404 not_found");
}

#[tokio::test]
async fn operators_manage_accounts_and_keys() {
    let api = Api::start("operator").await;
    let operator = create_account(&api.test_env, "operators");
    let admin = create_key(&api.test_env, operator, &["admin"]);
    let call = async |method: Method, path: &str, body: Value| {
        let body = Some(body).filter(|body| !body.is_null());
        api.client.call(&admin, method, path, body.as_ref()).await
    };
    let body = json!({ "name": "Tenant", "products": ["sms", "sms"], "bot_filter_mode": "filter",
        "allowed_countries": ["US", "CA", "US"] });
    let (status, account) = call(Method::POST, "/api/v2/accounts", body).await;
    assert_eq!(status, 201);
    assert_json_snapshot!(account, {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    }, @r#"
    {
      "allowed_countries": [
        "CA",
        "US"
      ],
      "append_text": null,
      "blocked_countries": [],
      "bot_filter_mode": "filter",
      "click_cost": null,
      "created_at": "[time]",
      "default_currency": null,
      "id": "[id]",
      "ip_storage": "full",
      "name": "Tenant",
      "postback_mapping": null,
      "postback_max_amount": null,
      "postback_secrets": [],
      "postbacks": "open",
      "prepend_text": null,
      "products": [
        "sms"
      ],
      "retention_days": null,
      "status": "active",
      "updated_at": "[time]"
    }
    "#);
    let own = format!("/api/v2/accounts/{}", account["id"]);
    let (_, changed) = call(
        Method::PUT,
        &own,
        json!({ "products": ["offer_management"] }),
    )
    .await;
    assert_eq!(changed["products"], json!(["offer_management"]));
    assert_eq!(changed["allowed_countries"], json!(["CA", "US"]));
    let (_, changed) = call(Method::PUT, &own, json!({ "allowed_countries": [] })).await;
    assert_eq!(changed["allowed_countries"], json!([]));
    let click_cost = json!({ "parameter": "bid", "max": 2.5 });
    let body = json!({ "click_cost": click_cost, "default_currency": "EUR" });
    let (_, changed) = call(Method::PUT, &own, body).await;
    assert_eq!(
        changed["click_cost"],
        json!({ "parameter": "bid", "currency": null, "max": "2.50" })
    );
    let (_, changed) = call(Method::PUT, &own, json!({ "click_cost": {} })).await;
    assert_eq!(changed["click_cost"], Value::Null);
    let (_, listed) = call(Method::GET, "/api/v2/accounts", Value::Null).await;
    assert_eq!(listed["pagination"]["total"], 3);
    for (body, expected) in [
        (json!({}), "400 missing_name"),
        (json!({ "name": "x".repeat(256) }), "400 name_too_long"),
        (json!({ "name": "x", "status": "x" }), "400 invalid_status"),
        (
            json!({ "name": "x", "products": ["x"] }),
            "400 invalid_field",
        ),
        (
            json!({ "name": "x", "bot_filter_mode": "x" }),
            "400 invalid_field",
        ),
        (
            json!({ "name": "x", "postbacks": "closed" }),
            "400 invalid_field",
        ),
        // No key could have these scopes.
        (
            json!({ "name": "x", "postbacks": "token" }),
            "400 invalid_field",
        ),
        (
            json!({ "name": "x", "postback_secrets": ["fifteen letters"] }),
            "400 invalid_field",
        ),
        (
            json!({ "name": "x", "postback_secrets": [
                "a long secret, number 1", "a long secret, number 2", "a long secret, number 3",
                "a long secret, number 4", "a long secret, number 5", "a long secret, number 6",
            ] }),
            "400 invalid_field",
        ),
        (
            json!({ "name": "x", "postback_max_amount": "0" }),
            "400 invalid_field",
        ),
        (
            json!({ "name": "x", "postback_max_amount": "1.23456" }),
            "400 invalid_field",
        ),
        (
            json!({ "name": "x", "click_cost": { "parameter": "cost" } }),
            "400 invalid_field",
        ),
        (
            json!({ "name": "x", "click_cost": { "max": "1", "name": "cost" } }),
            "400 unknown_field",
        ),
        (
            json!({ "name": "x", "allowed_countries": ["us"] }),
            "400 invalid_field",
        ),
        (
            json!({ "name": "x", "blocked_countries": ["USA"] }),
            "400 invalid_field",
        ),
    ] {
        assert_eq!(
            status_and_code(call(Method::POST, "/api/v2/accounts", body).await),
            expected
        );
    }

    let keys = format!("{own}/keys");
    let body = json!({ "name": "sender", "scopes": ["links:read", "offers:*"], "expires_at": "2100-01-01T00:00:00Z" });
    let (status, key) = call(Method::POST, &keys, body).await;
    assert_eq!(status, 201);
    let secret = key["key"].as_str().unwrap().to_owned();
    assert_eq!(key["prefix"].as_str().unwrap(), &secret[..8]);
    assert_eq!(
        api.client
            .call(&secret, Method::GET, "/api/v2/links", None)
            .await
            .0,
        200
    );
    let one = format!("{keys}/{}", key["id"]);
    let (_, got) = call(Method::GET, &one, Value::Null).await;
    assert_eq!(got["key"], Value::Null, "shown once");
    assert!(got["last_used_at"].is_string());
    let sql = format!(
        "SELECT count(*) FROM api_keys k WHERE k::text LIKE '%{}%'",
        &secret[8..]
    );
    assert_eq!(
        api.test_env.count(&sql).await,
        0,
        "only its digest is stored"
    );
    // Changed scopes and a revoked key take effect at once.
    let scopes = json!({ "scopes": ["offers:*"], "expires_at": "", "rate_limit_per_minute": 5 });
    let (_, changed) = call(Method::PUT, &one, scopes).await;
    assert_eq!(changed["expires_at"], Value::Null);
    assert_eq!(changed["rate_limit_per_minute"], 5);
    let answer = api
        .client
        .call(&secret, Method::GET, "/api/v2/links", None)
        .await;
    assert_eq!(status_and_code(answer), "403 insufficient_scope");
    let (status, answer) = call(Method::DELETE, &one, Value::Null).await;
    assert_eq!(
        (status, answer),
        (200, json!({ "success": true, "revoked": true }))
    );
    let answer = api
        .client
        .call(&secret, Method::GET, "/api/v2/offers", None)
        .await;
    assert_eq!(status_and_code(answer), "401 unauthorized");
    for (body, expected) in [
        (json!({}), "400 missing_name"),
        (
            json!({ "name": "x", "scopes": ["everything"] }),
            "400 invalid_field",
        ),
        (
            json!({ "name": "x", "rate_limit_per_minute": -1 }),
            "400 invalid_field",
        ),
        (
            json!({ "name": "x", "expires_at": "2020-01-01T00:00:00Z" }),
            "400 invalid_field",
        ),
    ] {
        assert_eq!(
            status_and_code(call(Method::POST, &keys, body).await),
            expected
        );
    }
    let nowhere = "/api/v2/accounts/0/keys";
    let answer = call(Method::POST, nowhere, json!({ "name": "x" })).await;
    assert_eq!(status_and_code(answer), "404 not_found");

    // The keys of a suspended account are refused at once.
    let tenant = format!("/api/v2/accounts/{}", api.tenant.account_id);
    call(Method::PUT, &tenant, json!({ "status": "suspended" })).await;
    let answer = api.get("/api/v2/links").await;
    assert_eq!(status_and_code(answer), "403 account_suspended");
    // A tenant's key has no access to operators' operations.
    call(Method::PUT, &tenant, json!({ "status": "active" })).await;
    let answer = api.get("/api/v2/accounts").await;
    assert_eq!(status_and_code(answer), "403 insufficient_scope");
}
