//! Recording messages: results by row, repetitions, limits.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    super::{Api, status_and_code},
    PATH, PHONE, STATUS, assert_recount_is_right, last_week, record, results, row, shorten, totals,
};

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
