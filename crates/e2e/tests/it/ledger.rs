//! Accounts do not wait for each other, workers share what there is to do, and the work
//! does not grow with what is there already.

use std::collections::BTreeSet;

use domain::id::{ClickId, ConversionId};
use e2e::{
    client::{Client, Tenant},
    producer::Producer,
    proxy::Proxy,
    service::{Service, command},
    test_environment::{N_PARTITIONS, TestEnvironment},
    wait::wait_for,
};
use postgres::advisory_lock::{ACCOUNT_CLASS, account_key};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::Transaction;

fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap()
}

/// A click of some visitor of a link that anybody may click.
fn click(account_id: i64, link_key: i64, visitor: usize) -> Value {
    let [_, b, c, d] = u32::try_from(visitor).unwrap().to_be_bytes();
    json!({
        "click_id": ClickId::generate(now_ms(), &mut rand::rng()), "account_id": account_id,
        "link_key": link_key, "link_id": "Ab3kX9q", "ip": format!("10.{b}.{c}.{d}"),
        "user_agent": "Safari",
    })
}

/// A server's conversion of a link.
fn conversion(account_id: i64, link_key: i64, number: usize) -> Value {
    json!({
        "conversion_id": ConversionId::generate(now_ms(), &mut rand::rng()), "source": "conv",
        "event": "sale", "account_id": account_id, "link_key": link_key, "link_id": "Ab3kX9q",
        "revenue": "1.00", "currency": "USD", "txn_id": format!("{link_key}-{number}"),
        "ip": "192.0.2.1",
    })
}

async fn publish(producer: &Producer, events: impl IntoIterator<Item = Value>) {
    let lines: Vec<_> = events.into_iter().map(|event| event.to_string()).collect();
    for lines in lines.chunks(500) {
        producer.publish(lines).await;
    }
}

async fn hold_account(transaction: &Transaction<'_>, account_id: i64) {
    let sql = "SELECT pg_advisory_xact_lock($1, $2)";
    let key = account_key(account_id);
    transaction
        .query(sql, &[&ACCOUNT_CLASS, &key])
        .await
        .unwrap();
}

#[tokio::test]
async fn events_wait_for_a_locked_account_and_other_accounts_do_not() {
    let test_env = TestEnvironment::new().await;
    let producer = Producer::open(&test_env).await;
    let mut holder = test_env.connect().await;
    let transaction = holder.transaction().await.unwrap();
    hold_account(&transaction, 1).await;
    let worker = test_env.start_worker();
    // In the same messages, as in every queue.
    for visitor in 0..8 {
        publish(&producer, [click(1, 1, visitor), click(2, 2, visitor)]).await;
    }
    let stored = async |account_id: i64| {
        let sql = format!("SELECT count(*) FROM clicks WHERE account_id = {account_id}");
        test_env.count(&sql).await
    };
    wait_for("the other account's", 8, async || stored(2).await).await;
    assert_eq!(stored(1).await, 0);
    assert!(
        worker
            .metric("waypost_worker_contended_accounts_total")
            .await
            > 0.0
    );
    wait_for("the age of what waits", true, async || {
        worker
            .metric("waypost_worker_oldest_unstored_seconds")
            .await
            > 0.5
    })
    .await;
    transaction.rollback().await.unwrap();
    wait_for("those of the account", 8, async || stored(1).await).await;
    wait_for("nothing that waits", 0.0, async || {
        worker
            .metric("waypost_worker_oldest_unstored_seconds")
            .await
    })
    .await;
    wait_for("the queues", 0, async || {
        test_env.n_waiting_messages().await
    })
    .await;
    worker.stop();
}

/// As Postgres counts what it reads.
#[tokio::test]
async fn the_work_for_a_click_does_not_grow_with_the_history_of_its_link() {
    let test_env = TestEnvironment::new().await;
    let producer = Producer::open(&test_env).await;
    let mut rows_read = Vec::new();
    let mut n_clicks = 0;
    let mut n_conversions = 0;
    for (link_key, n_history) in [(1, 50), (2, 5_000)] {
        let worker = test_env.start_worker();
        let visitors = (0..n_history).map(|visitor| click(1, link_key, visitor));
        publish(&producer, visitors).await;
        n_clicks += n_history as i64;
        wait_until_stored(&test_env, n_clicks, n_conversions).await;
        let sales = (0..n_history).map(|number| conversion(1, link_key, number));
        publish(&producer, sales).await;
        n_conversions += n_history as i64;
        wait_until_stored(&test_env, n_clicks, n_conversions).await;
        // Sessions report what they have read when they end, at the latest.
        worker.stop();
        let before = rows_read_by_the_ledger(&test_env).await;
        let worker = test_env.start_worker();
        let visitors = (100_000..100_200).map(|visitor| click(1, link_key, visitor));
        publish(&producer, visitors).await;
        n_clicks += 200;
        wait_until_stored(&test_env, n_clicks, n_conversions).await;
        worker.stop();
        rows_read.push(rows_read_by_the_ledger(&test_env).await - before);
    }
    let [few, many] = rows_read[..] else {
        panic!("two histories")
    };
    assert!(
        many <= few * 2 + 500,
        "{few} rows were read with a short history, {many} with a long one"
    );
}

/// As Postgres counts what it reads, also of a partition that has no statistics yet.
#[tokio::test]
async fn reclassifying_a_page_of_clicks_reads_no_others_of_the_account() {
    const N_CLICKS: usize = 12_000;
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "reclassified").await;
    let producer = Producer::open(&test_env).await;
    let worker = test_env.start_worker();
    let visitors = (0..N_CLICKS).map(|visitor| click(tenant.account_id, 1, visitor));
    publish(&producer, visitors).await;
    wait_until_stored(&test_env, N_CLICKS as i64, 0).await;
    worker.stop();
    let clicks_read = "SELECT coalesce(sum(idx_tup_fetch + seq_tup_read), 0)::bigint
                       FROM pg_stat_user_tables
                       WHERE relname LIKE 'clicks%'";
    let before = test_env.count(clicks_read).await;
    let client = Client::new(&api, None);
    let body = json!({ "filter": { "from": "2020-01-01T00:00:00Z" }, "verdict": "bot" });
    let path = "/api/v2/clicks/reclassify";
    let (status, answer) = client
        .call(&tenant.key, Method::POST, path, Some(&body))
        .await;
    assert_eq!(
        (status, &answer["changed"]),
        (200, &json!(1_000)),
        "{answer}"
    );
    // A session reports what it has read when it ends, at the latest.
    api.stop();
    let sessions = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name LIKE 'links-api%'";
    wait_for("the end of all sessions", 0, async || {
        test_env.count(sessions).await
    })
    .await;
    let n_read = test_env.count(clicks_read).await - before;
    assert!(n_read < 8_000, "{n_read} clicks were read for 1,000");
}

/// By the totals: to count rows is to read them.
async fn wait_until_stored(test_env: &TestEnvironment, n_clicks: i64, n_conversions: i64) {
    let sum = async |measure: &str| {
        let sql = format!(
            "SELECT coalesce(sum({measure}), 0)::bigint
             FROM totals
             WHERE dimension = 'all' AND span = 'day'"
        );
        test_env.count(&sql).await
    };
    let expected = (n_clicks, n_conversions);
    wait_for("clicks and conversions", expected, async || {
        (sum("clicks").await, sum("conversions").await)
    })
    .await;
}

/// Rows of the ledger's tables, once all sessions have reported.
async fn rows_read_by_the_ledger(test_env: &TestEnvironment) -> i64 {
    let sql = "SELECT coalesce(sum(idx_tup_fetch + seq_tup_read), 0)::bigint
               FROM pg_stat_user_tables
               WHERE relname IN ('conversions', 'message_clicks', 'link_totals')";
    let sessions = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name LIKE 'click-worker%'";
    wait_for("the end of all sessions", 0, async || {
        test_env.count(sessions).await
    })
    .await;
    test_env.count(sql).await
}

/// Each has a lock in the shared memory of Postgres while it is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_workers_store_events_of_twenty_thousand_accounts() {
    const N_ACCOUNTS: i64 = 20_000;
    let test_env = TestEnvironment::new().await;
    let producer = Producer::open(&test_env).await;
    publish(&producer, (1..=N_ACCOUNTS).map(|id| click(id, id, 1))).await;
    let workers: Vec<_> = (0..8).map(|_| test_env.start_worker()).collect();
    let sql = "SELECT count(DISTINCT account_id) FROM clicks";
    wait_for("the accounts", N_ACCOUNTS, async || {
        test_env.count(sql).await
    })
    .await;
    wait_for("the queues", 0, async || {
        test_env.n_waiting_messages().await
    })
    .await;
    for worker in workers {
        worker.stop();
    }
}

async fn n_queues(worker: &Service) -> f64 {
    worker.metric("waypost_worker_queues").await
}

#[tokio::test]
async fn workers_share_the_queues_and_take_over_those_of_a_dead_worker() {
    let test_env = TestEnvironment::new().await;
    let all = f64::from(N_PARTITIONS + 1);
    let first = test_env.start_worker();
    wait_for("all queues", all, async || n_queues(&first).await).await;
    let second = test_env.start_worker();
    let both = async || [n_queues(&first).await, n_queues(&second).await];
    wait_for("half of the queues each", [all / 2.0; 2], both).await;
    second.kill();
    wait_for("all queues again", all, async || n_queues(&first).await).await;
    // One that ends well gives its leases back at once.
    let third = test_env.start_worker();
    wait_for("half again", all / 2.0, async || n_queues(&first).await).await;
    third.stop();
    let held = "SELECT count(DISTINCT holder) FROM leases WHERE expires_at > now()";
    wait_for("one holder", 1, async || test_env.count(held).await).await;
    first.stop();
}

/// A message of which the events of one account are stored, and those of another are not.
#[tokio::test]
async fn moving_a_queue_to_another_worker_stores_no_event_twice() {
    let test_env = TestEnvironment::new().await;
    let producer = Producer::open(&test_env).await;
    let mut client = test_env.connect().await;
    let holding = client.transaction().await.unwrap();
    hold_account(&holding, 2).await;
    // To each queue, twice.
    let n_messages = 2 * usize::from(N_PARTITIONS + 1);
    for visitor in 0..n_messages {
        let lines = [1, 2].map(|account_id| click(account_id, account_id, visitor).to_string());
        producer.publish(&lines).await;
    }
    let first = test_env.start_worker();
    let n_clicks = async || test_env.count("SELECT count(*) FROM clicks").await;
    let n_messages = i64::try_from(n_messages).unwrap();
    wait_for("the clicks of one account", n_messages, n_clicks).await;
    let second = test_env.start_worker();
    first.wait_for_log("leaving this queue to another worker");
    holding.rollback().await.unwrap();
    wait_for("all clicks", 2 * n_messages, n_clicks).await;
    wait_for("the queues", 0, async || {
        test_env.n_waiting_messages().await
    })
    .await;
    for worker in [first, second] {
        let n_duplicates = worker.metric("waypost_worker_clicks_duplicate_total").await;
        assert_eq!(n_duplicates, 0.0);
        worker.stop();
    }
}

/// A redirector that is set to more partitions than its workers.
#[tokio::test]
async fn a_worker_consumes_queues_beyond_its_own_partition_setting() {
    let test_env = TestEnvironment::new().await;
    // The producer has declared its queues by then.
    let producer = Producer::open(&test_env).await;
    publish(&producer, (1..=40).map(|id| click(id, id, 1))).await;
    let worker = test_env.start_worker_with(&[("AMQP_PARTITIONS", "1")]);
    wait_for("the clicks", 40, async || {
        test_env.count("SELECT count(*) FROM clicks").await
    })
    .await;
    assert_eq!(n_queues(&worker).await, f64::from(N_PARTITIONS + 1));
    worker.stop();
}

/// Rows that have `slow` in sub1 take two seconds.
async fn slow_rows(test_env: &TestEnvironment) {
    let sql = "CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN PERFORM pg_sleep(2); RETURN NEW; END $$;
               CREATE TRIGGER be_slow BEFORE INSERT ON clicks FOR EACH ROW
               WHEN (NEW.sub1 = 'slow') EXECUTE FUNCTION be_slow();";
    test_env.db.batch_execute(sql).await.unwrap();
}

#[tokio::test]
async fn an_event_that_fails_by_itself_is_parked_and_the_others_are_stored() {
    let test_env = TestEnvironment::new().await;
    let producer = Producer::open(&test_env).await;
    slow_rows(&test_env).await;
    let mut worker = test_env.start_worker_with(&[("DATABASE_STATEMENT_TIMEOUT_MS", "700")]);
    worker.expect_in_log("storing one event failed and it was parked");
    let mut slow = click(1, 1, 7);
    slow["sub1"] = json!("slow");
    let others = (0..20).map(|visitor| click(1, 1, 10 + visitor));
    publish(&producer, others.chain([slow.clone()])).await;
    wait_for("the others", true, async || {
        test_env.count("SELECT count(*) FROM clicks").await >= 20
    })
    .await;
    let parked = worker.wait_for_log("storing one event failed and it was parked");
    assert_eq!(parked["event.id"], slow["click_id"]);
    assert_eq!(parked["reason"], "statement_timeout");
    // With more time it is stored, counted once, and not parked any more.
    wait_for("all clicks", 21, async || {
        test_env.count("SELECT count(*) FROM clicks").await
    })
    .await;
    wait_for("nothing that is parked", 0, async || {
        test_env.count("SELECT count(*) FROM parked_events").await
    })
    .await;
    let total = "SELECT sum(clicks) FROM totals WHERE dimension = 'all' AND span = 'day'";
    assert_eq!(test_env.count(total).await, 21);
    wait_for("the gauge", 0.0, async || {
        worker.metric("waypost_worker_parked_events").await
    })
    .await;
    worker.stop();
}

fn parked(test_env: &TestEnvironment, args: &[&str]) -> (Option<i32>, Value) {
    let args = [&["parked"], args].concat();
    let output = command("click-worker", &args, &test_env.env())
        .output()
        .unwrap();
    let answer = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code(), answer)
}

#[tokio::test]
async fn parked_events_can_be_listed_retried_and_dropped() {
    let test_env = TestEnvironment::new().await;
    let lines = [click(1, 1, 1), click(2, 2, 2), click(3, 3, 3)];
    for line in &lines {
        let id: uuid::Uuid = line["click_id"].as_str().unwrap().parse().unwrap();
        let sql = "INSERT INTO parked_events (event_id, account_id, line, reason, detail, retry_at)
                   VALUES ($1, $2, $3, 'deadlock', 'some detail', now() + interval '1 day')";
        let (account_id, line) = (line["account_id"].as_i64(), line.to_string().into_bytes());
        test_env
            .db
            .execute(sql, &[&id, &account_id, &line])
            .await
            .unwrap();
    }
    let (_, list) = parked(&test_env, &["list", "--limit", "2"]);
    assert_eq!(list["total"], 3);
    let first = &list["parked"][0];
    assert_eq!(list["parked"].as_array().unwrap().len(), 2);
    assert_eq!(first["event"], lines[0]);
    assert_eq!(
        (&first["reason"], &first["tries"]),
        (&json!("deadlock"), &json!(0))
    );
    let ids: Vec<_> = list["parked"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["id"].to_string())
        .collect();
    // Which ones must be said.
    assert_eq!(parked(&test_env, &["drop"]).0, Some(2));
    let (_, dropped) = parked(&test_env, &["drop", "--id", &ids[0]]);
    assert_eq!(dropped["dropped"][0]["event"], lines[0]);
    assert_eq!(
        parked(&test_env, &["retry", "--id", &ids[1]]).1,
        json!({ "retried": 1 })
    );
    let worker = test_env.start_worker();
    let accounts = "SELECT count(*) FROM clicks WHERE account_id = 2";
    wait_for("the one that is tried", 1, async || {
        test_env.count(accounts).await
    })
    .await;
    assert_eq!(
        parked(&test_env, &["retry", "--all"]).1,
        json!({ "retried": 1 })
    );
    let all = "SELECT count(*) FROM clicks";
    wait_for("the other one", 2, async || test_env.count(all).await).await;
    assert_eq!(
        parked(&test_env, &["list"]).1,
        json!({ "parked": [], "total": 0 })
    );
    worker.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_detect_a_postgres_that_does_not_answer() {
    let test_env = TestEnvironment::new().await;
    let producer = Producer::open(&test_env).await;
    let url = &test_env.env()["DATABASE_URL"];
    let (user, rest) = url.rsplit_once('@').unwrap();
    let (server, database) = rest.split_once('/').unwrap();
    let proxy = Proxy::start(server).await;
    let url = format!("{user}@{}/{database}", proxy.address());
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_STATEMENT_TIMEOUT_MS", "500"),
    ];
    let mut worker = test_env.start_worker_with(&settings);
    worker.expect_in_log("storing a batch failed, retrying");
    worker.expect_in_log("maintenance job failed, retrying");
    publish(&producer, [click(1, 1, 1)]).await;
    let stored = async || test_env.count("SELECT count(*) FROM clicks").await;
    wait_for("the first click", 1, stored).await;
    proxy.freeze();
    publish(&producer, [click(1, 1, 2)]).await;
    let said = worker.wait_for_log("storing a batch failed, retrying");
    let error = said["error.message"].as_str().unwrap();
    assert!(
        error.contains("did not answer in time") || error.contains("Timeout"),
        "{said}"
    );
    wait_for("the time since the last commit", true, async || {
        worker.metric("waypost_worker_since_commit_seconds").await > 3.0
    })
    .await;
    proxy.pass();
    wait_for("the second click", 2, stored).await;
    worker.stop();
}

/// `deploy/alerts.yaml` speaks of metrics that there are.
#[tokio::test]
async fn alerts_use_existing_metrics() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let edge = test_env.start_edge(&api);
    let worker = test_env.start_worker();
    let mut metrics = String::new();
    for service in [&api, &edge, &worker] {
        let url = format!("{}/metrics", service.url("admin.address"));
        metrics += &reqwest::get(url).await.unwrap().text().await.unwrap();
    }
    let rules = e2e::servers::workspace().join("deploy/alerts.yaml");
    let rules = std::fs::read_to_string(rules).unwrap();
    let names: BTreeSet<_> = rules
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("waypost_"))
        .collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        let family = name.strip_suffix("_total").unwrap_or(name);
        let described = format!("# TYPE {family} ");
        assert!(metrics.contains(&described), "there is no metric {name}");
    }
    for service in [worker, edge, api] {
        service.stop();
    }
}
