//! A link minted, clicked, recorded and credited, through all services.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use domain::id::ClickId;
use e2e::{
    client::{BOT, BROWSER, Client, Tenant, parameter},
    test_environment::TestEnvironment,
    wait::wait_for,
};
use futures_util::{StreamExt as _, stream};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

#[tokio::test]
async fn a_click_follows_both_hops_and_is_stored() {
    let test_env = TestEnvironment::new().await;
    let (api, worker) = (test_env.start_api(), test_env.start_worker());
    let tenant = Tenant::create(&test_env, &api, "onepath").await;
    let edge = test_env.start_edge(&api);
    let client = Client::new(&api, Some(&edge));
    let link = client.mint(&tenant).await;

    let short_url = link["shortUrl"].as_str().unwrap();
    let query = "sub1=campaign_a&sub2=user_123&source=sms";
    let tracker = client
        .click(&format!("{short_url}?{query}"), BROWSER)
        .await
        .destination();
    assert_eq!(
        tracker,
        format!("{}?{query}", link["clickTrackerUrl"].as_str().unwrap())
    );
    let destination = client.click(&tracker, BROWSER).await.destination();
    let click_id = parameter(&destination, "clickid").unwrap();
    assert_eq!(
        destination,
        format!("https://example.com/lp?clickid={click_id}&aff=aff42&s1=campaign_a&s2=user_123")
    );

    let is_there = format!("SELECT count(*) FROM message_clicks WHERE click_id = '{click_id}'");
    wait_for("the message click", 1, async || {
        test_env.count(&is_there).await
    })
    .await;
    let row = test_env
        .db
        .query_one(
            "SELECT c.*, host(c.ip) AS address, m.message_key, m.contact_key
             FROM clicks c
             JOIN message_clicks m USING (click_id)",
            &[],
        )
        .await
        .unwrap();
    let text = |name| row.get::<_, Option<String>>(name);
    let number = |name| row.get::<_, Option<i64>>(name);
    assert_eq!(number("account_id"), Some(tenant.account_id));
    assert_eq!(number("list_id"), Some(tenant.list_id));
    assert_eq!(text("offer_id"), Some(tenant.offer_id.clone()));
    assert_eq!(text("link_id").as_deref(), link["linkId"].as_str());
    assert_eq!(text("sub1").as_deref(), Some("campaign_a"));
    assert_eq!(text("sub2").as_deref(), Some("user_123"));
    assert_eq!(text("sub3"), None);
    assert_eq!(text("source").as_deref(), Some("sms"));
    assert_eq!(text("user_agent").as_deref(), Some(BROWSER));
    assert_eq!(text("address").as_deref(), Some("127.0.0.1"));
    assert!(!row.get::<_, bool>("is_bot"));
    assert_eq!(
        text("message_key"),
        number("link_key").map(|key| format!("l:{key}"))
    );
    assert!(text("contact_key").unwrap().starts_with("v:"));
    let clicked_at: std::time::SystemTime = row.get("clicked_at");
    let unix_ms = clicked_at
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    assert_eq!(
        i64::try_from(unix_ms).unwrap(),
        ClickId::parse(&click_id).unwrap().unix_ms()
    );

    edge.stop();
    api.stop();
    worker.stop();
    let left: Vec<_> = std::fs::read_dir(test_env.spool_dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name != "lock")
        .collect();
    assert!(left.is_empty(), "a drained spool is empty: {left:?}");
}

/// A click to make: which link, by which of some people or bots.
#[derive(Debug, Clone, Copy)]
struct Planned {
    link: usize,
    visitor: usize,
    is_bot: bool,
}

#[tokio::test]
async fn a_thousand_clicks_are_stored_exactly_once() {
    const N_LINKS: usize = 50;
    const N_CLICKS: usize = 1000;
    let test_env = TestEnvironment::new().await;
    let (api, worker) = (test_env.start_api(), test_env.start_worker());
    let tenant = Tenant::create(&test_env, &api, "thousand").await;
    let edge = test_env.start_edge(&api);
    let client = Client::new(&api, Some(&edge));
    let mut links = Vec::new();
    for _ in 0..N_LINKS {
        links.push(
            client.mint(&tenant).await["shortUrl"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }

    let mut rng = StdRng::seed_from_u64(7);
    let mut plan: Vec<_> = (0..N_CLICKS)
        .map(|i| Planned {
            link: i % N_LINKS,
            visitor: rng.random_range(0..5),
            is_bot: rng.random_bool(0.3),
        })
        .collect();
    plan.shuffle(&mut rng);
    // The first visitor of the first link is a bot in all of their clicks.
    for click in plan
        .iter_mut()
        .filter(|click| click.link == 0 && click.visitor == 0)
    {
        click.is_bot = true;
    }
    let links = Arc::new(links);
    let clicked: Vec<(Planned, ClickId)> = stream::iter(plan)
        .map(|planned| {
            let (client, links) = (client.clone(), links.clone());
            async move { (planned, click(&client, &links[planned.link], planned).await) }
        })
        .buffer_unordered(20)
        .collect()
        .await;

    // Obviously right: of each link and person, the first by time and id.
    let mut first: BTreeMap<(usize, usize), ClickId> = BTreeMap::new();
    for (planned, click_id) in clicked.iter().filter(|(planned, _)| !planned.is_bot) {
        let first = first
            .entry((planned.link, planned.visitor))
            .or_insert(*click_id);
        *first = (*first).min(*click_id);
    }
    let expected_clicks: BTreeSet<_> = clicked.iter().map(|(_, id)| id.to_string()).collect();
    let expected_message_clicks: BTreeSet<_> = first.values().map(ToString::to_string).collect();
    assert_eq!(expected_clicks.len(), N_CLICKS);

    let count = "SELECT count(*) FROM clicks";
    wait_for("the clicks in Postgres", 1000, async || {
        test_env.count(count).await
    })
    .await;
    assert_eq!(
        ids(&test_env, "SELECT click_id::text FROM clicks").await,
        expected_clicks
    );
    assert_eq!(
        ids(&test_env, "SELECT click_id::text FROM message_clicks").await,
        expected_message_clicks
    );
    let n_bots = clicked.iter().filter(|(planned, _)| planned.is_bot).count();
    let bots = test_env
        .count("SELECT count(*) FROM clicks WHERE is_bot AND bot_reasons = '{ua_bot}'")
        .await;
    assert_eq!(usize::try_from(bots).unwrap(), n_bots);
    edge.stop();
    api.stop();
    worker.stop();
}

/// Follows both hops as one of several people (browsers differ) or bots.
async fn click(client: &Client, short_url: &str, planned: Planned) -> ClickId {
    let agent = if planned.is_bot { BOT } else { BROWSER };
    let agent = format!("{agent} visitor/{}", planned.visitor);
    let tracker = client.click(short_url, &agent).await.destination();
    let destination = client.click(&tracker, &agent).await.destination();
    ClickId::parse(&parameter(&destination, "clickid").unwrap()).unwrap()
}

async fn ids(test_env: &TestEnvironment, sql: &str) -> BTreeSet<String> {
    let rows = test_env.db.query(sql, &[]).await.unwrap();
    let ids: BTreeSet<_> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(ids.len(), rows.len(), "none is there twice");
    ids
}

/// With sequential scans ruled out, a query that has an index uses it: these
/// are the look-ups of creates, misses and stored clicks.
#[tokio::test]
async fn every_frequent_query_uses_an_index() {
    let test_env = TestEnvironment::new().await;
    let setting = format!("ALTER DATABASE {} SET enable_seqscan = off", test_env.name);
    test_env.db.batch_execute(&setting).await.unwrap();
    let (api, worker) = (test_env.start_api(), test_env.start_worker());
    let tenant = Tenant::create(&test_env, &api, "indexed").await;
    // Without Redis every look-up is the origin's.
    let settings = [("REDIS_URL", "redis://127.0.0.1:1")];
    let mut edge = test_env.start_edge_with(&api, &settings);
    edge.expect_in_log("a lookup in Redis failed");
    edge.expect_in_log("record-change subscription lost");
    let client = Client::new(&api, Some(&edge));
    client.mint(&tenant).await;
    let body = serde_json::json!({
        "externalOfferId": tenant.external_offer_id, "phoneNumber": tenant.list_phone,
    });
    let response = client.post("/v2/links", Some(&tenant.key), &body).await;
    assert_eq!(response.status(), 201);
    let link: serde_json::Value = response.json().await.unwrap();
    let tracker = client
        .click(link["shortUrl"].as_str().unwrap(), BROWSER)
        .await
        .destination();
    client.click(&tracker, BROWSER).await.destination();
    wait_for("the click", 1, async || {
        test_env.count("SELECT count(*) FROM message_clicks").await
    })
    .await;
    for query in ["", "?object_kind=link&object_id=spring"] {
        let path = format!("/api/v2/audit{query}");
        let (status, _) = client
            .call(&tenant.key, reqwest::Method::GET, &path, None)
            .await;
        assert_eq!(status, 200);
    }
    edge.stop();
    api.stop();
    worker.stop();

    for index in [
        "audit_log_account_idx",
        "audit_log_object_idx",
        "api_keys_digest_key",
        "accounts_pkey",
        "offers_pkey",
        "offers_external_id_idx",
        "lists_pkey",
        "lists_phone_number_key",
        "domains_host_idx",
        "links_short_id_key",
        "links_tracker_token_key",
        "message_clicks_pkey",
    ] {
        let sql = format!(
            "SELECT coalesce(sum(idx_scan), 0)::bigint FROM pg_stat_user_indexes
             WHERE indexrelname = '{index}'"
        );
        wait_for(index, true, async || test_env.count(&sql).await > 0).await;
    }
}
