//! The links of recorded messages, and the clicks on them.

use e2e::{
    client::{BROWSER, Client},
    service::Service,
    wait::wait_for,
};
use serde_json::{Value, json};

use super::{
    super::Api, PATH, PHONE, STATUS, assert_recount_is_right, record, report, results, row,
    shorten, totals,
};

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
