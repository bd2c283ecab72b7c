//! The publisher and its broker: every way in which a confirm can fail to
//! come. Each click is in Postgres once, and redirects never stop.

use e2e::{
    client::{BROWSER, Client, Tenant},
    proxy::Proxy,
    servers::{PrivateServer, Servers},
    service::Service,
    test_environment::TestEnvironment,
    wait::wait_for,
};

/// A redirector whose clicks are counted.
struct Clicker {
    client: Client,
    tracker: String,
    n_clicks: i64,
    api: Service,
}

impl Clicker {
    async fn new(
        test_env: &TestEnvironment,
        edge: impl FnOnce(&Service) -> Service,
    ) -> (Self, Service) {
        let api = test_env.start_api();
        let tenant = Tenant::create(test_env, &api, "broker").await;
        let edge = edge(&api);
        let client = Client::new(&api, Some(&edge));
        let link = client.mint(&tenant).await;
        let tracker = link["clickTrackerUrl"].as_str().unwrap().to_owned();
        (
            Self {
                client,
                tracker,
                n_clicks: 0,
                api,
            },
            edge,
        )
    }

    async fn click(&mut self, n: usize) {
        for _ in 0..n {
            self.client
                .click(&self.tracker, BROWSER)
                .await
                .destination();
            self.n_clicks += 1;
        }
    }

    /// All clicks are stored, by a worker that is started for it.
    async fn are_stored(&self, test_env: &TestEnvironment) {
        let worker = test_env.start_worker();
        wait_for("the clicks", self.n_clicks, async || {
            test_env.count("SELECT count(*) FROM clicks").await
        })
        .await;
        worker.stop();
    }

    async fn wait_for_metric(&self, edge: &Service, name: &str, least: f64) {
        wait_for(name, true, async || edge.metric(name).await >= least).await;
    }

    async fn wait_until_blocked_is(&self, edge: &Service, blocked: f64) {
        let name = "waypost_edge_broker_blocked";
        wait_for(name, blocked, async || edge.metric(name).await).await;
    }
}

fn failures(reason: &str) -> String {
    format!("waypost_edge_publisher_failures_total{{reason=\"{reason}\"}}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_publisher_reconnects_after_a_cut_connection_and_loses_nothing() {
    let test_env = TestEnvironment::new().await;
    let (proxy, url) = proxied(&test_env.servers).await;
    let (mut clicker, mut edge) = Clicker::new(&test_env, |api| {
        test_env.start_edge_with(api, &[("AMQP_URL", &url)])
    })
    .await;
    edge.expect_in_log("publisher session failed, reconnecting");
    clicker.click(50).await;
    for _ in 0..3 {
        proxy.cut();
        clicker.click(50).await;
        proxy.pass();
        clicker.click(10).await;
    }
    clicker.are_stored(&test_env).await;
    edge.stop();
    clicker.api.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_broker_is_detected_by_the_missing_confirm() {
    let test_env = TestEnvironment::new().await;
    let (proxy, url) = proxied(&test_env.servers).await;
    let settings = [("AMQP_URL", url.as_str()), ("CONFIRM_TIMEOUT_MS", "300")];
    let (mut clicker, mut edge) =
        Clicker::new(&test_env, |api| test_env.start_edge_with(api, &settings)).await;
    edge.expect_in_log("publisher session failed, reconnecting");
    clicker.click(20).await;
    clicker
        .wait_for_metric(&edge, "waypost_edge_published_events_total", 20.0)
        .await;
    proxy.freeze();
    clicker.click(20).await;
    clicker
        .wait_for_metric(&edge, &failures("confirm_timeout"), 1.0)
        .await;
    proxy.pass();
    clicker.are_stored(&test_env).await;
    edge.stop();
}

#[tokio::test]
async fn a_returned_message_is_not_taken_for_confirmed() {
    let test_env = TestEnvironment::new().await;
    let (mut clicker, mut edge) = Clicker::new(&test_env, |api| test_env.start_edge(api)).await;
    edge.expect_in_log("publisher session failed, reconnecting");
    clicker.click(5).await;
    clicker
        .wait_for_metric(&edge, "waypost_edge_published_events_total", 5.0)
        .await;
    // Their queue goes, with what is in it: what comes now is unroutable.
    let (_connection, channel) = test_env.amqp().await;
    for queue in test_env.topology().event_queues() {
        channel
            .queue_delete(queue, Default::default())
            .await
            .unwrap();
    }
    clicker.n_clicks = 0;
    clicker.click(20).await;
    // It was returned, and published again once the queue was declared again.
    clicker
        .wait_for_metric(&edge, &failures("returned"), 1.0)
        .await;
    clicker.are_stored(&test_env).await;
    edge.stop();
}

/// One private broker, and what only its owner may do to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_click_is_lost_by_nacks_alarms_and_restarts_of_the_broker() {
    let broker = PrivateServer::start("rabbitmq");
    let servers = Servers {
        amqp_url: broker.url.clone(),
        ..Servers::find()
    };
    let test_env = TestEnvironment::with_servers(servers).await;
    let (mut clicker, mut edge) = Clicker::new(&test_env, |api| test_env.start_edge(api)).await;
    edge.expect_in_log("publisher session failed, reconnecting");
    edge.expect_in_log("RabbitMQ blocks publishers");
    clicker.click(20).await;
    clicker
        .wait_for_metric(&edge, "waypost_edge_published_events_total", 20.0)
        .await;

    // A queue that is full and rejects answers with a nack.
    let policy = "{\"max-length\": 1, \"overflow\": \"reject-publish\"}";
    let pattern = format!("^{}\\.clicks", test_env.name);
    broker.rabbitmqctl(&[
        "set_policy",
        "full",
        &pattern,
        policy,
        "--apply-to",
        "queues",
    ]);
    for _ in 0..100 {
        clicker.click(5).await;
        if edge.metric(&failures("nacked")).await >= 1.0 {
            break;
        }
    }
    assert!(
        edge.metric(&failures("nacked")).await >= 1.0,
        "a full queue nacks"
    );
    broker.rabbitmqctl(&["clear_policy", "full"]);
    let n_clicks = f64::from(u32::try_from(clicker.n_clicks).unwrap());
    clicker
        .wait_for_metric(&edge, "waypost_edge_published_events_total", n_clicks)
        .await;

    // A broker short of memory blocks publishers, for longer than a confirm
    // may take.
    broker.rabbitmqctl(&["set_vm_memory_high_watermark", "absolute", "1"]);
    clicker.click(20).await;
    clicker.wait_until_blocked_is(&edge, 1.0).await;
    let failures_before = edge.metric(&failures("confirm_timeout")).await;
    clicker.click(20).await;
    broker.rabbitmqctl(&["set_vm_memory_high_watermark", "0.8"]);
    clicker.wait_until_blocked_is(&edge, 0.0).await;
    assert_eq!(
        edge.metric(&failures("confirm_timeout")).await,
        failures_before
    );

    // Away and back.
    broker.stop();
    clicker.click(20).await;
    broker.start_again();
    clicker.click(20).await;
    clicker.are_stored(&test_env).await;
    edge.stop();
    clicker.api.stop();
}

/// The queue of receipts cannot be declared, as when its node of a cluster is down: clicks are
/// published and stored nevertheless, over one connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_does_not_wait_for_receipts() {
    let broker = PrivateServer::start("rabbitmq");
    let servers = Servers {
        amqp_url: broker.url.clone(),
        ..Servers::find()
    };
    let test_env = TestEnvironment::with_servers(servers).await;
    // One who may declare everything but queues of receipts.
    broker.rabbitmqctl(&["add_user", "redirector", "secret"]);
    let permit = |configure: &str| {
        broker.rabbitmqctl(&["set_permissions", "redirector", configure, ".*", ".*"]);
    };
    permit("^(?!.*receipts)");
    let (_, address) = broker.url.rsplit_once('@').unwrap();
    let url = format!("amqp://redirector:secret@{address}");
    let settings = [("AMQP_URL", url.as_str()), ("RESEND_AFTER_MS", "300")];
    let (mut clicker, mut edge) =
        Clicker::new(&test_env, |api| test_env.start_edge_with(api, &settings)).await;
    edge.expect_in_log("receipt consumer failed");
    edge.expect_in_log("resending confirmed events");
    let worker = test_env.start_worker();
    clicker.click(50).await;
    clicker
        .wait_for_metric(&edge, "waypost_edge_receipt_consumer_failures_total", 3.0)
        .await;
    clicker.click(50).await;
    wait_for("the clicks", clicker.n_clicks, async || {
        test_env.count("SELECT count(*) FROM clicks").await
    })
    .await;
    for reason in ["connection_lost", "not_connected", "returned"] {
        assert_eq!(edge.metric(&failures(reason)).await, 0.0, "{reason}");
    }
    // Clicks stay in the spool until receipts arrive.
    assert!(edge.metric("waypost_edge_spool_bytes").await > 0.0);
    permit(".*");
    wait_for("an empty spool", 0.0, async || {
        edge.metric("waypost_edge_spool_bytes").await
    })
    .await;
    edge.stop();
    worker.stop();
    clicker.api.stop();
}

/// A broker that refuses and one that says nothing stand in the list as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_reachable_broker_of_several_is_used() {
    let test_env = TestEnvironment::new().await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (user, rest) = test_env.servers.amqp_url.rsplit_once('@').unwrap();
    let (server, vhost) = rest.split_once('/').unwrap();
    let silent = silent.local_addr().unwrap();
    for url in [
        format!("{user}@127.0.0.1:1,{silent},{server}/{vhost}"),
        format!("{user}@127.0.0.1:1/{vhost},{user}@{server}/{vhost}"),
    ] {
        let settings = [("AMQP_URL", url.as_str())];
        let (mut clicker, edge) =
            Clicker::new(&test_env, |api| test_env.start_edge_with(api, &settings)).await;
        let worker = test_env.start_worker_with(&settings);
        let before = test_env.count("SELECT count(*) FROM clicks").await;
        clicker.click(10).await;
        wait_for("the clicks", before + 10, async || {
            test_env.count("SELECT count(*) FROM clicks").await
        })
        .await;
        edge.stop();
        worker.stop();
        clicker.api.stop();
        break_tenant(&test_env).await;
    }
}

/// The next tenant has the same hosts.
async fn break_tenant(test_env: &TestEnvironment) {
    let sql = "UPDATE domains SET host = 'gone.' || host; UPDATE lists SET phone_number = phone_number || '0'";
    test_env.db.batch_execute(sql).await.unwrap();
}

/// No worker runs, the redirector is stopped, and the broker loses its queues.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unstored_events_survive_a_restart_and_the_loss_of_their_queue() {
    let test_env = TestEnvironment::new().await;
    let (mut clicker, edge) = Clicker::new(&test_env, |api| test_env.start_edge(api)).await;
    clicker.click(30).await;
    clicker
        .wait_for_metric(&edge, "waypost_edge_published_events_total", 30.0)
        .await;
    edge.stop();
    let (_connection, channel) = test_env.amqp().await;
    for queue in test_env.topology().event_queues() {
        channel
            .queue_delete(queue, Default::default())
            .await
            .unwrap();
    }
    let edge = test_env.start_edge(&clicker.api);
    clicker.are_stored(&test_env).await;
    edge.stop();
    clicker.api.stop();
}

/// A segment of the spool disappears from the disk while the broker is down.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_continues_when_a_segment_is_missing() {
    let test_env = TestEnvironment::new().await;
    let (proxy, url) = proxied(&test_env.servers).await;
    proxy.cut();
    let settings = [
        ("AMQP_URL", url.as_str()),
        ("SPOOL_SEGMENT_BYTES", "2048"),
        ("RESEND_AFTER_MS", "300"),
    ];
    let (mut clicker, mut edge) =
        Clicker::new(&test_env, |api| test_env.start_edge_with(api, &settings)).await;
    edge.expect_in_log("publisher session failed, reconnecting");
    edge.expect_in_log("reading a part of the spool failed");
    edge.expect_in_log("resending confirmed events");
    clicker.click(40).await;
    let files = std::fs::read_dir(test_env.spool_dir()).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|name| name == "seg"));
    files.sort();
    assert!(files.len() >= 4, "{files:?}");
    std::fs::remove_file(&files[1]).unwrap();
    proxy.pass();
    let worker = test_env.start_worker();
    clicker
        .wait_for_metric(&edge, "waypost_edge_spool_unreadable_ranges_total", 1.0)
        .await;
    clicker.click(1).await;
    wait_for("an empty spool", 0.0, async || {
        edge.metric("waypost_edge_spool_bytes").await
    })
    .await;
    let n_stored = test_env.count("SELECT count(*) FROM clicks").await;
    assert!((20..clicker.n_clicks).contains(&n_stored), "{n_stored}");
    edge.stop();
    worker.stop();
    clicker.api.stop();
}

async fn proxied(servers: &Servers) -> (Proxy, String) {
    let (user, rest) = servers.amqp_url.rsplit_once('@').unwrap();
    let (server, vhost) = rest.split_once('/').unwrap();
    let proxy = Proxy::start(server).await;
    let url = format!("{user}@{}/{vhost}", proxy.address());
    (proxy, url)
}
