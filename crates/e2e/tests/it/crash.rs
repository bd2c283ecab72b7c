//! kill -9 under load: every 302 that a client received is in Postgres,
//! exactly once, after the service is started again.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use e2e::{
    client::{BROWSER, Client, Tenant, parameter},
    service::Service,
    test_environment::TestEnvironment,
    wait::wait_for,
};

/// Clicks from several connections until the redirector is gone; the ids in
/// the 302s that were received.
struct Load {
    tasks: Vec<tokio::task::JoinHandle<()>>,
    received: Arc<Mutex<BTreeSet<String>>>,
}

impl Load {
    fn start(client: &Client, tracker: &str) -> Self {
        let received = Arc::new(Mutex::new(BTreeSet::new()));
        let tasks = (0..16).map(|_| {
            let (client, tracker, received) =
                (client.clone(), tracker.to_owned(), received.clone());
            tokio::spawn(async move {
                let end = Instant::now() + Duration::from_secs(30);
                while Instant::now() < end
                    && let Ok(hop) = client.try_click(&tracker, BROWSER).await
                {
                    let click_id = parameter(&hop.destination(), "clickid").unwrap();
                    received.lock().unwrap().insert(click_id);
                }
            })
        });
        Self {
            tasks: tasks.collect(),
            received,
        }
    }

    async fn wait_for_at_least(&self, n: usize) {
        wait_for("enough clicks", true, async || {
            self.received.lock().unwrap().len() >= n
        })
        .await;
    }

    async fn end(self) -> BTreeSet<String> {
        for task in self.tasks {
            task.await.unwrap();
        }
        Arc::try_unwrap(self.received)
            .unwrap()
            .into_inner()
            .unwrap()
    }
}

async fn missing(test_env: &TestEnvironment, received: &BTreeSet<String>) -> Vec<String> {
    let rows = test_env
        .db
        .query("SELECT click_id::text FROM clicks", &[])
        .await
        .unwrap();
    let stored: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(stored.len(), rows.len(), "none is there twice");
    received.difference(&stored).take(3).cloned().collect()
}

async fn all_are_stored(test_env: &TestEnvironment, received: &BTreeSet<String>) {
    let none: Vec<String> = Vec::new();
    wait_for("the clicks that are missing", none, async || {
        missing(test_env, received).await
    })
    .await;
}

/// Starts a redirector after a kill. A write that the kill interrupted leaves an incomplete
/// last record, which was not acknowledged; the log says that it is skipped.
fn start_after_kill(test_env: &TestEnvironment, api: &Service) -> Service {
    let mut edge = test_env.start_edge(api);
    edge.expect_in_log("skipped the incomplete end of a spool segment");
    edge
}

async fn tracker(client: &Client, tenant: &Tenant) -> String {
    client.mint(tenant).await["clickTrackerUrl"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_302_survives_the_kill_of_the_redirector() {
    let test_env = TestEnvironment::new().await;
    let (api, worker) = (test_env.start_api(), test_env.start_worker());
    let tenant = Tenant::create(&test_env, &api, "killedge").await;
    let mut received = BTreeSet::new();
    // Twice: the second start also finds what the first one left.
    for _ in 0..2 {
        let edge = start_after_kill(&test_env, &api);
        let client = Client::new(&api, Some(&edge));
        let load = Load::start(&client, &tracker(&client, &tenant).await);
        load.wait_for_at_least(1000).await;
        edge.kill();
        received.extend(load.end().await);
    }
    let edge = start_after_kill(&test_env, &api);
    all_are_stored(&test_env, &received).await;
    edge.stop();
    api.stop();
    worker.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_302_survives_a_kill_while_the_broker_is_down() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "killalone").await;
    let nowhere = [("AMQP_URL", "amqp://127.0.0.1:1/%2f")];
    let mut edge = test_env.start_edge_with(&api, &nowhere);
    edge.expect_in_log("publisher session failed, reconnecting");
    let client = Client::new(&api, Some(&edge));
    let load = Load::start(&client, &tracker(&client, &tenant).await);
    load.wait_for_at_least(500).await;
    edge.kill();
    let received = load.end().await;
    let (edge, worker) = (start_after_kill(&test_env, &api), test_env.start_worker());
    all_are_stored(&test_env, &received).await;
    edge.stop();
    worker.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_click_is_lost_or_doubled_by_killing_the_worker() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "killworker").await;
    let edge = test_env.start_edge(&api);
    let client = Client::new(&api, Some(&edge));
    let load = Load::start(&client, &tracker(&client, &tenant).await);
    for round in 1..=3 {
        let worker = test_env.start_worker();
        load.wait_for_at_least(round * 400).await;
        worker.kill();
    }
    let worker = test_env.start_worker();
    edge.signal("TERM");
    let received = load.end().await;
    stopped(edge);
    all_are_stored(&test_env, &received).await;
    worker.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_answers_what_is_in_flight_and_loses_nothing() {
    let test_env = TestEnvironment::new().await;
    let (api, worker) = (test_env.start_api(), test_env.start_worker());
    let tenant = Tenant::create(&test_env, &api, "drain").await;
    let edge = test_env.start_edge(&api);
    let client = Client::new(&api, Some(&edge));
    let load = Load::start(&client, &tracker(&client, &tenant).await);
    load.wait_for_at_least(300).await;
    edge.signal("INT");
    let received = load.end().await;
    stopped(edge);
    // The worker goes while there is work: what it has not acknowledged stays.
    worker.stop();
    let worker = test_env.start_worker();
    all_are_stored(&test_env, &received).await;
    worker.stop();
}

/// It was told to end: it must end with 0, and all published.
fn stopped(edge: Service) {
    edge.wait_for_log("all clicks are published");
    edge.wait_for_log("stopped");
}
