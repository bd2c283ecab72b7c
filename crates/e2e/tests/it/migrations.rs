//! `links-api migrate` on a database that is in use, is not there yet, or is newer.

use std::{
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use e2e::{
    proxy::Proxy,
    servers::workspace,
    service::{Env, command},
    test_environment::TestEnvironment,
};
use serde_json::Value;
use tokio_postgres::Client;

/// The last version of the schema in which the ledger had one lock for all.
const BEFORE_ACCOUNT_LOCKS: i32 = 9;
/// Clicks that are there. `MIGRATION_ROWS` is for more: scripts/test --long has 5,000,000.
const N_CLICKS: i64 = 50_000;
/// How long a writer may be held up, where there are so many rows that creating an index
/// takes longer.
const MAX_STALL: Duration = Duration::from_secs(2);

fn migrate(env: &Env) -> Output {
    command("links-api", &["migrate"], env).output().unwrap()
}

fn answer(output: &Output) -> Value {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{error}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_schema_is_migrated_while_clicks_are_stored() {
    let n_clicks = std::env::var("MIGRATION_ROWS").map_or(N_CLICKS, |n| n.parse().unwrap());
    let test_env = TestEnvironment::new().await;
    let mut db = test_env.connect().await;
    set_back(&mut db).await;
    fill(&db, n_clicks).await;

    let is_migrated = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write(test_env.connect().await, is_migrated.clone()));
    let env = test_env.env();
    let output = tokio::task::spawn_blocking(move || migrate(&env)).await;
    is_migrated.store(true, Ordering::Relaxed);
    let (n_written, longest) = writer.await.unwrap();
    let answer = answer(&output.unwrap());
    println!("{n_clicks} rows: {n_written} batches meanwhile, the longest took {longest:?}");
    let applied = answer["applied"].as_array().unwrap();
    assert!(applied.len() > 5, "{answer}");
    assert!(n_written > 0);
    if n_clicks > N_CLICKS {
        assert!(longest < MAX_STALL, "a batch took {longest:?}");
    }
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(test_env.count(invalid).await, 0);
    let again = self::answer(&migrate(&test_env.env()));
    assert_eq!(again["applied"], serde_json::json!([]), "nothing is left");
    // What was there is what it was, and services start on it.
    let sql = "SELECT count(*) FROM clicks WHERE sub1 = 'before'";
    assert_eq!(test_env.count(sql).await, n_clicks);
    test_env.start_worker().stop();
}

/// The schema as it was before.
async fn set_back(db: &mut Client) {
    let sql = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
    db.batch_execute(sql).await.unwrap();
    let folder = workspace().join("crates/postgres/migrations");
    let migrations = refinery::load_sql_migrations(folder).unwrap();
    let before: Vec<_> = migrations
        .into_iter()
        .filter(|migration| migration.version() <= BEFORE_ACCOUNT_LOCKS)
        .collect();
    refinery::Runner::new(&before).run_async(db).await.unwrap();
}

/// Clicks of five days, with message clicks and conversions.
async fn fill(db: &Client, n_clicks: i64) {
    let sql = format!(
        "SELECT set_config('statement_timeout', '0', false);
         DO $$
         DECLARE day date;
         BEGIN
             FOR day IN SELECT generate_series(current_date - 5, current_date + 1, interval '1 day')
             LOOP
                 EXECUTE format(
                     'CREATE TABLE clicks_%s PARTITION OF clicks FOR VALUES FROM (%L) TO (%L)',
                     to_char(day, 'YYYYMMDD'), day::text || ' 00:00:00+00',
                     (day + 1)::text || ' 00:00:00+00');
             END LOOP;
         END $$;
         INSERT INTO clicks (click_id, clicked_at, account_id, link_key, link_id, message_id,
                             contact_phone, visitor, sub1, is_bot, bot_reasons)
         SELECT gen_random_uuid(), date_trunc('day', now(), 'UTC') - n % 432000 * interval '1 second',
                n % 20, n, 'Ab3kX9q', CASE WHEN n % 2 = 0 THEN 'message-' || n END, NULL,
                md5(n::text), 'before', n % 10 = 0, '{{}}'
         FROM generate_series(1, {n_clicks}) AS n;
         INSERT INTO message_clicks (account_id, message_key, contact_key, click_id, clicked_at,
                                     link_key, link_id)
         SELECT account_id, 'l:' || link_key, 'v:' || visitor, click_id, clicked_at, link_key, link_id
         FROM clicks
         WHERE message_id IS NULL;
         INSERT INTO conversions (conversion_id, converted_at, account_id, source, event, dedupe_key,
                                  visitor, message_key, currency, click_window_days)
         SELECT gen_random_uuid(), clicked_at, account_id, 'conv', 'sale', 't:sale:' || click_id,
                visitor, 'l:' || link_key, 'USD', 90
         FROM clicks
         WHERE link_key % 10 = 1;"
    );
    db.batch_execute(&sql).await.unwrap();
}

/// Stores as the version before did, until it is over: how many batches, and the longest
/// time that one took.
async fn write(db: Client, is_migrated: Arc<AtomicBool>) -> (u32, Duration) {
    let sql = "
        WITH new AS (
            INSERT INTO clicks (click_id, clicked_at, account_id, link_key, link_id, visitor,
                                sub1, is_bot, bot_reasons)
            SELECT gen_random_uuid(), now(), n % 20, n, 'Ab3kX9q', md5(random()::text), 'meanwhile',
                   false, '{}'
            FROM generate_series(1, 100) AS n
            RETURNING *
        ), unique_clicks AS (
            INSERT INTO message_clicks (account_id, message_key, contact_key, click_id, clicked_at,
                                        link_key, link_id)
            SELECT account_id, 'l:' || link_key, 'v:' || visitor, click_id, clicked_at, link_key,
                   link_id
            FROM new
            ON CONFLICT DO NOTHING
        )
        INSERT INTO conversions (conversion_id, converted_at, account_id, source, event, dedupe_key,
                                 visitor, message_key, currency, click_window_days)
        SELECT gen_random_uuid(), clicked_at, account_id, 'conv', 'sale', 't:sale:' || click_id,
               visitor, 'l:' || link_key, 'USD', 90
        FROM new";
    let (mut n_written, mut longest) = (0, Duration::ZERO);
    while !is_migrated.load(Ordering::Relaxed) {
        let start = Instant::now();
        db.execute(sql, &[]).await.expect("the writer goes on");
        longest = longest.max(start.elapsed());
        n_written += 1;
    }
    (n_written, longest)
}

#[tokio::test]
async fn an_older_program_does_not_change_a_newer_schema() {
    let test_env = TestEnvironment::new().await;
    let sql = "INSERT INTO refinery_schema_history VALUES (999, 'the_future', now()::text, '1')";
    test_env.db.batch_execute(sql).await.unwrap();
    let answer = answer(&migrate(&test_env.env()));
    assert_eq!(answer["applied"], serde_json::json!([]));
    assert_eq!(answer["version"], 999);
    let note = answer["note"].as_str().unwrap();
    assert!(
        note.starts_with("the schema is newer than this program"),
        "{note}"
    );
    // And it works on it.
    test_env.start_api().stop();
    test_env.start_worker().stop();
}

#[tokio::test]
async fn a_missing_index_is_reported_and_created() {
    let test_env = TestEnvironment::new().await;
    let sql = "DROP INDEX conversions_check_at_idx; DROP INDEX clicks_of_links_idx";
    test_env.db.batch_execute(sql).await.unwrap();
    let output = command("click-worker", &["serve"], &test_env.env()).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    let sentence = "the schema has no index clicks_of_links_idx: run `links-api migrate`";
    assert!(said.contains(sentence), "{said}");
    let answer = answer(&migrate(&test_env.env()));
    let expected = serde_json::json!(["clicks_of_links_idx", "conversions_check_at_idx"]);
    assert_eq!(answer["applied"], expected);
    test_env.start_worker().stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrate_waits_for_the_database() {
    let test_env = TestEnvironment::new().await;
    let url = &test_env.env()["DATABASE_URL"];
    let (user, rest) = url.rsplit_once('@').unwrap();
    let (server, database) = rest.split_once('/').unwrap();
    let proxy = Proxy::start(server).await;
    let url = format!("{user}@{}/{database}", proxy.address());
    proxy.cut();
    let mut env = test_env.env_with(&[("DATABASE_URL", &url), ("MIGRATE_WAIT_S", "60")]);
    let waiting = env.clone();
    let output = tokio::task::spawn_blocking(move || migrate(&waiting));
    tokio::time::sleep(Duration::from_millis(700)).await;
    proxy.pass();
    let output = output.await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("waiting for Postgres"), "{said}");
    assert_eq!(answer(&output)["applied"], serde_json::json!([]));
    // Not for ever.
    proxy.cut();
    env.insert("MIGRATE_WAIT_S".to_owned(), "0".to_owned());
    let output = tokio::task::spawn_blocking(move || migrate(&env)).await;
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("no connection to Postgres"), "{said}");
}

/// The benchmarks empty the tables of events between their rounds. A new table that refers to one
/// of these must be emptied with it.
#[tokio::test]
async fn the_benchmarks_can_empty_all_tables_of_events() {
    let test_env = TestEnvironment::new().await;
    let sql = include_str!("../../src/bin/bench/rows/empty_event_tables.sql");
    test_env.db.batch_execute(sql).await.unwrap();
}
