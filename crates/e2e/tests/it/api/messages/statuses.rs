//! Deliveries, and the list of messages.

use insta::assert_json_snapshot;
use reqwest::{Method, header};
use serde_json::{Value, json};

use super::{
    super::{Api, status_and_code},
    PATH, PHONE, STATUS, assert_recount_is_right, last_week, record, report, results, row, totals,
};

#[tokio::test]
async fn the_latest_final_status_prevails_in_any_order_of_arrival() {
    let api = Api::start("statuses").await;
    let (early, late) = ("2026-03-10T08:00:00.000Z", "2026-03-10T09:00:00.000Z");
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
