//! The affiliate API: the documented examples and errors.

use e2e::{
    client::{BOT, BROWSER, Client, parameter},
    wait::wait_for,
};
use insta::assert_json_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, status_and_code};

/// The tenant of the documented examples: its hosts and its campaigns.
async fn seed(name: &str) -> Api {
    let api = Api::start(name).await;
    api.sql(
        "UPDATE domains SET host = 'afl.ink' WHERE kind = 'short';
         UPDATE domains SET host = 'track.affilync.com' WHERE kind = 'click';
         INSERT INTO campaigns (id, account_id, name, landing_page_url)
         SELECT c.id, accounts.id, c.id, 'https://example.com/spring'
         FROM accounts, unnest(ARRAY['camp_abc123', 'camp_def456']) AS c (id);",
    )
    .await;
    api
}

/// Random ids are checked for their form and hidden.
fn redacted(link: &Value) -> Value {
    let id = link["id"].as_str().unwrap();
    let code = id.strip_prefix("lnk_").unwrap();
    assert!(domain::id::LinkCode::parse(code).is_ok(), "{id}");
    let short = link["short_url"]
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap();
    assert!(
        domain::id::ShortId::parse(short).is_ok() && short.len() == 7,
        "{short}"
    );
    let time = link["created_at"].as_str().unwrap();
    assert!(time.ends_with('Z'), "{time}");
    let text = link
        .to_string()
        .replace(code, "[code]")
        .replace(short, "[short]");
    serde_json::from_str(&text.replace(time, "[time]")).unwrap()
}

#[tokio::test]
async fn the_documented_requests_get_the_documented_responses() {
    let api = seed("affiliate").await;
    let created = api
        .create(
            "/api/links",
            json!({
                "campaign_id": "camp_abc123",
                "sub_id_1": "email-footer",
                "sub_id_2": "welcome-series",
                "landing_page_url": "https://example.com/spring?ref=email",
            }),
        )
        .await;
    assert_json_snapshot!(redacted(&created), @r#"
    {
      "campaign_id": "camp_abc123",
      "clicks": 0,
      "conversions": 0,
      "created_at": "[time]",
      "id": "lnk_[code]",
      "landing_page_url": "https://example.com/spring?ref=email",
      "short_url": "https://afl.ink/[short]",
      "status": "active",
      "sub_id_1": "email-footer",
      "sub_id_2": "welcome-series",
      "sub_id_3": null,
      "unique_clicks": 0,
      "url": "https://track.affilync.com/c/[code]"
    }
    "#);

    let bulk = api
        .create(
            "/api/links/bulk",
            json!({ "links": [
                { "campaign_id": "camp_abc123", "sub_id_1": "twitter", "sub_id_2": "bio" },
                { "campaign_id": "camp_abc123", "sub_id_1": "instagram", "sub_id_2": "story" },
                { "campaign_id": "camp_def456", "sub_id_1": "blog", "sub_id_2": "sidebar" },
            ]}),
        )
        .await;
    assert_eq!(bulk["created"], 3);
    let subs: Vec<_> = bulk["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| &l["sub_id_1"])
        .collect();
    assert_eq!(subs, ["twitter", "instagram", "blog"], "the order is kept");
    assert_json_snapshot!(redacted(&bulk["links"][2]), @r#"
    {
      "campaign_id": "camp_def456",
      "clicks": 0,
      "conversions": 0,
      "created_at": "[time]",
      "id": "lnk_[code]",
      "landing_page_url": "https://example.com/spring",
      "short_url": "https://afl.ink/[short]",
      "status": "active",
      "sub_id_1": "blog",
      "sub_id_2": "sidebar",
      "sub_id_3": null,
      "unique_clicks": 0,
      "url": "https://track.affilync.com/c/[code]"
    }
    "#);

    let id = created["id"].as_str().unwrap();
    let (status, got) = api.get(&format!("/api/links/{id}")).await;
    assert_eq!((status, &got), (200, &created));

    let (status, listed) = api.get("/api/links").await;
    assert_eq!(status, 200);
    assert_eq!(
        listed["meta"],
        json!({ "page": 1, "per_page": 20, "total": 4 })
    );
    assert_eq!(listed["data"][3], created, "the newest first");
    let list = async |query: &str| {
        let (_, listed) = api.get(&format!("/api/links?{query}")).await;
        let data = listed["data"].as_array().unwrap().len();
        (data, listed["meta"]["total"].as_i64().unwrap())
    };
    assert_eq!(list("campaign_id=camp_def456").await, (1, 1));
    let (status, refused) = api.get("/api/links?campaign_id=camp_none").await;
    assert_eq!(
        (status, &refused["error_code"]),
        (422, &json!("VALIDATION_ERROR"))
    );
    assert_eq!(list("page=2&per_page=3").await, (1, 4));
    assert_eq!(list("status=deactivated").await, (0, 0));

    // A patch with the documented body.
    let body = json!({ "status": "deactivated" });
    let (status, patched) = api
        .call(Method::PATCH, &format!("/api/links/{id}"), body)
        .await;
    assert_eq!((status, &patched["status"]), (200, &json!("deactivated")));
    assert_eq!(list("status=deactivated").await, (1, 1));
    assert_eq!(list("").await, (3, 3), "active by default");
    let body = json!({ "status": "active", "landing_page_url": "" });
    let (_, patched) = api
        .call(Method::PATCH, &format!("/api/links/{id}"), body)
        .await;
    assert_eq!(patched["landing_page_url"], "https://example.com/spring");
    api.service.stop();
}

#[tokio::test]
async fn errors_have_the_affiliate_format() {
    let api = seed("errors").await;
    let (status, body) = api.get("/api/links/lnk_00000000").await;
    assert_eq!(
        (status, body),
        (
            404,
            json!({
                "detail": "There is no such link.",
                "error_code": "RESOURCE_NOT_FOUND",
                "status": 404,
            })
        )
    );
    let (status, body) = api
        .post(
            "/api/links/bulk",
            json!({ "links": [
                { "campaign_id": "camp_abc123" },
                { "landing_page_url": "nothing", "sub_id_3": "x".repeat(256), "slug": "?" },
            ]}),
        )
        .await;
    assert_eq!(status, 422);
    assert_json_snapshot!(body, @r#"
    {
      "detail": "The request is not valid: links[1].campaign_id: it is required, such as \"camp_abc123\"; links[1].sub_id_3: it exceeds 255 characters; links[1].landing_page_url: the URL does not start with http:// or https://; links[1].slug: it is the text \"?\", not 3 to 64 of A-Z, a-z, 0-9, _ and -, or reserved.",
      "error_code": "VALIDATION_ERROR",
      "fields": [
        {
          "field": "links[1].campaign_id",
          "message": "it is required, such as \"camp_abc123\""
        },
        {
          "field": "links[1].sub_id_3",
          "message": "it exceeds 255 characters"
        },
        {
          "field": "links[1].landing_page_url",
          "message": "the URL does not start with http:// or https://"
        },
        {
          "field": "links[1].slug",
          "message": "it is the text \"?\", not 3 to 64 of A-Z, a-z, 0-9, _ and -, or reserved"
        }
      ],
      "status": 422
    }
    "#);
    assert_eq!(api.test_env.count("SELECT count(*) FROM links").await, 0);

    api.sql("UPDATE campaigns SET status = 'paused' WHERE id = 'camp_def456'")
        .await;
    let links = |body: Value| api.post("/api/links", body);
    for (body, expected) in [
        (
            json!({ "campaign_id": "camp_none" }),
            "404 RESOURCE_NOT_FOUND",
        ),
        (json!({ "campaign_id": "none" }), "404 RESOURCE_NOT_FOUND"),
        (
            json!({ "campaign_id": "camp_def456" }),
            "409 CAMPAIGN_NOT_ACTIVE",
        ),
        (json!({ "campaign_id": 7 }), "422 VALIDATION_ERROR"),
        (json!({}), "422 VALIDATION_ERROR"),
    ] {
        assert_eq!(status_and_code(links(body).await), expected);
    }
    let slug = json!({ "campaign_id": "camp_abc123", "slug": "mine" });
    assert_eq!(links(slug.clone()).await.0, 201);
    assert_eq!(status_and_code(links(slug).await), "409 DUPLICATE_RESOURCE");
    // All or nothing.
    let body = json!({ "links": [
        { "campaign_id": "camp_abc123", "slug": "other" },
        { "campaign_id": "camp_abc123", "slug": "mine" },
    ]});
    let answer = api.post("/api/links/bulk", body).await;
    assert_eq!(status_and_code(answer), "409 DUPLICATE_RESOURCE");
    assert_eq!(api.test_env.count("SELECT count(*) FROM links").await, 1);
    for (n_links, status) in [(0, 422), (500, 201), (501, 422)] {
        let body = json!({ "links": vec![json!({ "campaign_id": "camp_abc123" }); n_links] });
        assert_eq!(
            api.post("/api/links/bulk", body).await.0,
            status,
            "{n_links}"
        );
    }
    let request = api.client.api_request(Method::POST, "/api/links");
    let response = request
        .header("X-Api-Key", &api.tenant.key)
        .body("{")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error_code"], "INVALID_JSON");

    let patch = |body: Value| api.call(Method::PATCH, "/api/links/lnk_00000000", body);
    assert_eq!(
        status_and_code(patch(json!({ "status": "x" })).await),
        "422 VALIDATION_ERROR"
    );
    assert_eq!(
        status_and_code(patch(json!({ "status": "active" })).await),
        "404 RESOURCE_NOT_FOUND"
    );
    assert_eq!(
        status_and_code(api.get("/api/links?per_page=101").await),
        "422 VALIDATION_ERROR"
    );

    // The shortener has no host to fall back to.
    api.sql("UPDATE domains SET status = 'disabled' WHERE kind = 'short'")
        .await;
    let answer = links(json!({ "campaign_id": "camp_abc123" })).await;
    assert_eq!(status_and_code(answer), "409 NO_DOMAIN_CONFIGURED");

    let without_key = api.client.call("", Method::GET, "/api/links", None).await;
    assert_eq!(status_and_code(without_key), "401 TOKEN_INVALID");
    api.sql("UPDATE api_keys SET scopes = '{links:read}'").await;
    let answer = links(json!({ "campaign_id": "camp_abc123" })).await;
    assert_eq!(status_and_code(answer), "403 INSUFFICIENT_SCOPE");
}

#[tokio::test]
async fn clicks_go_to_the_landing_page_and_are_counted() {
    let api = seed("counted").await;
    let (edge, worker) = (
        api.test_env.start_edge(&api.service),
        api.test_env.start_worker(),
    );
    let client = Client::new(&api.service, Some(&edge));
    let own = json!({
        "campaign_id": "camp_abc123",
        "sub_id_1": "email footer",
        "landing_page_url": "https://example.com/own?s={sub1}#top",
    });
    let own = api.create("/api/links", own).await;
    let url = |name: &str| own[name].as_str().unwrap().to_owned();
    // Both URLs redirect in one hop.
    let mut n_clicks = 0;
    for name in ["url", "short_url"] {
        let to = client.click(&url(name), BROWSER).await.destination();
        let click_id = parameter(&to, "afk_cid").unwrap();
        assert_eq!(
            to,
            format!("https://example.com/own?s=email%20footer&afk_cid={click_id}#top")
        );
        n_clicks += 1;
    }
    client.click(&url("url"), BOT).await.destination();
    n_clicks += 1;
    // The code works only on its own host.
    let other_host = url("url").replace("track.affilync.com", "afl.ink");
    assert_eq!(client.click(&other_host, BROWSER).await.status, 404);

    // The landing page and its parameter are those at the time of the click.
    let inheriting = api
        .create("/api/links", json!({ "campaign_id": "camp_def456" }))
        .await;
    let inheriting = inheriting["url"].as_str().unwrap();
    let to = client.click(inheriting, BROWSER).await.destination();
    assert!(
        to.starts_with("https://example.com/spring?afk_cid="),
        "{to}"
    );
    let change =
        json!({ "landing_page_url": "https://example.com/autumn", "click_id_param": "cid" });
    let (status, _) = api
        .call(Method::PATCH, "/api/campaigns/camp_def456", change)
        .await;
    assert_eq!(status, 200);
    wait_for("the campaign's new page", true, async || {
        let to = client.click(inheriting, BROWSER).await.destination();
        to.starts_with("https://example.com/autumn?cid=")
    })
    .await;
    let pause = json!({ "status": "paused" });
    api.call(Method::PATCH, "/api/campaigns/camp_def456", pause)
        .await;
    wait_for("the end of a paused campaign", 404, async || {
        client.click(inheriting, BROWSER).await.status
    })
    .await;

    let path = format!("/api/links/{}", own["id"].as_str().unwrap());
    wait_for("the counts", (n_clicks, 1), async || {
        let (_, link) = api.get(&path).await;
        let count = |name: &str| link[name].as_i64().unwrap();
        (count("clicks"), count("unique_clicks"))
    })
    .await;
    worker.stop();
    edge.stop();
}

#[tokio::test]
async fn campaigns_can_be_created_and_changed() {
    let api = Api::start("campaigns").await;
    let campaign = json!({ "name": "Spring", "landing_page_url": "https://example.com/spring" });
    let created = api.create("/api/campaigns", campaign).await;
    assert_json_snapshot!(created, { ".id" => "[id]", ".created_at" => "[time]" }, @r#"
    {
      "click_id_param": "afk_cid",
      "cookie_window_days": 30,
      "created_at": "[time]",
      "description": null,
      "id": "[id]",
      "landing_page_url": "https://example.com/spring",
      "name": "Spring",
      "status": "active"
    }
    "#);
    let path = format!("/api/campaigns/{}", created["id"].as_str().unwrap());
    assert_eq!(api.get(&path).await, (200, created.clone()));
    let change = json!({
        "name": "Autumn", "description": "d", "status": "draft", "click_id_param": "cid",
        "cookie_window_days": 7, "landing_page_url": "https://example.com/{sub1}",
    });
    let (status, changed) = api.call(Method::PATCH, &path, change.clone()).await;
    assert_eq!(status, 200);
    for (name, value) in change.as_object().unwrap() {
        assert_eq!(changed[name], *value, "{name}");
    }
    let (_, listed) = api.get("/api/campaigns?status=draft").await;
    assert_eq!(listed["data"], json!([changed]));
    assert_eq!(
        listed["meta"],
        json!({ "page": 1, "per_page": 20, "total": 1 })
    );
    let wrong = json!({
        "name": "", "landing_page_url": "javascript:alert(1)", "status": "x",
        "click_id_param": "a b", "cookie_window_days": 0, "description": "x".repeat(2001),
    });
    for (method, at) in [
        (Method::POST, "/api/campaigns"),
        (Method::PATCH, path.as_str()),
    ] {
        let (status, body) = api.call(method, at, wrong.clone()).await;
        assert_eq!(
            (status, &body["error_code"]),
            (422, &json!("VALIDATION_ERROR"))
        );
        let fields = body["fields"].as_array().unwrap().iter();
        let fields: Vec<_> = fields
            .map(|field| field["field"].as_str().unwrap())
            .collect();
        assert_eq!(
            fields,
            [
                "name",
                "description",
                "landing_page_url",
                "status",
                "click_id_param",
                "cookie_window_days"
            ]
        );
    }
    api.call(Method::PATCH, &path, json!({ "status": "active" }))
        .await;
    let link = json!({ "campaign_id": created["id"] });
    api.create("/api/links", link).await;
    let unused = api.campaign().await;
    let answer = api.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!(status_and_code(answer), "409 CAMPAIGN_IN_USE");
    let answer = api
        .call(
            Method::DELETE,
            &format!("/api/campaigns/{unused}"),
            Value::Null,
        )
        .await;
    assert_eq!(answer, (204, Value::Null));
    let answer = api.get(&format!("/api/campaigns/{unused}")).await;
    assert_eq!(status_and_code(answer), "404 RESOURCE_NOT_FOUND");
}
