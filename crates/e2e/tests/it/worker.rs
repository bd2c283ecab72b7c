//! The worker alone: events straight into the queue, in every order and state.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    event::{CONTENT_TYPE, SCHEMA_VERSION},
    id::ClickId,
};
use e2e::{producer::Producer, proxy::Proxy, test_environment::TestEnvironment, wait::wait_for};
use lapin::types::FieldTable;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::{Value, json};

/// A worker in its test environment, without the services before it.
struct Queue {
    test_env: TestEnvironment,
    producer: Producer,
}

impl Queue {
    async fn new() -> Self {
        let test_env = TestEnvironment::new().await;
        let producer = Producer::open(&test_env).await;
        Self { test_env, producer }
    }

    async fn publish(&self, lines: &[String]) {
        self.producer.publish(lines).await;
    }

    async fn wait_for_clicks(&self, n: i64) {
        wait_for("clicks", n, async || {
            self.test_env.count("SELECT count(*) FROM clicks").await
        })
        .await;
    }

    /// Everything is taken, and acknowledged: nothing would come again.
    async fn wait_for_empty_queue(&self, worker: e2e::service::Service) {
        wait_for("the queues", 0, async || {
            self.test_env.n_waiting_messages().await
        })
        .await;
        worker.stop();
        assert_eq!(self.test_env.n_waiting_messages().await, 0);
    }
}

/// A click `ms` ago, told apart from others of that time by `salt`.
fn click_id(ms_ago: u64, salt: u8) -> ClickId {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let unix_ms = u64::try_from(now.as_millis()).unwrap() - ms_ago;
    let id = uuid::Builder::from_unix_timestamp_millis(unix_ms, &[salt; 10]).into_uuid();
    ClickId::from_uuid(id).unwrap()
}

fn event(click_id: ClickId) -> Value {
    json!({
        "click_id": click_id, "account_id": 1, "link_key": 1, "link_id": "Ab3kX9q",
        "ip": "203.0.113.9", "user_agent": "Safari",
    })
}

#[tokio::test]
async fn order_delay_and_duplicates_of_events_do_not_change_the_result() {
    let queue = Queue::new().await;
    let mut rng = StdRng::seed_from_u64(11);
    let base = click_id(60_000, 0).unix_ms();
    let mut lines = Vec::new();
    let mut first: BTreeMap<(String, String), ClickId> = BTreeMap::new();
    for i in 0..600_u64 {
        let ms = u64::try_from(base).unwrap() + rng.random_range(0..50);
        let id = uuid::Builder::from_unix_timestamp_millis(ms, &[(i % 250) as u8; 10]).into_uuid();
        let id = ClickId::from_uuid(id).unwrap();
        let (message, contact) = (rng.random_range(0..20), rng.random_range(0..3));
        let is_bot = rng.random_bool(0.3);
        let mut line = event(id);
        line["message_id"] = json!(format!("message {message}"));
        line["contact_phone"] = json!(format!("+1800555{contact:04}"));
        if is_bot {
            line["bot_reasons"] = json!(["ua_bot", "head_method"]);
        }
        lines.push((id, line, is_bot, message, contact));
    }
    // Ids repeat by chance: the first event with an id is the click.
    let mut seen = BTreeSet::new();
    lines.retain(|(id, ..)| seen.insert(*id));
    for (id, _, is_bot, message, contact) in &lines {
        if !is_bot {
            let key = (
                format!("m:message {message}"),
                format!("c:+1800555{contact:04}"),
            );
            let first = first.entry(key).or_insert(*id);
            *first = (*first).min(*id);
        }
    }
    let n_clicks = i64::try_from(lines.len()).unwrap();
    let mut deliveries: Vec<String> = lines.iter().map(|(_, line, ..)| line.to_string()).collect();
    deliveries.extend(deliveries.clone().into_iter().step_by(2));
    deliveries.shuffle(&mut rng);

    // Two workers, small batches: the rows of one are in the way of the other.
    let settings = [("BATCH_MAX_EVENTS", "20"), ("PREFETCH", "3")];
    let workers = [
        queue.test_env.start_worker_with(&settings),
        queue.test_env.start_worker_with(&settings),
    ];
    for lines in deliveries.chunks(7) {
        queue.publish(lines).await;
    }
    queue.wait_for_clicks(n_clicks).await;
    for worker in workers {
        worker.stop();
    }
    let worker = queue.test_env.start_worker();
    let sql = "SELECT message_key, contact_key, click_id::text FROM message_clicks";
    wait_for("the message clicks", true, async || {
        let rows = queue.test_env.db.query(sql, &[]).await.unwrap();
        let stored: BTreeMap<(String, String), ClickId> = rows
            .iter()
            .map(|row| {
                (
                    (row.get(0), row.get(1)),
                    ClickId::parse(row.get(2)).unwrap(),
                )
            })
            .collect();
        stored == first
    })
    .await;
    assert_eq!(
        queue
            .test_env
            .count("SELECT count(*) FROM clicks WHERE bot_reasons = '{ua_bot,head_method}'")
            .await,
        i64::try_from(lines.iter().filter(|(_, _, is_bot, ..)| *is_bot).count()).unwrap()
    );
    queue.wait_for_empty_queue(worker).await;
}

#[tokio::test]
async fn an_earlier_click_that_arrives_later_becomes_the_message_click() {
    let queue = Queue::new().await;
    let worker = queue.test_env.start_worker();
    let (late, early) = (click_id(1_000, 1), click_id(90_000_000, 2)); // yesterday
    let message_click = "SELECT click_id::text FROM message_clicks";
    let stored = async || {
        let row = queue
            .test_env
            .db
            .query_opt(message_click, &[])
            .await
            .unwrap();
        row.map(|row| row.get::<_, String>(0))
    };
    let line = |id: ClickId| {
        let mut line = event(id);
        // The contact is known: the visitor of yesterday is another one.
        line["contact_phone"] = json!("+18005551234");
        line.to_string()
    };
    queue.publish(&[line(late)]).await;
    wait_for("the only click", Some(late.to_string()), stored).await;
    queue.publish(&[line(early)]).await;
    wait_for("the earlier click", Some(early.to_string()), stored).await;
    queue.publish(&[line(late)]).await;
    queue.wait_for_clicks(2).await;
    queue.wait_for_empty_queue(worker).await;
    assert_eq!(stored().await, Some(early.to_string()));
    let partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'clicks'::regclass";
    assert!(
        queue.test_env.count(partitions).await >= 2,
        "a partition for each day"
    );
}

#[tokio::test]
async fn unreadable_events_are_dead_lettered_and_the_others_are_stored() {
    let queue = Queue::new().await;
    let mut worker = queue.test_env.start_worker();
    worker.expect_in_log("can never be stored and was dead-lettered");
    let good = event(click_id(0, 1)).to_string();
    let mut nul = event(click_id(0, 2));
    nul["sub1"] = json!("a\0b");
    let mut old = event(click_id(0, 3));
    old["click_id"] = json!("00000000-0000-7000-8000-000000000000");
    let mut bad_ip = event(click_id(0, 4));
    bad_ip["ip"] = json!("999.1.1.1");
    let unreadable = [
        "not json".to_owned(),
        nul.to_string(),
        old.to_string(),
        bad_ip.to_string(),
    ];
    queue
        .publish(
            &[
                &unreadable[..2],
                std::slice::from_ref(&good),
                &unreadable[2..],
            ]
            .concat(),
        )
        .await;
    queue
        .producer
        .publish_as("text/plain", SCHEMA_VERSION, good.as_bytes())
        .await;
    queue
        .producer
        .publish_as(CONTENT_TYPE, 99, good.as_bytes())
        .await;
    queue
        .producer
        .publish_as(CONTENT_TYPE, SCHEMA_VERSION, b"\xff\xfe")
        .await;
    queue.wait_for_clicks(1).await;

    let mut reasons = Vec::new();
    let mut bodies = Vec::new();
    wait_for("the dead letters", 7, async || {
        while let Some((body, reason)) = queue.test_env.take_dead_letter().await {
            reasons.push(reason);
            bodies.push(body);
        }
        reasons.len()
    })
    .await;
    reasons.sort();
    assert_eq!(
        reasons,
        [
            "content_type",
            "not_an_event",
            "not_an_event",
            "not_an_event",
            "nul",
            "schema_version",
            "time_out_of_range"
        ]
    );
    for line in unreadable {
        assert!(
            bodies.contains(&line.into_bytes()),
            "a dead letter is as it came"
        );
    }
    queue.wait_for_empty_queue(worker).await;
}

#[tokio::test]
async fn only_the_event_that_postgres_rejects_is_not_stored() {
    let queue = Queue::new().await;
    queue
        .test_env
        .db
        .batch_execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF NEW.sub1 = 'six' THEN RAISE 'no six' USING ERRCODE = '22000'; END IF; RETURN NEW; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON clicks FOR EACH ROW EXECUTE FUNCTION refuse();",
        )
        .await
        .unwrap();
    let mut worker = queue.test_env.start_worker();
    worker.expect_in_log("can never be stored and was dead-lettered");
    let lines: Vec<_> = (0..20_u8)
        .map(|i| {
            let mut line = event(click_id(0, i));
            line["sub1"] = json!(if i == 6 { "six" } else { "other" });
            line.to_string()
        })
        .collect();
    queue.publish(&lines).await;
    queue.wait_for_clicks(19).await;
    wait_for(
        "its reason",
        Some("refused_by_postgres".to_owned()),
        async || {
            queue
                .test_env
                .take_dead_letter()
                .await
                .map(|(_, reason)| reason)
        },
    )
    .await;
    queue.wait_for_empty_queue(worker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_stored_after_an_outage_of_postgres() {
    let queue = Queue::new().await;
    let (_, server) = queue
        .test_env
        .servers
        .database_url
        .rsplit_once('@')
        .unwrap();
    let proxy = Proxy::start(server.split('/').next().unwrap()).await;
    let url = format!(
        "postgres://postgres@{}/{}",
        proxy.address(),
        queue.test_env.name
    );
    let mut worker = queue.test_env.start_worker_with(&[("DATABASE_URL", &url)]);
    worker.expect_in_log("storing a batch failed, retrying");
    worker.expect_in_log("maintenance job failed, retrying");
    queue.publish(&[event(click_id(0, 1)).to_string()]).await;
    queue.wait_for_clicks(1).await;
    proxy.cut();
    queue.publish(&[event(click_id(0, 2)).to_string()]).await;
    worker.wait_for_log("storing a batch failed, retrying");
    assert_eq!(queue.test_env.count("SELECT count(*) FROM clicks").await, 1);
    proxy.pass();
    queue.wait_for_clicks(2).await;
    queue.wait_for_empty_queue(worker).await;
}

#[tokio::test]
async fn a_dropped_partition_is_created_again() {
    let queue = Queue::new().await;
    let mut worker = queue.test_env.start_worker();
    worker.expect_in_log("storing a batch failed, retrying");
    worker.expect_in_log("maintenance job failed, retrying");
    queue.publish(&[event(click_id(0, 1)).to_string()]).await;
    queue.wait_for_clicks(1).await;
    let sql =
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'clicks'::regclass";
    for row in queue.test_env.db.query(sql, &[]).await.unwrap() {
        let name: String = row.get(0);
        if name.starts_with("clicks_2") {
            queue
                .test_env
                .db
                .batch_execute(&format!("DROP TABLE {name}"))
                .await
                .unwrap();
        }
    }
    queue.publish(&[event(click_id(0, 2)).to_string()]).await;
    queue.wait_for_clicks(1).await;
    queue.wait_for_empty_queue(worker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_consumer_recovers_from_a_lost_connection_and_a_deleted_queue() {
    let queue = Queue::new().await;
    let url = queue.test_env.servers.amqp_url.clone();
    let (_, server) = url.rsplit_once('@').unwrap();
    let (server, vhost) = server.split_once('/').unwrap();
    let proxy = Proxy::start(server).await;
    let url = format!("amqp://guest:guest@{}/{vhost}", proxy.address());
    let mut worker = queue.test_env.start_worker_with(&[("AMQP_URL", &url)]);
    worker.expect_in_log("consumer session failed, reconnecting");
    queue.publish(&[event(click_id(0, 1)).to_string()]).await;
    queue.wait_for_clicks(1).await;
    proxy.cut();
    worker.wait_for_log("consumer session failed, reconnecting");
    proxy.pass();
    queue.publish(&[event(click_id(0, 2)).to_string()]).await;
    queue.wait_for_clicks(2).await;
    let name = queue.test_env.topology().unpartitioned_queue;
    let (_connection, channel) = queue.test_env.amqp().await;
    channel
        .queue_delete(name.clone(), Default::default())
        .await
        .unwrap();
    wait_for("the queue again", true, async || {
        let (_connection, channel) = queue.test_env.amqp().await;
        let options = lapin::options::QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        channel
            .queue_declare(name.clone(), options, FieldTable::default())
            .await
            .is_ok()
    })
    .await;
    queue.publish(&[event(click_id(0, 3)).to_string()]).await;
    queue.wait_for_clicks(3).await;
    worker.stop();
}

/// Clicks of one address and one user agent within a second: `n` for each contact that is
/// named, or on a link without a contact.
fn clicks_at_once(contacts: &[Option<&str>], n: usize) -> Vec<String> {
    let now_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap() - 20_000;
    let mut lines = Vec::new();
    for (index, contact) in contacts.iter().enumerate() {
        for _ in 0..n {
            let id = ClickId::generate(now_ms + index as u64 * 10, &mut rand::rng());
            let mut line = event(id);
            if let Some(contact) = contact {
                line["contact_phone"] = json!(contact);
                line["message_id"] = json!(format!("message to {contact}"));
            }
            lines.push(line.to_string());
        }
    }
    lines
}

/// Who is behind one proxy: the contacts, the clicks on the links of each, and how many of
/// all clicks are a burst. A burst is 50 clicks.
#[tokio::test]
async fn different_contacts_behind_one_proxy_are_no_burst() {
    let phones: Vec<String> = (0..55).map(|i| format!("+1800555{i:04}")).collect();
    let people: Vec<Option<&str>> = phones.iter().map(|phone| Some(phone.as_str())).collect();
    for (what, contacts, n, expected) in [
        ("55 people, a click each", &people[..], 1, 0),
        ("55 people, a few clicks each", &people[..], 4, 0),
        ("49 clicks of one contact, twice", &people[..2], 49, 0),
        ("50 clicks of one contact", &people[..1], 50, 50),
        ("50 clicks of each of two contacts", &people[..2], 50, 100),
        ("links without a contact", &[None][..], 55, 55),
        (
            "contacts, and links without a contact",
            &[Some("+18005550100"), None][..],
            49,
            0,
        ),
    ] {
        let queue = Queue::new().await;
        let settings = [("MAINTENANCE_INTERVAL_MS", "50"), ("BURST_SETTLE_MS", "0")];
        let worker = queue.test_env.start_worker_with(&settings);
        let lines = clicks_at_once(contacts, n);
        queue.publish(&lines).await;
        queue.wait_for_clicks(lines.len() as i64).await;
        let marks = "SELECT count(*) FROM burst_minutes";
        wait_for("minutes to be looked at", 0, async || {
            queue.test_env.count(marks).await
        })
        .await;
        let sql = "SELECT count(*) FROM clicks WHERE is_bot AND bot_reasons = '{burst}'";
        assert_eq!(queue.test_env.count(sql).await, expected, "{what}");
        worker.stop();
    }
}
