//! One account or one worker in trouble: it must not delay other accounts.

use std::{ops::Range, time::Duration};

use domain::id::{ClickId, ConversionId};
use rand::RngExt as _;
use reqwest::Client;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_postgres::NoTls;

use super::{ExpectedEffects, Testbed};
use crate::{
    lag::{FIRST_ACCOUNT, LagProbe},
    producer::Producer,
    wait::wait_for,
};

/// Uninvolved accounts, and their clicks per second.
const OTHERS: Range<i64> = FIRST_ACCOUNT..FIRST_ACCOUNT + 8;
const OTHERS_CLICKS_PER_SECOND: u32 = 80;
/// A session that is idle in a transaction for this long was stopped inside it.
const STUCK: Duration = Duration::from_millis(80);
/// Attempts to stop a worker inside a transaction.
const MAX_TRIES: u32 = 300;

/// Twice the time of an outage, and long enough for another worker to take over the leases.
fn frozen_time(testbed: &Testbed) -> Duration {
    (testbed.profile.outage * 2).max(Duration::from_secs(6))
}

pub async fn worker_frozen(testbed: &mut Testbed) -> ExpectedEffects {
    let probe = LagProbe::start(&testbed.test_env, OTHERS, OTHERS_CLICKS_PER_SECOND).await;
    let mut expected = ExpectedEffects::default();
    let worker = &testbed.workers[0];
    let is_caught = catch_inside_of_a_transaction(
        testbed,
        || worker.service().signal("STOP"),
        || worker.service().signal("CONT"),
    );
    if !is_caught.await {
        expected
            .violations
            .push("no transaction was frozen".to_owned());
    }
    tokio::time::sleep(frozen_time(testbed)).await;
    testbed.workers[0].service().signal("CONT");
    tokio::time::sleep(testbed.profile.settle_time).await;
    expected.lags = Some(probe.finish().await);
    expected
}

/// The worker ends without closing its connections, so its servers do not learn of it.
pub async fn worker_power_cut(testbed: &mut Testbed) -> ExpectedEffects {
    let probe = LagProbe::start(&testbed.test_env, OTHERS, OTHERS_CLICKS_PER_SECOND).await;
    let mut expected = ExpectedEffects::default();
    let is_caught = catch_inside_of_a_transaction(
        testbed,
        || testbed.proxies.iter().for_each(|proxy| proxy.freeze()),
        || testbed.proxies.iter().for_each(|proxy| proxy.pass()),
    );
    if !is_caught.await {
        expected
            .violations
            .push("no transaction was cut off".to_owned());
    }
    testbed.workers[0].kill();
    tokio::time::sleep(frozen_time(testbed)).await;
    testbed.proxies.iter().for_each(|proxy| proxy.pass());
    tokio::task::block_in_place(|| testbed.workers[0].start());
    tokio::time::sleep(testbed.profile.settle_time).await;
    expected.lags = Some(probe.finish().await);
    expected
}

/// Stops a worker repeatedly until that leaves a transaction open.
async fn catch_inside_of_a_transaction(
    testbed: &Testbed,
    stop: impl Fn(),
    go_on: impl Fn(),
) -> bool {
    let db = testbed.test_env.connect().await;
    let sql = "SELECT count(*)
               FROM pg_stat_activity
               WHERE datname = current_database()
                 AND application_name = 'click-worker'
                 AND state = 'idle in transaction'
                 AND clock_timestamp() - state_change > make_interval(secs => $1)";
    for _ in 0..MAX_TRIES {
        stop();
        tokio::time::sleep(STUCK * 3 / 2).await;
        let row = db.query_one(sql, &[&STUCK.as_secs_f64()]).await;
        if row.expect("PostgreSQL").get::<_, i64>(0) > 0 {
            return true;
        }
        go_on();
        let part: f64 = rand::rng().random();
        tokio::time::sleep(Duration::from_millis(100).mul_f64(part)).await;
    }
    stop();
    false
}

/// The account of the busy link.
const HOT_ACCOUNT: i64 = 900_500;
const N_NEW_VISITORS: usize = 4_000;
const LINES_PER_MESSAGE: usize = 500;

pub async fn hot_link(testbed: &mut Testbed) -> ExpectedEffects {
    let probe = LagProbe::start(&testbed.test_env, OTHERS, OTHERS_CLICKS_PER_SECOND).await;
    let producer = Producer::open(&testbed.test_env).await;
    // 60,000 in the full profile.
    let n_conversions = testbed.profile.traffic.requests_per_second as usize * 60;
    let conversions: Vec<_> = (0..n_conversions).map(conversion_line).collect();
    let clicks: Vec<_> = (0..N_NEW_VISITORS).map(click_line).collect();
    let db = testbed.test_env.connect().await;
    for (what, table, lines) in [
        ("the conversions of the link", "conversions", conversions),
        ("its new visitors", "clicks", clicks),
    ] {
        for lines in lines.chunks(LINES_PER_MESSAGE) {
            producer.publish_for_account(HOT_ACCOUNT, lines).await;
        }
        let sql = format!("SELECT count(*) FROM {table} WHERE account_id = $1");
        let n_lines = i64::try_from(lines.len()).expect("few lines");
        wait_for(what, n_lines, async || {
            let row = db.query_one(&sql, &[&HOT_ACCOUNT]).await;
            row.map_or(0, |row| row.get::<_, i64>(0))
        })
        .await;
    }
    ExpectedEffects {
        lags: Some(probe.finish().await),
        ..ExpectedEffects::default()
    }
}

fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).expect("after 1970")
}

fn conversion_line(number: usize) -> String {
    let id = ConversionId::generate(now_ms(), &mut rand::rng());
    json!({
        "conversion_id": id, "source": "conv", "event": "sale", "account_id": HOT_ACCOUNT,
        "link_key": HOT_ACCOUNT, "link_id": "Ab3kX9q", "revenue": "1.00", "currency": "USD",
        "txn_id": format!("hot{number}"), "ip": "192.0.2.1",
    })
    .to_string()
}

fn click_line(number: usize) -> String {
    let id = ClickId::generate(now_ms(), &mut rand::rng());
    let (high, low) = (number / 250, number % 250);
    json!({
        "click_id": id, "account_id": HOT_ACCOUNT, "link_key": HOT_ACCOUNT, "link_id": "Ab3kX9q",
        "ip": format!("10.0.{high}.{low}"), "user_agent": "Safari", "sub1": format!("hot{number}"),
    })
    .to_string()
}

/// Concurrent requests for reports.
const N_REPORTS: usize = 16;

/// Reports of creatives wait for a lock on that table, and so hold their connections as slow
/// reports do. Meanwhile redirectors find no records in Redis and load them from the origin.
pub async fn report_storm(testbed: &mut Testbed) -> ExpectedEffects {
    let mut reports = JoinSet::new();
    for _ in 0..N_REPORTS {
        let (url, key) = (testbed.api_url.clone(), testbed.api_key.clone());
        let url = format!("{url}/api/v2/reports/performance?group_by=creative");
        reports.spawn(async move {
            let client = Client::builder().no_proxy().build().expect("a client");
            loop {
                let request = client.get(&url).header("X-Api-Key", &key);
                // The requests time out, as intended.
                drop(request.send().await);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }
    let (url, name) = (testbed.servers.postgres.url.clone(), &testbed.test_env.name);
    let (server, _) = url.rsplit_once('/').expect("a URL with a database");
    let connected = tokio_postgres::connect(&format!("{server}/{name}"), NoTls).await;
    let (mut holder, connection) = connected.expect("PostgreSQL");
    tokio::spawn(connection);
    let transaction = holder.transaction().await.expect("a transaction");
    let lock = "LOCK TABLE creatives IN ACCESS EXCLUSIVE MODE";
    transaction.batch_execute(lock).await.expect(lock);

    let mut redis = testbed.test_env.redis().await;
    let end = tokio::time::Instant::now() + testbed.profile.fault;
    let mut most_waiting = 0;
    while tokio::time::Instant::now() < end {
        let emptied: Result<(), _> = redis::cmd("FLUSHALL").query_async(&mut redis).await;
        emptied.expect("Redis");
        let sql =
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'creatives'::regclass";
        let row = transaction.query_one(sql, &[]).await.expect(sql);
        most_waiting = most_waiting.max(row.get::<_, i64>(0));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    transaction.rollback().await.expect("it goes on");
    reports.shutdown().await;
    let mut expected = ExpectedEffects::default();
    if most_waiting < 2 {
        expected.violations.push("no reports waited".to_owned());
    }
    expected
}
