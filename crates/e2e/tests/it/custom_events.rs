//! Custom events in the totals: an account has room for 50, whatever is sent and however many
//! workers store it.

use domain::id::{ClickId, ConversionId};
use e2e::{client::BROWSER, client::Client, client::Tenant, producer::Producer};
use e2e::{service::command, test_environment::TestEnvironment, wait::wait_for};
use jiff::Timestamp;
use serde_json::{Value, json};

const ROOM: i64 = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn further_custom_events_are_counted_together() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "inventor").await;
    let client = Client::new(&api, None);
    let link = client
        .create(&tenant.key, "/api/v2/links", &tenant.link_body())
        .await;
    let link_key = test_env.count("SELECT id FROM links").await;
    let workers = [test_env.start_worker(), test_env.start_worker()];
    let producer = Producer::open(&test_env).await;
    let now = Timestamp::now();
    let unix_ms = u64::try_from(now.as_millisecond()).unwrap();
    let line = |id: Value, more: Value| {
        let mut line = json!({
            "account_id": tenant.account_id, "link_key": link_key, "link_id": link["linkId"],
            "offer_id": tenant.offer_id, "ip": "192.0.2.77", "user_agent": BROWSER,
        });
        for (name, value) in id
            .as_object()
            .unwrap()
            .iter()
            .chain(more.as_object().unwrap())
        {
            line[name] = value.clone();
        }
        line.to_string()
    };
    let click_id = ClickId::generate(unix_ms - 10_000, &mut rand::rng());
    let click = line(
        json!({ "click_id": click_id }),
        json!({ "confirmed": false }),
    );
    producer.publish(&[click]).await;
    let conversion = |event: String, txn: usize| {
        let id = ConversionId::generate(unix_ms, &mut rand::rng());
        let more = json!({
            "source": "conv", "event": event, "currency": "USD", "authenticated": true,
            "txn_id": txn.to_string(), "revenue": "2", "click_id": click_id,
        });
        line(json!({ "conversion_id": id }), more)
    };
    // 80 names, twice each, and some that need no room.
    let lines: Vec<_> = (0..160)
        .map(|n| conversion(format!("custom_{}", n % 80), n))
        .chain((160..170).map(|n| conversion("sale".to_owned(), n)))
        .chain([conversion("other".to_owned(), 170)])
        .collect();
    for chunk in lines.chunks(7) {
        producer.publish(chunk).await;
    }
    wait_for("all conversions", 171, async || {
        test_env.count("SELECT count(*) FROM conversions").await
    })
    .await;
    for worker in workers {
        worker.stop();
    }
    let count = async |sql: &str| test_env.count(sql).await;
    assert_eq!(count("SELECT count(*) FROM account_events").await, ROOM);
    // The conversions themselves keep their names.
    let names = "SELECT count(DISTINCT event) FROM conversions WHERE event LIKE 'custom%'";
    assert_eq!(count(names).await, 80);
    let events = "SELECT count(DISTINCT event) FROM event_totals";
    assert_eq!(count(events).await, ROOM + 2, "and sale and other");
    let path = "/api/v2/reports/performance?group_by=event";
    let (_, report) = client
        .call(&tenant.key, reqwest::Method::GET, path, None)
        .await;
    let rows = report["rows"].as_array().unwrap();
    let row = |name: Value| rows.iter().find(|row| row["event"] == name).unwrap();
    let numbers = |name: Value| {
        let row = row(name);
        (row["conversions"].clone(), row["revenue"].clone())
    };
    assert_eq!(rows.len() as i64, ROOM + 3);
    assert_eq!(numbers(json!("sale")), (json!(10), json!("20.00")));
    // 30 names without room, twice each, and one event that was called so.
    assert_eq!(numbers(json!("other")), (json!(61), json!("122.00")));
    assert_eq!(row(Value::Null)["clicks"], 1);
    assert_eq!(numbers(Value::Null), (json!(0), json!("0.00")));
    assert_eq!(report["totals"]["conversions"], 171);

    let recount = |args: &[&str]| {
        let args = [&["recount"], args].concat();
        let output = command("click-worker", &args, &test_env.env()).output();
        let output = output.unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (is_consistent, found) = recount(&[]);
    assert!(is_consistent, "{found}");
    // What versions before counted none of gets its room by a repair.
    let sql = "DELETE FROM event_totals; DELETE FROM account_events";
    test_env.db.batch_execute(sql).await.unwrap();
    assert!(!recount(&[]).0);
    assert!(recount(&["--repair"]).0);
    let (is_consistent, found) = recount(&[]);
    assert!(is_consistent, "{found}");
    assert_eq!(count("SELECT count(*) FROM account_events").await, ROOM);
    assert_eq!(count(events).await, ROOM + 2);
    api.stop();
}
