//! `POST /api/v2/links/bulk`.

use e2e::{
    client::{BROWSER, Client, parameter},
    wait::wait_for,
};
use serde_json::{Value, json};

use super::{Api, status_and_code};

const PATH: &str = "/api/v2/links/bulk";

#[tokio::test]
async fn each_entry_succeeds_or_fails_by_itself() {
    let api = Api::start("bulk").await;
    let (list, offer) = (api.tenant.list_id, &api.tenant.offer_id);
    let sms_offer = api
        .sms_offer("https://sms.example/?c={click_id}", json!({}))
        .await;
    let entries = json!([
        { "offerId": offer, "listId": list },
        { "url": "https://example.com/page", "phoneNumber": "+18005551234" },
        { "listId": list },
        { "offerId": sms_offer, "listId": list, "slug": "twice" },
        { "url": "https://e.com", "listId": list, "slug": "twice" },
        { "url": "https://e.com", "listId": "42" },
        7,
        { "externalOfferId": "12345", "listId": list },
        { "offerId": "000000000000000000000000", "listId": list },
        { "url": "javascript:alert(1)", "listId": list },
    ]);
    let answer = api.create(PATH, json!({ "links": entries })).await;
    assert_eq!(answer["created"], 4);
    let indexes: Vec<_> = answer["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| &l["index"])
        .collect();
    assert_eq!(indexes, [0, 1, 3, 7]);
    let errors: Vec<_> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| format!("{} {}", error["index"], error["code"].as_str().unwrap()))
        .collect();
    assert_eq!(
        errors,
        [
            "2 missing_url_or_offer",
            "4 slug_taken",
            "5 invalid_field",
            "6 invalid_field",
            "8 offer_not_found",
            "9 invalid_url",
        ]
    );
    let named = &answer["errors"][2]["error"];
    assert!(named.to_string().contains("links[5].listId"), "{named}");
    assert_eq!(api.test_env.count("SELECT count(*) FROM links").await, 4);

    // A bulk that creates nothing gets 200.
    let (status, answer) = api.post(PATH, json!({ "links": [{}] })).await;
    assert_eq!((status, &answer["created"]), (200, &json!(0)));

    // Links of a bulk work like all others.
    let edge = api.test_env.start_edge(&api.service);
    let client = Client::new(&api.service, Some(&edge));
    let answer = api.create(PATH, json!({ "links": entries })).await;
    let links = answer["links"].as_array().unwrap();
    let url = |link: &Value, name: &str| link[name].as_str().unwrap().to_owned();
    let hop = client
        .click(&url(&links[0], "shortUrl"), BROWSER)
        .await
        .destination();
    assert_eq!(hop, url(&links[0], "clickTrackerUrl"));
    let to = client.click(&hop, BROWSER).await.destination();
    assert!(parameter(&to, "clickid").is_some(), "{to}");
    let to = client
        .click(&url(&links[1], "shortUrl"), BROWSER)
        .await
        .destination();
    assert_eq!(to, "https://example.com/page");
    edge.stop();
}

#[tokio::test]
async fn a_bulk_has_at_most_a_thousand_entries() {
    let api = Api::start("thousand").await;
    let entry = json!({ "offerId": api.tenant.offer_id, "listId": api.tenant.list_id });
    let answer = api
        .create(PATH, json!({ "links": vec![entry.clone(); 1000] }))
        .await;
    assert_eq!(answer["created"], 1000);
    let ids: std::collections::HashSet<_> = answer["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| link["linkId"].as_str())
        .collect();
    assert_eq!(ids.len(), 1000);
    for (body, expected) in [
        (json!({}), "400 missing_links"),
        (json!({ "links": null }), "400 missing_links"),
        (json!({ "links": [] }), "400 missing_links"),
        (json!({ "links": {} }), "400 invalid_field"),
        (json!({ "links": vec![entry; 1001] }), "400 too_many_links"),
    ] {
        assert_eq!(status_and_code(api.post(PATH, body).await), expected);
    }
    assert_eq!(api.test_env.count("SELECT count(*) FROM links").await, 1000);
}

#[tokio::test]
async fn each_entry_requires_the_product_of_its_target() {
    let api = Api::start("products").await;
    let list = api.tenant.list_id;
    let sms_offer = api.sms_offer("https://sms.example/", json!({})).await;
    let entries = json!({ "links": [
        { "offerId": api.tenant.offer_id, "listId": list },
        { "offerId": sms_offer, "listId": list },
        { "url": "https://e.com", "listId": list },
    ]});
    for (products, made) in [("sms", [1, 2].as_slice()), ("offer_management", &[0])] {
        api.sql(&format!("UPDATE accounts SET products = '{{{products}}}'"))
            .await;
        let answer = api.create(PATH, entries.clone()).await;
        let links = answer["links"].as_array().unwrap();
        let indexes: Vec<_> = links
            .iter()
            .map(|link| link["index"].as_i64().unwrap())
            .collect();
        assert_eq!(indexes, made, "{products}");
        for error in answer["errors"].as_array().unwrap() {
            assert_eq!(error["code"], "product_not_enabled");
        }
    }
}

/// Two bulks have the same slugs in opposite orders. One creates the links, and the other
/// gets an error for each slug; there is no deadlock.
#[tokio::test]
async fn bulks_with_the_same_slugs_in_opposite_orders_do_not_block_each_other() {
    let api = Api::start("opposite").await;
    let slug = |i: usize| format!("slug-{i:02}");
    let entry =
        |i: usize| json!({ "url": "https://e.com", "listId": api.tenant.list_id, "slug": slug(i) });
    // Another transaction takes the slug in the middle, so that both bulks wait for it.
    let other = api.test_env.connect().await;
    let take = format!(
        "BEGIN; INSERT INTO links (account_id, domain_id, short_id, destination)
         SELECT account_id, id, '{}', 'https://e.com' FROM domains WHERE kind = 'short'",
        slug(10)
    );
    other.batch_execute(&take).await.unwrap();
    let up: Vec<_> = (0..20).map(entry).collect();
    let down: Vec<_> = up.iter().rev().cloned().collect();
    let ending = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'";
        wait_for("both bulks to wait", 2, async || {
            api.test_env.count(waiting).await
        })
        .await;
        other.batch_execute("ROLLBACK").await.unwrap();
    };
    let (up, down, ()) = tokio::join!(
        api.post(PATH, json!({ "links": up })),
        api.post(PATH, json!({ "links": down })),
        ending
    );
    let mut created: Vec<_> = [&up, &down]
        .map(|(status, answer)| (*status, answer["created"].as_u64()))
        .to_vec();
    created.sort();
    assert_eq!(
        created,
        [(200, Some(0)), (201, Some(20))],
        "{up:?} {down:?}"
    );
}
