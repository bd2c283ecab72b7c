//! `/api/v2/messages`: messages that a platform has composed and sent by itself, and what networks
//! report about them.

use e2e::{
    client::{BROWSER, Client},
    service::{Service, command},
    wait::wait_for,
};
use insta::assert_json_snapshot;
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use reqwest::{Method, header};
use serde_json::{Value, json};

use super::{Api, status_and_code};

const PATH: &str = "/api/v2/messages";
const STATUS: &str = "/api/v2/messages/status";
const PHONE: &str = "+12025550101";

/// A link of the tenant's list to a URL. `more` are further fields.
async fn shorten(api: &Api, more: Value) -> Value {
    let mut body = json!({ "url": "https://e.com", "listId": api.tenant.list_id });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    api.create("/api/v2/links/shorten", body).await
}

/// A row with a text for the tenant's list. `more` are further fields, and null removes one.
fn row(api: &Api, id: &str, more: Value) -> Value {
    let mut row = json!({
        "message_id": id, "contact_phone": PHONE, "list_id": api.tenant.list_id, "text": "Hi",
    });
    for (name, value) in more.as_object().unwrap() {
        row[name] = value.clone();
    }
    row
}

async fn record(api: &Api, rows: Vec<Value>) -> (u16, Value) {
    api.post(PATH, json!({ "messages": rows })).await
}

fn report(id: &str, status: &str, at: &str) -> Value {
    let mut row = json!({ "message_id": id, "contact_phone": PHONE, "status": status });
    if !at.is_empty() {
        row["at"] = json!(at);
    }
    row
}

/// A time of last week, which is within what can be recorded.
fn last_week(time: &str) -> String {
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    format!("{}T{time}", now.date().saturating_sub(7.days()))
}

/// `created`, or the code and the field of a row that failed.
fn results(answer: &Value) -> Vec<String> {
    let rows = answer["messages"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.enumerate()
        .map(|(index, row)| {
            assert_eq!(row["index"], index, "{answer}");
            match text(&row["result"]).as_str() {
                "failed" => {
                    assert!(text(&row["error"]).len() > 10, "{row}");
                    format!("{} {}", text(&row["code"]), text(&row["field"]))
                }
                result => result.to_owned(),
            }
        })
        .collect()
}

async fn totals(api: &Api, query: &str) -> Value {
    let path = format!("/api/v2/reports/performance?{query}");
    let (status, report) = api.get(&path).await;
    assert_eq!(status, 200, "{report}");
    report["totals"].clone()
}

fn assert_recount_is_right(api: &Api) {
    let output = command("click-worker", &["recount"], &api.test_env.env())
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}");
}

async fn click(api: &Api, edge: &Service, url: &Value, n_before: i64) {
    let client = Client::new(&api.service, Some(edge));
    client.click(url.as_str().unwrap(), BROWSER).await;
    wait_for("the click", n_before + 1, async || {
        api.test_env.count("SELECT count(*) FROM clicks").await
    })
    .await;
}

/// From the record of a send to its click rate by deliveries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_message_counts_as_sent_and_gets_the_clicks_on_its_links() {
    let api = Api::start("recorded").await;
    let (edge, worker) = (
        api.test_env.start_edge(&api.service),
        api.test_env.start_worker(),
    );
    let offer = api
        .sms_offer("https://e.com/?c={click_id}", json!({}))
        .await;
    let named = shorten(&api, json!({ "offerId": offer })).await;
    let own = shorten(
        &api,
        json!({ "offerId": offer, "messageId": "m-2", "contactPhone": PHONE }),
    )
    .await;
    let rows = vec![
        row(&api, "m-1", json!({ "links": [named["shortUrl"]] })),
        row(&api, "m-2", json!({})),
        row(&api, "m-3", json!({ "contact_phone": "+78001234567" })),
        row(&api, "m-4", json!({ "contact_phone": "+12025550104" })),
    ];
    let (status, answer) = record(&api, rows.clone()).await;
    assert_eq!((status, &answer["created"]), (201, &json!(4)), "{answer}");
    let counted = totals(&api, "").await;
    assert_eq!(
        (&counted["sends"], &counted["sent"], &counted["click_rate"]),
        (&json!(4), &json!(4), &json!(0.0))
    );
    assert_recount_is_right(&api);

    // Clicks on the links belong to the messages and their contact.
    let of_message = "SELECT count(*) FROM changes WHERE delivery IS NULL";
    wait_for("the changed link", 0, async || {
        api.test_env.count(of_message).await
    })
    .await;
    click(&api, &edge, &named["shortUrl"], 0).await;
    click(&api, &edge, &own["shortUrl"], 1).await;
    let of_contact = "SELECT count(*) FROM message_clicks
                      WHERE contact_phone = '+12025550101' AND message_id IN ('m-1', 'm-2')";
    assert_eq!(api.test_env.count(of_contact).await, 2);
    assert_eq!(totals(&api, "").await["click_rate"], 0.5);
    let by_offer = totals(&api, &format!("offer_id={offer}")).await;
    assert_eq!(
        (&by_offer["sends"], &by_offer["click_rate"]),
        (&json!(2), &json!(1.0))
    );

    // Deliveries change the rate, and failures are counted.
    let reports = json!({ "messages": [
        report("m-1", "delivered", "2026-03-10T08:00:04Z"),
        report("m-2", "delivered", ""),
        { "message_id": "m-3", "contact_phone": "+78001234567", "status": "failed" },
        { "message_id": "m-4", "contact_phone": "+12025550104", "status": "undelivered" },
    ]});
    let (status, answer) = api.post(STATUS, reports.clone()).await;
    assert_eq!((status, &answer["updated"]), (200, &json!(4)), "{answer}");
    let counted = totals(&api, "").await;
    for (name, expected) in [
        ("sends", json!(4)),
        ("delivered", json!(2)),
        ("failed", json!(2)),
        ("click_rate", json!(1.0)),
    ] {
        assert_eq!(counted[name], expected, "{name}: {counted}");
    }
    for (query, sends, delivered) in [
        (format!("offer_id={offer}"), 2, 2),
        ("group_by=message".to_owned(), 4, 2),
        ("message_id=m-1".to_owned(), 1, 1),
        (format!("link_id={}", own["linkId"].as_str().unwrap()), 1, 1),
        (format!("list_id={}", api.tenant.list_id), 4, 2),
        ("country=US".to_owned(), 0, 0),
    ] {
        let counted = totals(&api, &query).await;
        assert_eq!(
            (&counted["sends"], &counted["delivered"]),
            (&json!(sends), &json!(delivered)),
            "{query}"
        );
    }
    let (_, again) = api.post(STATUS, reports).await;
    assert_eq!(again["unchanged"], 4, "{again}");
    let (status, again) = record(&api, rows).await;
    assert_eq!((status, &again["unchanged"]), (200, &json!(4)), "{again}");
    assert_recount_is_right(&api);
    let (_, message) = api.get(&format!("{PATH}/m-1")).await;
    assert_eq!(
        (&message["status"], &message["text"], &message["is_clicked"]),
        (&json!("delivered"), &json!("Hi"), &json!(true))
    );
    worker.stop();
    edge.stop();
}

#[tokio::test]
async fn each_row_succeeds_or_fails_by_itself() {
    let api = Api::start("rowwise").await;
    let link = shorten(&api, json!({})).await["linkId"].clone();
    let others = shorten(&api, json!({ "messageId": "m-0", "contactPhone": PHONE })).await;
    let others = others["linkId"].clone();
    let contacts = shorten(&api, json!({ "contactPhone": "+12025550199" })).await;
    let contacts = contacts["linkId"].clone();
    let list = json!({
        "phone_number": "24587", "list_name": "Short code", "short_domain": api.tenant.short_host,
    });
    let list = api.create("/api/v2/lists", list).await["id"].clone();
    let rows = vec![
        row(&api, "m-1", json!({ "links": [link] })),
        row(&api, "m-2", json!({ "list_id": 0 })),
        row(&api, "m-3", json!({ "list_id": null, "sender": "99999" })),
        row(&api, "m-4", json!({ "list_id": null, "sender": "24587" })),
        row(&api, "m-5", json!({ "creative_id": 0 })),
        row(&api, "m-6", json!({ "links": ["nothing"] })),
        row(&api, "m-7", json!({ "links": [others] })),
        row(&api, "m-8", json!({ "links": [contacts] })),
        row(&api, "m-9", json!({ "list_id": list, "links": [link] })),
        row(&api, "m-10", json!({ "contact_phone": "555" })),
        row(&api, "m-11", json!({ "list_id": "42" })),
        row(&api, "m-12", json!({ "sent": "now" })),
        json!(7),
        row(&api, "m-1", json!({ "links": [link] })),
        row(&api, "m-1", json!({ "text": "Other" })),
    ];
    let (status, answer) = record(&api, rows).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(
        results(&answer),
        [
            "created",
            "list_not_found messages[1].list_id",
            "list_not_found messages[2].sender",
            "created",
            "not_found messages[4].creative_id",
            "not_found messages[5].links[0]",
            "link_of_another_message messages[6].links[0]",
            "link_of_another_message messages[7].links[0]",
            "link_of_another_list messages[8].links[0]",
            "invalid_phone messages[9].contact_phone",
            "invalid_field messages[10].list_id",
            "unknown_field messages[11].sent",
            "invalid_field messages[12]",
            "unchanged",
            "message_mismatch ",
        ]
    );
    let counts = ["created", "unchanged", "failed"].map(|name| answer[name].as_i64().unwrap());
    assert_eq!(counts, [2, 1, 12]);
    assert_eq!(totals(&api, "").await["sends"], 2);
    let (status, answer) = record(&api, vec![json!({})]).await;
    assert_eq!((status, &answer["failed"]), (200, &json!(1)), "{answer}");
    assert_recount_is_right(&api);
}

/// What a repetition leaves out is not compared; what differs is an error of the row.
#[tokio::test]
async fn a_message_is_recorded_once() {
    let api = Api::start("once").await;
    let link = shorten(&api, json!({})).await["linkId"].clone();
    let other = shorten(&api, json!({})).await["linkId"].clone();
    let first = row(
        &api,
        "m-1",
        json!({
            "links": [link], "sender": "ACME", "sent_at": last_week("08:00:00.123456Z"),
        }),
    );
    let bodies = [(); 3].map(|()| record(&api, vec![first.clone()]));
    let answers = futures_util::future::join_all(bodies).await;
    let created: i64 = answers
        .iter()
        .map(|(_, a)| a["created"].as_i64().unwrap())
        .sum();
    let unchanged: i64 = answers
        .iter()
        .map(|(_, a)| a["unchanged"].as_i64().unwrap())
        .sum();
    assert_eq!((created, unchanged), (1, 2), "{answers:?}");
    for (change, expected) in [
        (json!({}), "unchanged"),
        (
            json!({ "links": null, "sender": null, "sent_at": null }),
            "unchanged",
        ),
        (
            json!({ "sent_at": last_week("09:00:00.123456+01:00") }),
            "unchanged",
        ),
        (
            json!({ "contact_phone": "+12025550102", "links": null }),
            "message_mismatch ",
        ),
        (json!({ "text": "Bye" }), "message_mismatch "),
        (json!({ "sender": "OTHER" }), "message_mismatch "),
        (json!({ "links": [] }), "message_mismatch "),
        (json!({ "links": [other] }), "message_mismatch "),
        (json!({ "links": [link, other] }), "message_mismatch "),
        (
            json!({ "sent_at": last_week("08:00:01Z") }),
            "message_mismatch ",
        ),
    ] {
        let mut again = first.clone();
        for (name, value) in change.as_object().unwrap() {
            again[name] = value.clone();
        }
        let (status, answer) = record(&api, vec![again]).await;
        assert_eq!(
            (status, results(&answer)),
            (200, vec![expected.to_owned()]),
            "{change}"
        );
    }
    assert_eq!(totals(&api, "").await["sends"], 1);
    // A message that Waypost renders is known, whatever its platform says of text and time.
    let offer = api.sms_offer("https://e.com", json!({})).await;
    let creative = json!({
        "name": "x", "message": "{{link1}}",
        "offer_links": [{ "key": "link1", "offer_id": offer }],
    });
    let creative = api.create("/api/v2/creatives", creative).await["creative"]["id"].clone();
    let render = format!("/api/v2/creatives/{creative}/render");
    let messages = |id: &str| json!([{ "messageId": id, "contactPhone": PHONE }]);
    let list = api.tenant.list_id;
    let body = json!({ "listId": list, "messages": messages("rendered") });
    api.create(&render, body).await;
    let said = json!({ "creative_id": creative, "sent_at": last_week("08:00:00Z") });
    let (_, answer) = record(&api, vec![row(&api, "rendered", said)]).await;
    assert_eq!(results(&answer), ["unchanged"]);
    let (_, answer) = record(
        &api,
        vec![row(&api, "rendered", json!({ "links": [other] }))],
    )
    .await;
    assert_eq!(results(&answer), ["message_mismatch "]);
    // And one that was recorded is not rendered.
    let body = json!({ "listId": list, "messages": messages("m-1") });
    let answer = api.post(&render, body).await;
    assert_eq!(status_and_code(answer), "409 message_mismatch");
    assert_eq!(totals(&api, "").await["sends"], 2);
    assert_recount_is_right(&api);
}

/// Their clicks have another key, and conversions of the link would not find them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_that_were_clicked_before_or_are_shared_stay_as_they_are() {
    let api = Api::start("unbound").await;
    let (edge, worker) = (
        api.test_env.start_edge(&api.service),
        api.test_env.start_worker(),
    );
    let clicked = shorten(&api, json!({})).await;
    let shared = shorten(&api, json!({})).await;
    let fresh = shorten(&api, json!({})).await;
    click(&api, &edge, &clicked["shortUrl"], 0).await;
    let id = |link: &Value| link["linkId"].clone();
    let rows = vec![
        row(&api, "m-1", json!({ "links": [id(&clicked), id(&fresh)] })),
        row(&api, "m-2", json!({ "links": [id(&shared)] })),
        row(
            &api,
            "m-3",
            json!({ "links": [id(&shared), id(&shared)], "contact_phone": "+12025550102" }),
        ),
    ];
    let (_, answer) = record(&api, rows).await;
    let unbound: Vec<_> = answer["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["unbound_links"].clone())
        .collect();
    let several = json!([{ "link_id": id(&shared), "reason": "several_messages" }]);
    assert_eq!(
        unbound,
        [
            json!([{ "link_id": id(&clicked), "reason": "clicked_before" }]),
            several.clone(),
            several,
        ]
    );
    // Another message alone does not get it later either.
    let (_, answer) = record(
        &api,
        vec![row(&api, "m-4", json!({ "links": [id(&shared)] }))],
    )
    .await;
    assert_eq!(
        answer["messages"][0]["unbound_links"][0]["reason"],
        "clicked_before"
    );
    let (_, answer) = record(
        &api,
        vec![row(&api, "m-5", json!({ "links": [id(&fresh)] }))],
    )
    .await;
    assert_eq!(
        results(&answer),
        ["link_of_another_message messages[0].links[0]"]
    );
    let bound = "SELECT count(*) FROM links WHERE message_id IS NOT NULL";
    assert_eq!(api.test_env.count(bound).await, 1);
    let by_link = async |link: &Value| {
        let query = format!("link_id={}", link["linkId"].as_str().unwrap());
        totals(&api, &query).await
    };
    assert_eq!(by_link(&shared).await["sends"], 3);
    assert_eq!(by_link(&clicked).await["sends"], 1);
    assert_eq!(by_link(&fresh).await["sends"], 1);
    let (_, answer) = api
        .post(
            STATUS,
            json!({ "messages": [report("m-2", "delivered", "")] }),
        )
        .await;
    assert_eq!(answer["updated"], 1, "{answer}");
    assert_eq!(by_link(&shared).await["delivered"], 1);
    assert_recount_is_right(&api);
    worker.stop();
    edge.stop();
}

#[tokio::test]
async fn the_latest_final_status_prevails_in_any_order_of_arrival() {
    let api = Api::start("statuses").await;
    let (early, late) = ("2026-03-10T08:00:00Z", "2026-03-10T09:00:00Z");
    let reports = |id: &str| {
        [
            report(id, "sent", late),
            report(id, "delivered", early),
            report(id, "failed", late),
            report(id, "undelivered", ""),
        ]
    };
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 2, 0, 3]];
    let ids: Vec<_> = (0..orders.len()).map(|n| format!("m-{n}")).collect();
    let rows = ids.iter().map(|id| row(&api, id, json!({})));
    assert_eq!(record(&api, rows.collect()).await.0, 201);
    for (id, order) in ids.iter().zip(orders) {
        for index in order {
            let body = json!({ "messages": [reports(id)[index]] });
            let (status, answer) = api.post(STATUS, body).await;
            assert_eq!((status, &answer["failed"]), (200, &json!(0)), "{answer}");
        }
        let (_, message) = api.get(&format!("{PATH}/{id}")).await;
        assert_eq!(
            (&message["status"], &message["status_at"]),
            (&json!("failed"), &json!(late)),
            "{order:?}"
        );
    }
    let counted = totals(&api, "").await;
    assert_eq!(
        (&counted["delivered"], &counted["failed"]),
        (&json!(0), &json!(4))
    );
    // Rows of one request are applied in their order, and each fails by itself.
    let body = json!({ "messages": [
        report("m-0", "delivered", "2026-03-10T10:00:00Z"),
        report("m-0", "failed", late),
        report("nothing", "delivered", ""),
        { "message_id": "m-0", "contact_phone": "+12025550102", "status": "sent" },
        report("m-0", "lost", ""),
        {
            "message_id": "m-1", "contact_phone": PHONE, "status": "undelivered",
            "reason": "absent subscriber", "at": "2026-03-10T10:00:00Z",
        },
    ]});
    let (_, answer) = api.post(STATUS, body).await;
    assert_eq!(
        results(&answer),
        [
            "updated",
            "unchanged",
            "not_found messages[2].message_id",
            "message_mismatch messages[3].contact_phone",
            "invalid_field messages[4].status",
            "updated",
        ]
    );
    let statuses: Vec<_> = answer["messages"].as_array().unwrap().iter().collect();
    let statuses: Vec<_> = statuses.iter().map(|row| row["status"].clone()).collect();
    assert_eq!(statuses[..2], [json!("delivered"), json!("delivered")]);
    assert_recount_is_right(&api);
}

#[tokio::test]
async fn messages_are_listed_by_time_and_filtered() {
    let api = Api::start("listed").await;
    let rows = (0..5).map(|n| {
        let phone = format!("+1202555010{n}");
        let sent_at = last_week(&format!("08:0{}:00Z", n / 2));
        row(
            &api,
            &format!("é {n}"),
            json!({ "contact_phone": phone, "sent_at": sent_at }),
        )
    });
    assert_eq!(record(&api, rows.collect()).await.0, 201);
    let body = json!({ "messages": [
        { "message_id": "é 1", "contact_phone": PHONE, "status": "failed", "reason": "=no" },
        { "message_id": "é 2", "contact_phone": "+12025550102", "status": "delivered" },
    ]});
    api.post(STATUS, body).await;
    let list = async |query: &str| {
        let (status, page) = api.get(&format!("{PATH}?{query}")).await;
        assert_eq!(status, 200, "{page}");
        let messages = page["messages"].as_array().unwrap().iter();
        let id = |message: &Value| message["message_id"].as_str().unwrap().to_owned();
        (messages.map(id).collect::<Vec<_>>(), page)
    };
    let list_id = format!("list_id={}", api.tenant.list_id);
    let (from, to) = (last_week("08:01:00Z"), last_week("08:02:00Z"));
    let minute = format!("from={from}&to={to}");
    for (query, expected) in [
        ("", vec![0, 1, 2, 3, 4]),
        ("status=sent", vec![0, 3, 4]),
        ("status=delivered", vec![2]),
        ("status=failed", vec![1]),
        ("status=undelivered", vec![]),
        (minute.as_str(), vec![2, 3]),
        ("contact_phone=%2B12025550103", vec![3]),
        (list_id.as_str(), vec![0, 1, 2, 3, 4]),
        ("list_id=1000000", vec![]),
        ("creative_id=1", vec![]),
    ] {
        let expected: Vec<_> = expected.iter().map(|n| format!("é {n}")).collect();
        assert_eq!(list(query).await.0, expected, "{query}");
    }
    // Page by page, as JSON and as CSV.
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let (ids, page) = list(&format!("limit=2{cursor}")).await;
        found.extend(ids);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found.len(), 5);
    let (_, page) = list("status=failed").await;
    assert_json_snapshot!(page["messages"], { "[].list_id" => "[list]", "[].sent_at" => "[time]" }, @r#"
    [
      {
        "contact_phone": "+12025550101",
        "creative_id": null,
        "is_recorded": true,
        "links": [],
        "list_id": "[list]",
        "message_id": "é 1",
        "sender": null,
        "sent_at": "[time]",
        "status": "failed",
        "status_at": null,
        "status_reason": "=no",
        "text": "Hi"
      }
    ]
    "#);
    let path = format!("{PATH}?format=csv&limit=2");
    let request = api.client.api_request(Method::GET, &path);
    let response = request
        .header("X-Api-Key", &api.tenant.key)
        .send()
        .await
        .unwrap();
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/csv; charset=utf-8"
    );
    let next = response.headers()["x-next-cursor"]
        .to_str()
        .unwrap()
        .to_owned();
    let csv = response.text().await.unwrap();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "message_id,contact_phone,list_id,creative_id,text,sender,sent_at,is_recorded,status,\
         status_at,status_reason,links"
    );
    assert!(lines[2].ends_with(",true,failed,,'=no,"), "{csv}");
    assert_eq!(
        list(&format!("limit=2&cursor={next}")).await.0,
        ["é 2", "é 3"]
    );
    for query in ["status=lost", "cursor=x", "limit=0", "list_id=x"] {
        let answer = api.get(&format!("{PATH}?{query}")).await;
        assert_eq!(status_and_code(answer), "400 invalid_field", "{query}");
    }
}

#[tokio::test]
async fn a_request_has_1_to_1000_rows() {
    let api = Api::start("thousand").await;
    let rows = |n: usize| -> Vec<Value> {
        let rows = (0..n).map(|n| {
            let phone = format!("+1202555{n:04}");
            row(&api, &format!("m-{n}"), json!({ "contact_phone": phone }))
        });
        rows.collect()
    };
    let statuses = |n: usize| -> Vec<Value> {
        let rows = (0..n).map(|n| {
            json!({
                "message_id": format!("m-{n}"), "contact_phone": format!("+1202555{n:04}"),
                "status": "delivered",
            })
        });
        rows.collect()
    };
    for (path, rows) in [(PATH, rows(1_001)), (STATUS, statuses(1_001))] {
        for (body, expected) in [
            (json!({}), "400 missing_messages"),
            (json!({ "messages": [] }), "400 missing_messages"),
            (json!({ "messages": rows }), "400 too_many_messages"),
        ] {
            assert_eq!(
                status_and_code(api.post(path, body).await),
                expected,
                "{path}"
            );
        }
    }
    let (status, answer) = record(&api, rows(1_000)).await;
    assert_eq!((status, &answer["created"]), (201, &json!(1_000)));
    let (status, answer) = api
        .post(STATUS, json!({ "messages": statuses(1_000) }))
        .await;
    assert_eq!((status, &answer["updated"]), (200, &json!(1_000)));
    let counted = totals(&api, "").await;
    assert_eq!(
        (&counted["sends"], &counted["delivered"]),
        (&json!(1_000), &json!(1_000))
    );
    assert_recount_is_right(&api);
}

#[tokio::test]
async fn an_erased_contact_leaves_no_text_and_still_counts() {
    let api = Api::start("erasedtext").await;
    let link = shorten(&api, json!({})).await["linkId"].clone();
    record(
        &api,
        vec![row(
            &api,
            "m-1",
            json!({ "text": "Hi Ada", "links": [link] }),
        )],
    )
    .await;
    let body = json!({ "messages": [{
        "message_id": "m-1", "contact_phone": PHONE, "status": "failed", "reason": "Ada is away",
    }]});
    api.post(STATUS, body).await;
    let path = format!("/api/v2/contacts/{PHONE}");
    let (status, answer) = api.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!(
        (
            status,
            &answer["erased"]["messages"],
            &answer["erased"]["links"]
        ),
        (200, &json!(1), &json!(1)),
        "{answer}"
    );
    let (_, message) = api.get(&format!("{PATH}/m-1")).await;
    assert_eq!(
        [
            &message["text"],
            &message["status_reason"],
            &message["status"]
        ],
        [&Value::Null, &Value::Null, &json!("failed")]
    );
    let about =
        "SELECT count(*) FROM messages m WHERE m::text LIKE '%Ada%' OR m::text LIKE '%2025550101%'";
    assert_eq!(api.test_env.count(about).await, 0);
    assert_eq!(totals(&api, "").await["failed"], 1);
    assert_recount_is_right(&api);
}
