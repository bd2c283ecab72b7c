//! Everybody who writes to the ledger at once, on few accounts, with workers that are
//! killed and frozen and sessions that are ended: what is committed adds up.

use std::time::Duration;

use domain::id::ClickId;
use e2e::{client::Client, producer::Producer, service::Service, wait::wait_for};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use reqwest::Method;
use serde_json::{Value, json};

use super::fixture::LedgerFixture;

const N_WORKERS: usize = 4;
const N_CLICKS: usize = 2_000;
const N_CONVERSIONS: usize = 500;
const N_TROUBLES: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_is_consistent_after_concurrent_writers_kills_and_frozen_sessions() {
    let seed = super::seed();
    println!("LEDGER_SEED={seed}");
    let mut fixture = LedgerFixture::new(seed).await;
    fixture.make_facts(N_CLICKS, N_CONVERSIONS);
    let lines = fixture.take_lines();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut workers: Vec<_> = (0..N_WORKERS).map(|_| start_worker(&fixture)).collect();
    let troubled = async {
        for _ in 0..N_TROUBLES {
            let worker = rng.random_range(0..N_WORKERS);
            trouble(&fixture, &mut workers[worker], rng.random_range(0..3)).await;
        }
    };
    let (_, n_tracked, ..) = tokio::join!(
        troubled,
        track(&fixture),
        publish(&fixture, lines, seed),
        reclassify(&fixture),
        erase(&fixture),
        repair(&fixture),
        sum_up(&fixture),
    );
    let n_clicks = fixture.facts.clicks.len() as i64;
    let expected = (n_clicks, 0, 0, 0);
    wait_for("clicks, queues, parked and marked", expected, async || {
        (
            fixture.count("SELECT count(*) FROM clicks").await,
            fixture.test_env.n_waiting_messages().await,
            fixture.count("SELECT count(*) FROM parked_events").await,
            fixture.count("SELECT count(*) FROM burst_minutes").await,
        )
    })
    .await;
    // Every conversion of a click that came is of an account by now.
    let waiting = "SELECT count(*)
                   FROM conversions w
                   JOIN clicks c ON c.click_id = w.click_id
                   WHERE w.account_id IS NULL";
    wait_for("waiting conversions", 0, async || {
        fixture.count(waiting).await
    })
    .await;
    let tracked = "SELECT count(*) FROM conversions WHERE source = 'api'";
    assert_eq!(fixture.count(tracked).await, n_tracked);
    let n_published = "SELECT count(*) FROM conversions WHERE source <> 'api'";
    let n_stored = fixture.facts.stored().len() as i64;
    assert_eq!(fixture.count(n_published).await, n_stored);
    fixture.test_env.sum_up_days().await;
    fixture.assert_recount_is_right();
    for worker in workers {
        worker.stop();
    }
}

fn start_worker(fixture: &LedgerFixture) -> Service {
    let settings = [
        ("BATCH_MAX_EVENTS", "30"),
        ("PREFETCH", "4"),
        ("BURST_CLICKS", "5"),
        ("BURST_WINDOW_MS", "3000"),
        ("BURST_SETTLE_MS", "50"),
        ("MAINTENANCE_INTERVAL_MS", "50"),
        ("DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS", "500"),
        ("CONSUMER_HEARTBEAT_S", "1"),
    ];
    let mut worker = fixture.test_env.start_worker_with(&settings);
    for expected in [
        "storing a batch failed, retrying",
        "consumer session failed, reconnecting",
        "maintenance job failed, retrying",
        "storing one event failed and it was parked",
        "storing a parked event failed again",
    ] {
        worker.expect_in_log(expected);
    }
    worker
}

/// Something happens to a worker, or to a session of any.
async fn trouble(fixture: &LedgerFixture, worker: &mut Service, kind: u8) {
    tokio::time::sleep(Duration::from_millis(400)).await;
    match kind {
        0 => *worker = start_worker(fixture),
        1 => {
            worker.signal("STOP");
            tokio::time::sleep(Duration::from_millis(1500)).await;
            worker.signal("CONT");
        }
        _ => {
            let sql = "SELECT pg_terminate_backend(pid)
                       FROM pg_stat_activity
                       WHERE datname = current_database() AND application_name = 'click-worker'
                       ORDER BY random()
                       LIMIT 2";
            fixture.test_env.db.query(sql, &[]).await.unwrap();
        }
    }
}

/// All that was made, in random order, to whichever queue.
async fn publish(fixture: &LedgerFixture, mut lines: Vec<String>, seed: u64) {
    let producer = Producer::open(&fixture.test_env).await;
    lines.shuffle(&mut StdRng::seed_from_u64(seed));
    for lines in lines.chunks(15) {
        producer.publish(lines).await;
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

/// Returns the successful response. A busy account is asked again.
async fn call(
    client: &Client,
    key: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Value {
    loop {
        let (status, answer) = client.call(key, method.clone(), path, body.as_ref()).await;
        match status {
            200 | 201 => return answer,
            503 => tokio::time::sleep(Duration::from_millis(50)).await,
            _ => panic!("{path}: {status} {answer}"),
        }
    }
}

/// Conversions by the API of clicks that come sooner or later; how many.
async fn track(fixture: &LedgerFixture) -> i64 {
    let clicks: Vec<(ClickId, i64)> = fixture
        .facts
        .clicks
        .values()
        .map(|click| (click.id, click.link.account_id))
        .step_by(30)
        .collect();
    for (number, (click_id, account_id)) in clicks.iter().enumerate() {
        let body = json!({
            "click_id": click_id, "order_id": format!("tracked-{number}"), "amount": "1.50",
        });
        let key = fixture.key_of(*account_id);
        let path = "/api/conversions/track";
        call(&fixture.client, key, Method::POST, path, Some(body)).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    clicks.len() as i64
}

async fn reclassify(fixture: &LedgerFixture) {
    for round in 0..12 {
        let (filter, verdict) = match round % 3 {
            0 => (json!({ "country": "DE" }), "bot"),
            1 => (json!({ "verdict": "bot" }), "human"),
            _ => (json!({ "ip": "203.0.113.8/29" }), "bot"),
        };
        for key in &fixture.keys {
            let body = json!({ "filter": filter, "verdict": verdict });
            let path = "/api/v2/clicks/reclassify";
            call(&fixture.client, key, Method::POST, path, Some(body)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// Has days summed up again while their clicks change.
async fn sum_up(fixture: &LedgerFixture) {
    for _ in 0..40 {
        let sql = "UPDATE value_total_days SET computed_at = NULL WHERE state <> 'current'";
        fixture.test_env.db.execute(sql, &[]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn erase(fixture: &LedgerFixture) {
    let contacts: Vec<_> = fixture
        .links
        .iter()
        .filter_map(|link| Some((link.account_id, link.contact.clone()?)))
        .take(3)
        .collect();
    for (account_id, phone) in contacts {
        tokio::time::sleep(Duration::from_millis(900)).await;
        let path = format!("/api/v2/contacts/{phone}");
        let key = fixture.key_of(account_id);
        call(&fixture.client, key, Method::DELETE, &path, None).await;
    }
}

/// A repair finds nothing to do, and does no harm to what goes on.
async fn repair(fixture: &LedgerFixture) {
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (is_consistent, report) =
            tokio::task::block_in_place(|| fixture.recount(&["--repair"]));
        assert!(is_consistent, "{report}");
        for kind in [
            "message_clicks",
            "credits",
            "totals",
            "link_totals",
            "event_totals",
        ] {
            assert_eq!(report[kind]["different"], 0, "{kind}: {report}");
        }
    }
}
