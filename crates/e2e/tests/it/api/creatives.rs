//! Creatives: the documented examples and errors, and rendering.

use std::collections::{BTreeMap, BTreeSet};

use e2e::{
    client::{BOT, BROWSER, Client, create_account, create_key, parameter, split},
    wait::wait_for,
};
use futures_util::{StreamExt as _, stream};
use insta::assert_json_snapshot;
use reqwest::{Method, header};
use serde_json::{Value, json};

use super::{Api, status_and_code};

const PATH: &str = "/api/v2/creatives";

/// The documented request, for an offer of the tenant.
fn seed_body(offer_id: &str) -> Value {
    json!({
        "name": "Summer Sale Promo",
        "message": "Hot deals just for you! Shop now: {{link1}} Reply STOP to opt out.",
        "offer_links": [
            { "key": "link1", "offer_id": offer_id, "url_params": { "sub1": "sms" } }
        ],
        "status": "active",
        "creative_type": "automated",
    })
}

/// A creative with this message, each of its placeholders for the offer.
async fn creative(api: &Api, message: &str, offer_id: &str) -> i64 {
    let placeholders = domain::message::link_placeholders(message);
    let links = placeholders
        .iter()
        .map(|key| json!({ "key": key, "offer_id": offer_id }));
    let body = json!({ "name": "A creative", "message": message, "offer_links": links.collect::<Vec<_>>() });
    let created = api.create(PATH, body).await;
    created["creative"]["id"].as_i64().unwrap()
}

async fn render(api: &Api, creative: i64, messages: Value) -> (u16, Value) {
    let body = json!({ "listId": api.tenant.list_id, "messages": messages });
    api.post(&format!("{PATH}/{creative}/render"), body).await
}

#[tokio::test]
async fn the_documented_example_gets_the_documented_response() {
    let api = Api::start("creative").await;
    let offer = api
        .sms_offer("https://e.com/?c={click_id}", json!({}))
        .await;
    let created = api.create(PATH, seed_body(&offer)).await;
    assert_eq!(created["creative"]["offers"], json!([offer]));
    let other_base = api.create("/v2/creatives", seed_body(&offer)).await;
    assert_eq!(
        other_base["creative"]["offer_links"],
        created["creative"]["offer_links"]
    );
    assert_json_snapshot!(created, {
        ".creative.id" => "[id]",
        ".creative.offers" => "[offers]",
        ".creative.offer_links[].offer_id" => "[offer]",
        ".creative.created_at" => "[time]",
        ".creative.updated_at" => "[time]",
    }, @r#"
    {
      "creative": {
        "character_count": 114,
        "created_at": "[time]",
        "creative_type": "automated",
        "encoding": "GSM-7",
        "exact": {
          "encoding": "GSM-7",
          "length": 114,
          "segments": 1
        },
        "id": "[id]",
        "message": "Hot deals just for you! Shop now: {{link1}} Reply STOP to opt out.",
        "name": "Summer Sale Promo",
        "offer_links": [
          {
            "key": "link1",
            "offer_id": "[offer]",
            "url": null,
            "url_params": {
              "sub1": "sms"
            }
          }
        ],
        "offers": "[offers]",
        "segment_count": 1,
        "status": "active",
        "updated_at": "[time]"
      },
      "success": true
    }
    "#);
}

#[tokio::test]
async fn documented_errors_are_reported_in_their_order() {
    let api = Api::start("creativeerrors").await;
    let offer = api.sms_offer("https://e.com/", json!({})).await;
    let nobodys = "000000000000000000000000";
    // Each request also has all errors that the table lists after its own.
    let mut body = json!({
        "name": "", "message": "", "offer_links": [], "status": "archived", "creative_type": "x",
    });
    let long = "x".repeat(1601);
    for (expected, field, better) in [
        ("400 missing_name", "name", json!("x".repeat(256))),
        ("400 missing_message", "message", json!(long)),
        (
            "400 missing_offer_links",
            "offer_links",
            json!([{}, { "key": "link2" }]),
        ),
        ("400 name_too_long", "name", json!("x".repeat(255))),
        ("400 message_too_long", "message", json!("no placeholder")),
        ("400 invalid_status", "status", json!("paused")),
        (
            "400 invalid_creative_type",
            "creative_type",
            json!("welcome"),
        ),
        (
            "400 missing_link_placeholder",
            "message",
            json!("{{link1}} {{link2}}"),
        ),
        (
            "400 missing_offer_links_for_placeholders",
            "offer_links",
            json!([{ "key": "link1" }, { "key": "link2" }, {}]),
        ),
        (
            "400 missing_offer_link_key",
            "offer_links",
            json!([{ "key": "link1", "offer_id": nobodys }, { "key": "link2" }]),
        ),
        (
            "400 missing_offer_link_offer_id",
            "offer_links",
            json!([
                { "key": "link1", "offer_id": nobodys },
                { "key": "link2", "offer_id": nobodys },
                { "key": "link1", "offer_id": nobodys },
            ]),
        ),
        (
            "400 duplicate_offer_link_key",
            "offer_links",
            json!([
                { "key": "link1", "offer_id": nobodys, "url": "ftp://e.com" },
                { "key": "link2", "offer_id": nobodys },
            ]),
        ),
        (
            "400 invalid_url",
            "offer_links",
            json!([
                { "key": "link1", "offer_id": nobodys, "url_params": { "utm": "x" } },
                { "key": "link2", "offer_id": nobodys },
            ]),
        ),
        (
            "400 invalid_field",
            "offer_links",
            json!([
                { "key": "link1", "offer_id": nobodys },
                { "key": "link2", "offer_id": offer },
            ]),
        ),
        (
            "400 offer_not_found",
            "offer_links",
            json!([
                { "key": "link1", "offer_id": offer },
                { "key": "link2", "offer_id": api.tenant.offer_id },
                { "key": "surplus", "offer_id": offer },
            ]),
        ),
    ] {
        // Authentication is checked first.
        let without_key = api.client.call("", Method::POST, PATH, Some(&body)).await;
        assert_eq!(status_and_code(without_key), "401 unauthorized");
        assert_eq!(
            status_and_code(api.post(PATH, body.clone()).await),
            expected
        );
        body[field] = better;
    }
    let created = api.create(PATH, body.clone()).await;
    let creative = &created["creative"];
    assert_eq!(
        creative["offer_links"].as_array().unwrap().len(),
        3,
        "surplus entries are kept"
    );
    assert_eq!(creative["offers"], json!([offer, api.tenant.offer_id]));
    // An update is validated like a create.
    let own = format!("{PATH}/{}", creative["id"]);
    for (body, expected) in [
        (json!({ "name": "" }), "400 missing_name"),
        (json!({ "message": "" }), "400 missing_message"),
        (json!({ "offer_links": [] }), "400 missing_offer_links"),
        (json!({ "status": "x" }), "400 invalid_status"),
        (json!({ "message": "none" }), "400 missing_link_placeholder"),
        (
            json!({ "message": "{{link3}}" }),
            "400 missing_offer_links_for_placeholders",
        ),
        (
            json!({ "offer_links": [{ "key": "link1", "offer_id": nobodys }] }),
            "400 missing_offer_links_for_placeholders",
        ),
        (json!({ "offer_links": 7 }), "400 invalid_field"),
        (json!({ "name": 7 }), "400 invalid_field"),
    ] {
        assert_eq!(
            status_and_code(api.call(Method::PUT, &own, body).await),
            expected
        );
    }
}

#[tokio::test]
async fn creatives_are_listed_changed_and_archived() {
    let api = Api::start("creatives").await;
    let offer = api.sms_offer("https://e.com/", json!({})).await;
    let created = api.create(PATH, seed_body(&offer)).await["creative"].clone();
    let own = format!("{PATH}/{}", created["id"]);
    assert_eq!(api.get(&own).await, (200, created.clone()));
    let mut welcome = seed_body(&offer);
    welcome["creative_type"] = json!("welcome");
    api.create(PATH, welcome).await;
    let total = async |query: &str| {
        let (_, body) = api.get(&format!("{PATH}?{query}")).await;
        body["pagination"]["total"].as_i64().unwrap()
    };
    assert_eq!(
        (total("").await, total("creative_type=welcome").await),
        (2, 1)
    );
    let (status, changed) = api
        .call(
            Method::PUT,
            &own,
            json!({ "message": "я {{link1}}", "status": "paused" }),
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(
        (&changed["encoding"], &changed["character_count"]),
        (&json!("UCS-2"), &json!(59))
    );
    assert_eq!(
        changed["offer_links"], created["offer_links"],
        "not sent, not changed"
    );
    assert_eq!((total("").await, total("status=paused").await), (1, 1));
    let answer = render(&api, created["id"].as_i64().unwrap(), messages(1)).await;
    assert_eq!(status_and_code(answer), "409 creative_not_active");
    let (status, answer) = api.call(Method::DELETE, &own, Value::Null).await;
    assert_eq!(
        (status, answer),
        (200, json!({ "success": true, "archived": true }))
    );
    assert_eq!(total("status=archived").await, 1);
    let (_, revived) = api
        .call(Method::PUT, &own, json!({ "status": "active" }))
        .await;
    assert_eq!(revived["status"], "active");
    let (_, archived) = api
        .call(Method::PUT, &own, json!({ "status": "archived" }))
        .await;
    assert_eq!(archived["status"], "archived");
    assert_eq!(
        status_and_code(api.get(&format!("{PATH}/0")).await),
        "404 not_found"
    );
    for query in ["status=x", "creative_type=x", "page=0"] {
        assert_eq!(
            status_and_code(api.get(&format!("{PATH}?{query}")).await),
            "400 invalid_field"
        );
    }
}

/// Messages `m-0`, `m-1`, ... for contacts of their own.
fn messages(n: usize) -> Value {
    (0..n)
        .map(|i| json!({ "messageId": format!("m-{i}"), "contactPhone": phone(i) }))
        .collect()
}

fn phone(i: usize) -> String {
    format!("+1202555{i:04}")
}

#[tokio::test]
async fn messages_are_rendered_in_request_order_and_measured() {
    let api = Api::start("rendered").await;
    let operator = create_account(&api.test_env, "operator");
    let admin = create_key(&api.test_env, operator, &["admin"]);
    let account = format!("/api/v2/accounts/{}", api.tenant.account_id);
    let frame = json!({ "prepend_text": "{{brand_name}}: ", "append_text": "Reply STOP" });
    api.client
        .call(&admin, Method::PUT, &account, Some(&frame))
        .await;
    let list = format!("/api/v2/lists/{}", api.tenant.list_id);
    api.call(Method::PUT, &list, json!({ "brand_name": "ACME" }))
        .await;
    let offer = api
        .sms_offer("https://e.com/?c={click_id}", json!({}))
        .await;
    let text = "Hi {{contact.first_name}} ({{contact.phone}}), {{code}}: {{link1}} or {{link2}}";
    let id = creative(&api, text, &offer).await;
    let asked = json!([
        {
            "messageId": "b", "contactPhone": "+12025550101",
            "variables": { "contact.first_name": "Zoë", "code": "{{link1}} {{x}}" },
        },
        {
            "messageId": "a", "contactPhone": "+12025550102",
            "variables": { "first_name": "Ada", "code": "X€" },
        },
    ]);
    let (status, answer) = render(&api, id, asked.clone()).await;
    assert_eq!(status, 201, "{answer}");
    let rendered = answer["messages"].as_array().unwrap();
    let text = |message: &Value| {
        let mut text = message["text"].as_str().unwrap().to_owned();
        for (name, url) in message["links"].as_object().unwrap() {
            text = text.replace(url.as_str().unwrap(), &format!("<{name}>"));
        }
        text
    };
    assert_eq!(
        text(&rendered[0]),
        "ACME: Hi Zoë (+12025550101), {{link1}} {{x}}: <link1> or <link2>\nReply STOP",
        "a value is not read again"
    );
    assert_eq!(
        text(&rendered[1]),
        "ACME: Hi Ada (+12025550102), X€: <link1> or <link2>\nReply STOP"
    );
    for message in rendered {
        let size = domain::sms::measure(message["text"].as_str().unwrap());
        assert_eq!(message["length"], size.length);
        assert_eq!(message["segments"], size.segments);
    }
    assert_eq!(rendered[0]["encoding"], "UCS-2");
    assert_eq!(
        (&rendered[1]["encoding"], &rendered[1]["length"]),
        (&json!("GSM-7"), &json!(113))
    );

    // A repeated render with one more message returns the same links.
    let mut again = asked.as_array().unwrap().clone();
    again.reverse();
    again.push(json!({
        "messageId": "c", "contactPhone": "+12025550103",
        "variables": { "first_name": "C", "code": "" },
    }));
    let (_, answer) = render(&api, id, json!(again)).await;
    let second = answer["messages"].as_array().unwrap();
    assert_eq!(second[0], rendered[1]);
    assert_eq!(second[1], rendered[0]);
    assert_eq!(
        api.test_env
            .count("SELECT count(*) FROM links WHERE message_id IS NOT NULL")
            .await,
        6
    );
    assert_eq!(api.test_env.count("SELECT count(*) FROM messages").await, 3);

    // The texts of the list replace those of the account.
    let own = json!({ "prepend_text": "L", "append_text": " end" });
    api.call(Method::PUT, &list, own).await;
    let (_, answer) = render(&api, id, json!([again[2]])).await;
    let framed = text(&answer["messages"][0]);
    assert!(
        framed.starts_with("L Hi C") && framed.ends_with("<link2> end"),
        "{framed}"
    );

    // The preview of an unsaved creative has the same texts and an estimate.
    let preview = json!({
        "message": "Hi {{contact.first_name}}! {{link1}}", "listId": api.tenant.list_id,
        "messages": [again[0]],
    });
    let (status, answer) = api.post("/api/v2/creatives/preview", preview).await;
    assert_eq!(status, 200);
    assert_json_snapshot!(answer, @r#"
    {
      "character_count": 84,
      "encoding": "GSM-7",
      "exact": {
        "encoding": "GSM-7",
        "length": 88,
        "segments": 1
      },
      "messages": [
        {
          "contactPhone": "+12025550102",
          "encoding": "GSM-7",
          "length": 46,
          "links": {
            "link1": "https://rendered.example/xxxxxxx"
          },
          "messageId": "a",
          "segments": 1,
          "text": "L Hi Ada! https://rendered.example/xxxxxxx end"
        }
      ],
      "segment_count": 1,
      "success": true
    }
    "#);
    let (_, answer) = api
        .post(
            "/api/v2/creatives/preview",
            json!({ "message": "{{link1}}" }),
        )
        .await;
    assert_eq!(
        (&answer["character_count"], &answer["messages"]),
        (&json!(57), &json!([]))
    );
    assert_eq!(api.test_env.count("SELECT count(*) FROM messages").await, 3);
}

#[tokio::test]
async fn every_error_of_a_render_is_reported() {
    let api = Api::start("rendererrors").await;
    let offer = api.sms_offer("https://e.com/", json!({})).await;
    let id = creative(&api, "{{contact.first_name}} {{link1}}", &offer).await;
    let path = format!("{PATH}/{id}/render");
    let list = api.tenant.list_id;
    let message = json!({
        "messageId": "m", "contactPhone": "+12025550101", "variables": { "first_name": "x" },
    });
    let with = |field: &str, value: Value| {
        let mut message = message.clone();
        message[field] = value;
        json!({ "listId": list, "messages": [message] })
    };
    for (body, expected, named) in [
        (json!({}), "400 missing_list_identifier", "listId"),
        (
            json!({ "phoneNumber": "1" }),
            "400 invalid_phone",
            "phoneNumber",
        ),
        (
            json!({ "listId": list }),
            "400 missing_messages",
            "messages",
        ),
        (
            json!({ "listId": list, "messages": [] }),
            "400 missing_messages",
            "messages",
        ),
        (
            json!({ "listId": list, "messages": vec![&message; 1001] }),
            "400 too_many_messages",
            "1000",
        ),
        (
            json!({ "listId": list, "messages": [message, message] }),
            "400 duplicate_message_id",
            "messageId m ",
        ),
        (
            json!({ "listId": list, "on_error": "ignore", "messages": [message] }),
            "400 invalid_field",
            "on_error",
        ),
        (
            with("messageId", json!(null)),
            "400 invalid_field",
            "messages[0].messageId",
        ),
        (
            with("messageId", json!("x".repeat(256))),
            "400 invalid_field",
            "messages[0].messageId",
        ),
        (
            with("contactPhone", json!("")),
            "400 invalid_field",
            "messages[0].contactPhone",
        ),
        (
            with("contactPhone", json!("123")),
            "400 invalid_phone",
            "messages[0].contactPhone",
        ),
        (
            with("variables", json!({ "first_name": 1 })),
            "400 invalid_field",
            "variables",
        ),
        (
            with("variables", json!({ "first_name": "x".repeat(1601) })),
            "400 invalid_field",
            "variables.first_name",
        ),
        (
            with("variables", json!({})),
            "400 unknown_variable",
            "{{contact.first_name}}",
        ),
        (
            json!({ "listId": 0, "messages": [message] }),
            "404 list_not_found",
            "list",
        ),
    ] {
        let (status, answer) = api.post(&path, body).await;
        assert!(
            answer["error"].as_str().unwrap().contains(named),
            "{named}: {answer}"
        );
        assert_eq!(status_and_code((status, answer)), expected);
    }
    let good = json!({ "listId": list, "messages": [message] });
    let nowhere = api.post(&format!("{PATH}/0/render"), good.clone()).await;
    assert_eq!(status_and_code(nowhere), "404 not_found");
    let paused = format!("/api/v2/offers/{offer}");
    api.call(Method::PUT, &paused, json!({ "status": "paused" }))
        .await;
    assert_eq!(
        status_and_code(api.post(&path, good.clone()).await),
        "404 offer_not_found"
    );
    api.call(Method::PUT, &paused, json!({ "status": "active" }))
        .await;
    assert_eq!(
        api.test_env.count("SELECT count(*) FROM messages").await,
        0,
        "nothing half done"
    );
    assert_eq!(api.test_env.count("SELECT count(*) FROM links").await, 0);
    assert_eq!(api.post(&path, good.clone()).await.0, 201);
    // A message id belongs to one creative, list and contact.
    let other = with("contactPhone", json!("+12025550102"));
    assert_eq!(
        status_and_code(api.post(&path, other).await),
        "409 message_mismatch"
    );
    let second = creative(&api, "{{link1}}", &offer).await;
    let answer = api
        .post(&format!("{PATH}/{second}/render"), good.clone())
        .await;
    assert_eq!(status_and_code(answer), "409 message_mismatch");
    api.sql("UPDATE lists SET short_domain_id = NULL").await;
    assert_eq!(
        status_and_code(api.post(&path, good).await),
        "409 no_domain_configured"
    );
    for (body, expected) in [
        (json!({}), "400 missing_message"),
        (
            json!({ "message": "x".repeat(1601) }),
            "400 message_too_long",
        ),
        (json!({ "message": "x" }), "400 missing_link_placeholder"),
        (
            json!({ "message": "{{link1}}", "messages": vec![&message; 101] }),
            "400 too_many_messages",
        ),
        (
            json!({ "message": "{{link1}}", "messages": [message] }),
            "400 missing_list_identifier",
        ),
    ] {
        let answer = api.post("/api/v2/creatives/preview", body).await;
        assert_eq!(status_and_code(answer), expected);
    }
}

#[tokio::test]
async fn concurrent_renders_of_a_message_get_the_same_links() {
    let api = Api::start("oncerendered").await;
    let offer = api.sms_offer("https://e.com/", json!({})).await;
    let id = creative(&api, "{{link1}} {{link2}}", &offer).await;
    let mut backwards = messages(50);
    backwards.as_array_mut().unwrap().reverse();
    let (a, b, c) = tokio::join!(
        render(&api, id, messages(50)),
        render(&api, id, backwards),
        render(&api, id, messages(50)),
    );
    assert_eq!((a.0, b.0, c.0), (201, 201, 201), "{a:?} {b:?} {c:?}");
    assert_eq!(a.1, c.1);
    let mut reversed = b.1["messages"].as_array().unwrap().clone();
    reversed.reverse();
    assert_eq!(a.1["messages"], json!(reversed));
    assert_eq!(api.test_env.count("SELECT count(*) FROM links").await, 100);
    // A placeholder that was added later gets one link.
    let links = (1..4).map(|n| json!({ "key": format!("link{n}"), "offer_id": offer }));
    let change = json!({
        "message": "{{link1}} {{link2}} {{link3}}",
        "offer_links": links.collect::<Vec<_>>(),
    });
    let path = format!("{PATH}/{id}");
    assert_eq!(api.call(Method::PUT, &path, change).await.0, 200);
    let again = || render(&api, id, messages(50));
    let (a, b) = tokio::join!(again(), again());
    assert_eq!(a.0, 201);
    assert_eq!(a, b);
    assert_eq!(api.test_env.count("SELECT count(*) FROM links").await, 150);
}

/// Renders a creative for 1,000 contacts, of whom 300 click.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_clicks_have_their_message_and_contact() {
    let api = Api::start("wholeway").await;
    let edge = api.test_env.start_edge(&api.service);
    let client = Client::new(&api.service, Some(&edge));
    let first = api
        .sms_offer("https://one.example/?c={click_id}&s={sub1}", json!({}))
        .await;
    let body = json!({
        "name": "Two offers",
        "message": "{{link1}} {{link2}}",
        "offer_links": [
            { "key": "link1", "offer_id": first, "url_params": { "sub1": "default" } },
            { "key": "link2", "offer_id": api.tenant.offer_id, "url": "https://own.example/page" },
        ],
    });
    let created = api.create(PATH, body).await;
    let creative_id = created["creative"]["id"].as_i64().unwrap();
    let (status, answer) = render(&api, creative_id, messages(1000)).await;
    assert_eq!(status, 201);
    let rendered = answer["messages"].as_array().unwrap();
    let url = |i: usize, link: &str| rendered[i]["links"][link].as_str().unwrap().to_owned();
    let click = async |url: String, agent: &str, query: &str| {
        client
            .click(&format!("{url}{query}"), agent)
            .await
            .destination()
    };

    // The destination of a link: its offer's with the placeholder's defaults, or the URL that
    // replaces it.
    let to = click(url(999, "link1"), BOT, "").await;
    assert_eq!(parameter(&to, "s").as_deref(), Some("default"));
    let to = click(url(999, "link1"), BOT, "?sub1=own").await;
    assert_eq!(parameter(&to, "s").as_deref(), Some("own"));
    let to = click(url(999, "link2"), BOT, "").await;
    assert!(to.starts_with("https://own.example/page?click_id="), "{to}");

    // 300 contacts: 200 people, of whom every second clicks both links, the
    // first one first; 60 bots; and 40 people after a bot. Late ones are those
    // that wait for the worker, which starts in the middle.
    let late = api.test_env.start_worker();
    late.stop();
    let expected: BTreeMap<String, &str> = (0..200)
        .map(|i| (i, if i % 3 == 0 { "link2" } else { "link1" }))
        .chain((260..300).map(|i| (i, "link1")))
        .map(|(i, link)| (format!("m-{i}"), link))
        .collect();
    let clicks = stream::iter(0..300).map(|i| {
        let (click, url, expected) = (&click, &url, &expected);
        async move {
            if (200..300).contains(&i) {
                click(url(i, "link2"), BOT, "").await;
            }
            if let Some(link) = expected.get(&format!("m-{i}")) {
                click(url(i, link), BROWSER, "").await;
                if i % 2 == 0 {
                    let other = if *link == "link1" { "link2" } else { "link1" };
                    click(url(i, other), BROWSER, "").await;
                }
            }
        }
    });
    let mut clicks = Box::pin(clicks.buffer_unordered(8));
    let mut n_done = 0;
    let mut worker = None;
    while clicks.next().await.is_some() {
        n_done += 1;
        if n_done == 150 {
            worker = Some(api.test_env.start_worker());
        }
    }
    drop(clicks);
    let n_clicks = 3 + 200 + 100 + 100 + 40 + 20;
    wait_for("every click", n_clicks, async || {
        api.test_env.count("SELECT count(*) FROM clicks").await
    })
    .await;

    let rows = api
        .test_env
        .db
        .query(
            "SELECT m.message_id, m.contact_phone, m.creative_id, m.offer_id, m.list_id, m.link_id,
                    m.account_id
             FROM message_clicks m",
            &[],
        )
        .await
        .unwrap();
    let mut found = BTreeSet::new();
    for row in &rows {
        let message: String = row.get("message_id");
        let i: usize = message.strip_prefix("m-").unwrap().parse().unwrap();
        let link = expected[&message];
        let offer = if link == "link1" {
            &first
        } else {
            &api.tenant.offer_id
        };
        assert_eq!(row.get::<_, String>("contact_phone"), phone(i));
        assert_eq!(row.get::<_, i64>("creative_id"), creative_id);
        assert_eq!(row.get::<_, i64>("list_id"), api.tenant.list_id);
        assert_eq!(row.get::<_, i64>("account_id"), api.tenant.account_id);
        assert_eq!(&row.get::<_, String>("offer_id"), offer, "{message}");
        assert!(
            url(i, link).ends_with(&row.get::<_, String>("link_id")),
            "{message}"
        );
        assert!(found.insert(message));
    }
    assert_eq!(found, expected.into_keys().collect());
    if let Some(worker) = worker {
        worker.stop();
    }
    edge.stop();
}

#[tokio::test]
async fn a_rendered_link_has_no_tracker_hop() {
    let api = Api::start("onehop").await;
    let edge = api.test_env.start_edge(&api.service);
    let client = Client::new(&api.service, Some(&edge));
    let id = creative(&api, "{{link1}}", &api.tenant.offer_id).await;
    let (_, answer) = render(&api, id, messages(1)).await;
    let url = answer["messages"][0]["links"]["link1"].as_str().unwrap();
    let (host, path) = split(url);
    let request = client.edge_request(Method::GET, host, path);
    let response = request
        .header(header::USER_AGENT, BROWSER)
        .send()
        .await
        .unwrap();
    let to = response.headers()[header::LOCATION].to_str().unwrap();
    assert!(to.starts_with("https://example.com/lp?clickid="), "{to}");
    edge.stop();
}

/// People write a full stop behind a link, and messengers make it part of the link.
#[tokio::test]
async fn text_that_touches_a_link_gets_a_finding() {
    let api = Api::start("touching").await;
    let offer = api.sms_offer("https://e.com", json!({})).await;
    let with = |message: &str| {
        let mut body = seed_body(&offer);
        body["message"] = json!(message);
        body
    };
    let found = |answer: &Value| -> Vec<String> {
        let findings = answer["findings"].as_array().cloned().unwrap_or_default();
        let code = |finding: &Value| finding["code"].as_str().unwrap().to_owned();
        findings.iter().map(code).collect()
    };
    let clean = api.create(PATH, with("Shop: {{link1}} now")).await;
    assert_eq!(found(&clean), [""; 0]);
    for (mark, message) in [
        (".", "Shop: {{link1}}."),
        (")", "({{link1}})"),
        ("é", "{{link1}}é"),
    ] {
        let created = api.create(PATH, with(message)).await;
        assert_eq!(found(&created), ["mark_behind_link"], "{created}");
        let said = created["findings"][0]["message"].as_str().unwrap();
        assert!(said.contains(mark) && said.contains("{{link1}}"), "{said}");
        let id = created["creative"]["id"].as_i64().unwrap();
        let sent = json!([{ "messageId": format!("m-{id}"), "contactPhone": "+18005550100" }]);
        let (status, rendered) = render(&api, id, sent.clone()).await;
        assert_eq!(
            (status, found(&rendered)),
            (201, vec!["mark_behind_link".to_owned()])
        );
        let preview = json!({ "message": message, "listId": api.tenant.list_id, "messages": sent });
        let (status, preview) = api.post(&format!("{PATH}/preview"), preview).await;
        assert_eq!(
            (status, found(&preview)),
            (200, vec!["mark_behind_link".to_owned()])
        );
        let path = format!("{PATH}/{id}");
        let (status, paused) = api
            .call(Method::PUT, &path, json!({ "status": "paused" }))
            .await;
        assert_eq!(
            (status, found(&paused)),
            (200, vec!["mark_behind_link".to_owned()])
        );
        let (_, better) = api
            .call(Method::PUT, &path, json!({ "message": "{{link1}} é" }))
            .await;
        assert_eq!(found(&better), [""; 0]);
    }
}

/// With `skip`, a message that cannot be rendered is an error of its own, and counts nothing.
#[tokio::test]
async fn one_bad_contact_is_skipped_where_asked() {
    let api = Api::start("skipping").await;
    let offer = api.sms_offer("https://e.com", json!({})).await;
    let id = creative(&api, "{{first_name}} {{link1}}", &offer).await;
    let path = format!("{PATH}/{id}/render");
    let message = |id: &str, phone: &str| {
        json!({
            "messageId": id, "contactPhone": phone, "variables": { "first_name": "x" },
        })
    };
    let other = json!({
        "listId": api.tenant.list_id, "messages": [message("sent", "+12025550100")],
    });
    api.create(&path, other).await;
    let mut nameless = message("nameless", "+12025550104");
    nameless["variables"] = json!({});
    let mut body = json!({ "listId": api.tenant.list_id, "messages": [
        message("a", "+12025550101"),
        message("bad", "12025550102"),
        message("a", "+12025550103"),
        nameless,
        message("sent", "+12025550105"),
        { "messageId": "typed", "contactPhone": 7 },
        message("b", "+78001234567"),
    ]});
    // All or none by default.
    let answer = api.post(&path, body.clone()).await;
    assert_eq!(status_and_code(answer), "400 invalid_phone");
    assert_eq!(api.test_env.count("SELECT count(*) FROM links").await, 1);
    body["on_error"] = json!("skip");
    let (status, answer) = api.post(&path, body.clone()).await;
    assert_eq!(status, 201, "{answer}");
    let rendered: Vec<_> = answer["messages"].as_array().unwrap().iter().collect();
    let ids: Vec<_> = rendered
        .iter()
        .map(|message| &message["messageId"])
        .collect();
    assert_eq!(ids, ["a", "b"]);
    assert_json_snapshot!(answer["errors"], @r#"
    [
      {
        "code": "invalid_phone",
        "error": "The field messages[1].contactPhone is not a valid E.164 phone number. One is written as +18005551234.",
        "field": "messages[1].contactPhone",
        "index": 1
      },
      {
        "code": "duplicate_message_id",
        "error": "The messageId a occurs more than once in the request.",
        "field": null,
        "index": 2
      },
      {
        "code": "unknown_variable",
        "error": "The variable {{first_name}} has no value in messages[3].",
        "field": "messages[3].variables.first_name",
        "index": 3
      },
      {
        "code": "message_mismatch",
        "error": "The message sent was sent before with another creative, list or contact, or was not rendered.",
        "field": null,
        "index": 4
      },
      {
        "code": "invalid_field",
        "error": "The field messages[5].contactPhone is not valid: it is the number 7, and a phone number such as \"+18005551234\" is wanted.",
        "field": "messages[5].contactPhone",
        "index": 5
      }
    ]
    "#);
    let sends = "SELECT sum(messages)::bigint FROM totals WHERE dimension = 'all' AND span = 'day'";
    assert_eq!(api.test_env.count(sends).await, 3);
    assert_eq!(api.test_env.count("SELECT count(*) FROM links").await, 3);
    // Nothing can be rendered.
    body["messages"] = json!([message("c", "1")]);
    let (status, answer) = api.post(&path, body).await;
    assert_eq!(
        (
            status,
            &answer["messages"],
            answer["errors"].as_array().map(Vec::len)
        ),
        (200, &json!([]), Some(1))
    );
}

#[tokio::test]
async fn variables_have_defaults_and_what_only_looks_like_one_is_found() {
    let api = Api::start("defaults").await;
    let offer = api.sms_offer("https://e.com", json!({})).await;
    let text = "Hi {{ first_name | there }}, {shop} {{ link1 }}";
    let mut body = seed_body(&offer);
    body["message"] = json!(text);
    let created = api.create(PATH, body).await;
    assert_json_snapshot!(created["findings"], @r#"
    [
      {
        "code": "looks_like_placeholder",
        "message": "{shop} is no placeholder, and is sent as it stands. Write {{shop}} if it is meant to be one.",
        "severity": "warning"
      }
    ]
    "#);
    // 36 characters beside the link.
    assert_eq!(created["creative"]["character_count"], 36 + 23 + 34);
    let id = created["creative"]["id"].as_i64().unwrap();
    let messages = json!([
        { "messageId": "a", "contactPhone": "+12025550101" },
        { "messageId": "b", "contactPhone": "+12025550102", "variables": { "first_name": "Ada" } },
        { "messageId": "c", "contactPhone": "+12025550103", "variables": { "first_name": "" } },
    ]);
    let (status, answer) = render(&api, id, messages).await;
    assert_eq!(status, 201, "{answer}");
    let texts: Vec<_> = answer["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| {
            message["text"]
                .as_str()
                .unwrap()
                .split_once(", ")
                .unwrap()
                .0
        })
        .collect();
    assert_eq!(texts, ["Hi there", "Hi Ada", "Hi there"]);
}

/// The formula of the documented product counts characters; the exact size stands beside it.
#[tokio::test]
async fn sizes_follow_the_documented_formula_for_any_text() {
    let api = Api::start("formula").await;
    let offer = api.sms_offer("https://e.com", json!({})).await;
    for (text, formula, exact) in [
        ("a".repeat(103), (160, 1), ("GSM-7", 160, 1)),
        ("a".repeat(104), (161, 2), ("GSM-7", 161, 2)),
        ("€".repeat(103), (160, 1), ("GSM-7", 263, 2)),
        ("я".repeat(103), (160, 1), ("UCS-2", 160, 3)),
        ("😀".repeat(104), (161, 2), ("UCS-2", 265, 4)),
    ] {
        let mut body = seed_body(&offer);
        body["message"] = json!(format!("{text}{{{{link1}}}}"));
        let created = api.create(PATH, body).await["creative"].clone();
        assert_eq!(
            (&created["character_count"], &created["segment_count"]),
            (&json!(formula.0), &json!(formula.1)),
        );
        let (encoding, length, segments) = exact;
        let expected = json!({ "encoding": encoding, "length": length, "segments": segments });
        assert_eq!(created["exact"], expected);
        assert_eq!(created["encoding"], encoding);
    }
}
