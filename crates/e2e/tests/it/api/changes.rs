//! Changes reach every redirector through the outbox, whatever the state of Redis. Each
//! redirector caches records for an hour, so that only an invalidation can end that.

use e2e::{
    client::{BROWSER, Client, Tenant, create_account, create_key},
    proxy::Proxy,
    service::Service,
    test_environment::TestEnvironment,
    wait::wait_for,
};
use reqwest::Method;
use serde_json::{Value, json};

const KEEPS: [(&str, &str); 2] = [
    ("LOCAL_CACHE_TTL_MS", "3600000"),
    ("LOCAL_CACHE_NEGATIVE_TTL_MS", "3600000"),
];

/// Replicas of the redirector, each with a client.
struct Replicas {
    edges: Vec<Service>,
    clients: Vec<Client>,
}

impl Replicas {
    fn start(test_env: &TestEnvironment, api: &Service, settings: &[&[(&str, &str)]]) -> Self {
        let edges: Vec<_> = settings
            .iter()
            .enumerate()
            .map(|(i, settings)| {
                let spool = test_env.folder.path().join(format!("spool{i}"));
                let spool = spool.display().to_string();
                let own = [("SPOOL_DIR", spool.as_str())];
                test_env.start_edge_with(api, &[&KEEPS[..], &own, settings].concat())
            })
            .collect();
        let clients = edges
            .iter()
            .map(|edge| Client::new(api, Some(edge)))
            .collect();
        Self { edges, clients }
    }

    /// Waits until every replica gives a click the expected destination or status.
    async fn all_lead(&self, url: &str, what: &str, expected: &str) {
        for client in &self.clients {
            wait_for(what, expected.to_owned(), async || lead(client, url).await).await;
        }
    }
}

/// The destination of a click, or the status if it is no redirect.
async fn lead(client: &Client, url: &str) -> String {
    let hop = client.click(url, BROWSER).await;
    hop.location.unwrap_or_else(|| hop.status.to_string())
}

#[tokio::test]
async fn every_kind_of_change_reaches_every_replica() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "reach").await;
    let operator = create_account(&test_env, "operator");
    let admin = create_key(&test_env, operator, &["admin"]);
    let replicas = Replicas::start(&test_env, &api, &[&[], &[]]);
    let client = &replicas.clients[0];
    let change = async |key: &str, method: Method, path: &str, body: Value| {
        let body = Some(body).filter(|body| !body.is_null());
        let (status, answer) = client.call(key, method, path, body.as_ref()).await;
        assert_eq!(status, 200, "{answer}");
    };
    let body = json!({ "url": "https://e.com/1", "listId": tenant.list_id });
    let link = client
        .create(&tenant.key, "/api/v2/links/shorten", &body)
        .await;
    let url = link["shortUrl"].as_str().unwrap();
    let own = format!("/api/v2/links/{}", link["linkId"].as_str().unwrap());
    replicas.all_lead(url, "the link", "https://e.com/1").await;
    let key = tenant.key.as_str();
    change(
        key,
        Method::PATCH,
        &own,
        json!({ "url": "https://e.com/2" }),
    )
    .await;
    replicas
        .all_lead(url, "its new url", "https://e.com/2")
        .await;
    change(key, Method::DELETE, &own, Value::Null).await;
    replicas.all_lead(url, "its end", "404").await;
    let list = format!("/api/v2/lists/{}", tenant.list_id);
    change(
        key,
        Method::PUT,
        &list,
        json!({ "fallback_url": "https://e.com/fallback" }),
    )
    .await;
    replicas
        .all_lead(url, "the list's fallback", "https://e.com/fallback")
        .await;
    change(key, Method::PATCH, &own, json!({ "status": "active" })).await;
    replicas
        .all_lead(url, "its return", "https://e.com/2")
        .await;
    let account = format!("/api/v2/accounts/{}", tenant.account_id);
    change(
        &admin,
        Method::PUT,
        &account,
        json!({ "status": "suspended" }),
    )
    .await;
    replicas
        .all_lead(url, "the suspension", "https://e.com/fallback")
        .await;
    change(&admin, Method::PUT, &account, json!({ "status": "active" })).await;
    replicas
        .all_lead(url, "its return", "https://e.com/2")
        .await;

    // A partnership link is known by two names and by its offer.
    let link = client.mint(&tenant).await;
    let tracker = link["clickTrackerUrl"].as_str().unwrap();
    for client in &replicas.clients {
        assert!(
            lead(client, tracker)
                .await
                .starts_with("https://example.com/lp?")
        );
    }
    let offer = format!("/api/v2/partnership-offers/{}", tenant.offer_id);
    let fallback = json!({ "status": "paused", "fallback_url": "https://e.com/paused" });
    change(key, Method::PUT, &offer, fallback).await;
    replicas
        .all_lead(tracker, "the paused offer", "https://e.com/paused")
        .await;
    change(key, Method::PUT, &offer, json!({ "status": "active" })).await;
    let own = format!("/api/v2/links/{}", link["linkId"].as_str().unwrap());
    change(key, Method::DELETE, &own, Value::Null).await;
    replicas
        .all_lead(tracker, "its end", "https://e.com/fallback")
        .await;
    let short = link["shortUrl"].as_str().unwrap();
    replicas
        .all_lead(short, "its end by the other name", "https://e.com/fallback")
        .await;

    // A slug that was asked for before it was there.
    let slug = format!("https://{}/later", tenant.short_host);
    replicas.all_lead(&slug, "no link", "404").await;
    let body = json!({ "url": "https://e.com/slug", "listId": tenant.list_id, "slug": "later" });
    client
        .create(&tenant.key, "/api/v2/links/shorten", &body)
        .await;
    replicas
        .all_lead(&slug, "the new link", "https://e.com/slug")
        .await;
    for edge in replicas.edges {
        edge.stop();
    }
    api.stop();
}

/// A link that a test deactivates and revives.
struct Switch {
    client: Client,
    key: String,
    path: String,
    url: String,
}

impl Switch {
    async fn create(client: &Client, tenant: &Tenant) -> Self {
        let body = json!({ "url": "https://e.com/", "listId": tenant.list_id });
        let link = client
            .create(&tenant.key, "/api/v2/links/shorten", &body)
            .await;
        Self {
            client: client.clone(),
            key: tenant.key.clone(),
            path: format!("/api/v2/links/{}", link["linkId"].as_str().unwrap()),
            url: link["shortUrl"].as_str().unwrap().to_owned(),
        }
    }

    async fn set(&self, status: &str) {
        let body = json!({ "status": status });
        let (answered, _) = self
            .client
            .call(&self.key, Method::PATCH, &self.path, Some(&body))
            .await;
        assert_eq!(answered, 200);
    }
}

#[tokio::test]
async fn changes_reach_redirectors_during_a_redis_outage_and_after_it() {
    let (redis, test_env) = TestEnvironment::with_private_redis().await;
    let env = test_env.env_with(&[("REDIS_TIMEOUT_MS", "200")]);
    let mut api = Service::start("links-api", &["serve"], &env);
    api.expect_in_log("relaying record changes failed");
    api.expect_in_log("writing records to Redis failed");
    let tenant = Tenant::create(&test_env, &api, "outage").await;
    let timeout = [("REDIS_TIMEOUT_MS", "200")];
    let mut replicas = Replicas::start(&test_env, &api, &[&timeout, &timeout]);
    for edge in &mut replicas.edges {
        edge.expect_in_log("record-change subscription lost");
        edge.expect_in_log("a lookup in Redis failed");
    }
    let link = Switch::create(&replicas.clients[0], &tenant).await;
    let second = Switch::create(&replicas.clients[0], &tenant).await;
    replicas
        .all_lead(&link.url, "the link", "https://e.com/")
        .await;
    replicas
        .all_lead(&second.url, "the link", "https://e.com/")
        .await;

    // Redis is stopped, and the change takes effect.
    redis.stop();
    link.set("deactivated").await;
    replicas
        .all_lead(&link.url, "its end without Redis", "404")
        .await;
    // Back: the change is there, and the redirector follows the channel again.
    redis.start_again();
    second.set("deactivated").await;
    replicas
        .all_lead(&second.url, "its end by Redis", "404")
        .await;
    replicas.all_lead(&link.url, "still its end", "404").await;

    // Frozen, and thawed.
    redis.freeze();
    link.set("active").await;
    replicas
        .all_lead(
            &link.url,
            "its return while Redis is frozen",
            "https://e.com/",
        )
        .await;
    redis.thaw();
    second.set("active").await;
    replicas
        .all_lead(&second.url, "its return", "https://e.com/")
        .await;

    // Emptied.
    let mut connection = test_env.redis().await;
    let _: () = redis::cmd("FLUSHALL")
        .query_async(&mut connection)
        .await
        .unwrap();
    link.set("deactivated").await;
    replicas
        .all_lead(&link.url, "its end after the emptying", "404")
        .await;
    for edge in replicas.edges {
        edge.stop();
    }
    api.stop();
    drop(test_env);
}

/// Redis may restart with an old snapshot that lacks some delivered changes. They are
/// delivered again.
#[tokio::test]
async fn a_redis_restored_from_an_old_snapshot_gets_the_later_changes() {
    let (redis, test_env) = TestEnvironment::with_private_redis().await;
    let mut api = test_env.start_api();
    api.expect_in_log("relaying record changes failed");
    let tenant = Tenant::create(&test_env, &api, "snapshot").await;
    let client = Client::new(&api, None);
    let link = Switch::create(&client, &tenant).await;
    let mut connection = test_env.redis().await;
    link.set("deactivated").await;
    link.set("active").await;
    let delivered = async || {
        test_env
            .count("SELECT count(*) FROM changes WHERE delivery IS NULL")
            .await
    };
    wait_for("the deliveries", 0, delivered).await;
    // Save a snapshot, and make a change after it.
    let _: () = redis::cmd("SAVE")
        .query_async(&mut connection)
        .await
        .unwrap();
    link.set("deactivated").await;
    wait_for("the delivery", 0, delivered).await;
    let record = async || -> String {
        let path = link.url.strip_prefix("https://").unwrap();
        let key = format!("{}link/{path}", test_env.redis_prefix());
        let mut connection = test_env.redis().await;
        let json: Option<String> = redis::cmd("GET")
            .arg(key)
            .query_async(&mut connection)
            .await
            .unwrap();
        let record: Value = serde_json::from_str(&json.unwrap_or("null".into())).unwrap();
        record["status"].as_str().unwrap_or("none").to_owned()
    };
    assert_eq!(record().await, "deactivated");
    redis.kill_and_start_again();
    wait_for("the change again", "deactivated".to_owned(), record).await;
    api.stop();
    drop(test_env);
}

/// Only the subscription is lost; Redis still answers reads.
#[tokio::test]
async fn changes_reach_a_redirector_that_lost_its_subscription() {
    let (_redis, test_env) = TestEnvironment::with_private_redis().await;
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "cut").await;
    let mut replicas = Replicas::start(&test_env, &api, &[&[]]);
    replicas.edges[0].expect_in_log("record-change subscription lost");
    let link = Switch::create(&replicas.clients[0], &tenant).await;
    replicas
        .all_lead(&link.url, "the link", "https://e.com/")
        .await;
    let mut connection = test_env.redis().await;
    for status in ["deactivated", "active"] {
        // The redirector subscribes again a moment after it has lost its subscription.
        let subscribed = async || {
            let mut connection = test_env.redis().await;
            let channels: Vec<String> = redis::cmd("PUBSUB")
                .arg("CHANNELS")
                .query_async(&mut connection)
                .await
                .unwrap();
            channels.len()
        };
        wait_for("the subscription", 1, subscribed).await;
        let n_killed: i64 = redis::cmd("CLIENT")
            .arg(&["KILL", "TYPE", "pubsub"])
            .query_async(&mut connection)
            .await
            .unwrap();
        assert_eq!(n_killed, 1);
        link.set(status).await;
        let expected = if status == "active" {
            "https://e.com/"
        } else {
            "404"
        };
        replicas.all_lead(&link.url, status, expected).await;
    }
    for edge in replicas.edges {
        edge.stop();
    }
    drop((api, test_env));
}

/// Heartbeats that do not come are noticed as soon as in production.
const SOON: [(&str, &str); 1] = [("RECORD_CHANGE_HEARTBEAT_TIMEOUT_MS", "2000")];

/// Redis answers PING and reads, and refuses writes, so that its records become
/// old, and nothing is said on the channel.
#[tokio::test]
async fn changes_reach_redirectors_while_redis_refuses_writes() {
    let (_redis, test_env) = TestEnvironment::with_private_redis().await;
    let mut api = test_env.start_api();
    api.expect_in_log("relaying record changes failed");
    api.expect_in_log("writing records to Redis failed");
    let tenant = Tenant::create(&test_env, &api, "refuses").await;
    let mut replicas = Replicas::start(&test_env, &api, &[&SOON, &SOON]);
    for edge in &mut replicas.edges {
        edge.expect_in_log("record-change subscription lost");
    }
    let link = Switch::create(&replicas.clients[0], &tenant).await;
    let mut connection = test_env.redis().await;
    let mut redis_does = async |command: &[&str]| {
        let (name, args) = command.split_first().unwrap();
        let done: Result<(), _> = redis::cmd(name)
            .arg(args)
            .query_async(&mut connection)
            .await;
        done.unwrap();
    };
    let refusals: [(&str, &[&str], &[&str]); 3] = [
        (
            "full",
            &["CONFIG", "SET", "maxmemory", "1"],
            &["CONFIG", "SET", "maxmemory", "0"],
        ),
        (
            "without the replicas that it asks for",
            &["CONFIG", "SET", "min-replicas-to-write", "1"],
            &["CONFIG", "SET", "min-replicas-to-write", "0"],
        ),
        (
            "read-only",
            &["REPLICAOF", "127.0.0.1", "1"],
            &["REPLICAOF", "NO", "ONE"],
        ),
    ];
    for (what, refuse, take_again) in refusals {
        replicas.all_lead(&link.url, what, "https://e.com/").await;
        redis_does(refuse).await;
        link.set("deactivated").await;
        let end = format!("its end while Redis is {what}");
        replicas.all_lead(&link.url, &end, "404").await;
        wait_for("the age of the oldest change", true, async || {
            let name = "waypost_api_oldest_unrelayed_change_seconds";
            api.metric(name).await > 0.0
        })
        .await;
        assert_eq!(dependency(&replicas.edges[0], "redis").await, "up");
        for service in [&api, &replicas.edges[0]] {
            wait_for("the state that /ready shows", false, async || {
                dependency(service, "changes").await == "up"
            })
            .await;
        }
        // And back again, by the channel.
        redis_does(take_again).await;
        for service in [&api, &replicas.edges[0]] {
            wait_for("the state that /ready shows", true, async || {
                dependency(service, "changes").await == "up"
            })
            .await;
        }
        replicas.all_lead(&link.url, "still its end", "404").await;
        link.set("active").await;
    }
    for edge in replicas.edges {
        edge.stop();
    }
    api.stop();
    drop(test_env);
}

/// What a service's `/ready` says of a dependency.
async fn dependency(service: &Service, name: &str) -> String {
    let url = format!("{}/ready", service.url("admin.address"));
    let report: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    report["dependencies"][name].as_str().unwrap().to_owned()
}

/// Only links-api has lost Redis: redirectors reach it, and read old records from it.
#[tokio::test]
async fn changes_reach_redirectors_while_only_links_api_has_lost_redis() {
    let test_env = TestEnvironment::new().await;
    let server = test_env.servers.redis_url.strip_prefix("redis://").unwrap();
    let proxy = Proxy::start(server).await;
    let url = format!("redis://{}", proxy.address());
    let env = test_env.env_with(&[("REDIS_URL", &url), ("REDIS_TIMEOUT_MS", "200")]);
    let mut api = Service::start("links-api", &["serve"], &env);
    api.expect_in_log("relaying record changes failed");
    api.expect_in_log("writing records to Redis failed");
    let tenant = Tenant::create(&test_env, &api, "alone").await;
    let mut replicas = Replicas::start(&test_env, &api, &[&SOON, &SOON]);
    for edge in &mut replicas.edges {
        edge.expect_in_log("record-change subscription lost");
    }
    let link = Switch::create(&replicas.clients[0], &tenant).await;
    for is_silent in [false, true] {
        replicas
            .all_lead(&link.url, "the link", "https://e.com/")
            .await;
        match is_silent {
            false => proxy.cut(),
            true => proxy.freeze(),
        }
        link.set("deactivated").await;
        replicas
            .all_lead(&link.url, "its end without links-api's Redis", "404")
            .await;
        // Cached records are not read from Redis again meanwhile.
        link.set("active").await;
        replicas
            .all_lead(&link.url, "its return", "https://e.com/")
            .await;
        link.set("deactivated").await;
        replicas.all_lead(&link.url, "its end again", "404").await;
        proxy.pass();
        link.set("active").await;
    }
    replicas
        .all_lead(&link.url, "its return by Redis", "https://e.com/")
        .await;
    for edge in replicas.edges {
        edge.stop();
    }
    api.stop();
    drop(test_env);
}

/// A links-api hangs in the middle of a delivery, for longer than any timeout.
#[tokio::test]
async fn a_hanging_links_api_does_not_delay_changes_of_another() {
    let test_env = TestEnvironment::new().await;
    let server = test_env.servers.redis_url.strip_prefix("redis://").unwrap();
    let proxy = Proxy::start(server).await;
    let url = format!("redis://{}", proxy.address());
    // What it waits for does not come, and nothing else ends its wait.
    let env = test_env.env_with(&[
        ("REDIS_URL", &url),
        ("REDIS_TIMEOUT_MS", "60000"),
        ("DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS", "600000"),
    ]);
    let frozen = Service::start("links-api", &["serve"], &env);
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "frozen").await;
    let replicas = Replicas::start(&test_env, &api, &[&[], &[]]);
    let link = Switch::create(&replicas.clients[0], &tenant).await;
    let own = Switch {
        client: Client::new(&frozen, None),
        ..Switch::create(&replicas.clients[0], &tenant).await
    };
    for link in [&link, &own] {
        replicas
            .all_lead(&link.url, "the link", "https://e.com/")
            .await;
    }
    proxy.freeze();
    // It takes this change from the outbox, and waits for Redis.
    own.set("deactivated").await;
    link.set("deactivated").await;
    for link in [&link, &own] {
        replicas.all_lead(&link.url, "its end", "404").await;
    }
    // Nothing of what the frozen one does later undoes anything.
    proxy.pass();
    link.set("active").await;
    replicas
        .all_lead(&link.url, "its return", "https://e.com/")
        .await;
    replicas.all_lead(&own.url, "its end", "404").await;
    for edge in replicas.edges {
        edge.stop();
    }
    api.stop();
    drop((frozen, test_env));
}

/// An emptied Redis gets all deliveries again, and new changes do not wait for them.
#[tokio::test]
async fn new_changes_are_delivered_before_those_that_redis_lost() {
    let test_env = TestEnvironment::new().await;
    let mut api = test_env.start_api();
    // If the table is locked for long.
    api.expect_in_log("relaying record changes failed");
    let tenant = Tenant::create(&test_env, &api, "replay").await;
    let client = Client::new(&api, None);
    let link = Switch::create(&client, &tenant).await;
    // Old deliveries of records that are gone, and numbers that nothing else has.
    test_env
        .db
        .batch_execute(
            "INSERT INTO changes (record_key, delivery)
             SELECT 'link/gone.example/gone' || n, nextval('change_deliveries')
             FROM generate_series(1, 20000) n",
        )
        .await
        .unwrap();
    let mut listener = redis::Client::open(test_env.servers.redis_url.as_str())
        .unwrap()
        .get_async_pubsub()
        .await
        .unwrap();
    let channel = format!("{}changes", test_env.redis_prefix());
    listener.subscribe(channel).await.unwrap();
    // No relay sees the one without the other: Redis has lost its number, and a change is
    // new.
    let path = link.url.strip_prefix("https://").unwrap();
    test_env
        .db
        .batch_execute("BEGIN; LOCK TABLE changes IN ACCESS EXCLUSIVE MODE;")
        .await
        .unwrap();
    let mut connection = test_env.redis().await;
    let _: () = redis::cmd("DEL")
        .arg(format!("{}delivered", test_env.redis_prefix()))
        .query_async(&mut connection)
        .await
        .unwrap();
    test_env
        .db
        .batch_execute(&format!(
            "INSERT INTO changes (record_key) VALUES ('link/{path}'); COMMIT;"
        ))
        .await
        .unwrap();
    let mut messages = listener.on_message();
    let mut n_old = 0;
    let mut is_new_delivered = false;
    let wanted = format!("link/{path}");
    while n_old < 20_000 {
        let message = futures_util::StreamExt::next(&mut messages).await.unwrap();
        let text: String = message.get_payload().unwrap();
        if text.starts_with("link/gone.example/") {
            n_old += 1;
        }
        if text == wanted && !is_new_delivered {
            is_new_delivered = true;
            // A batch may have been under way.
            assert!(n_old <= 500, "{n_old} old deliveries came first");
        }
    }
    assert!(is_new_delivered);
    api.stop();
}

/// Whoever made a change may die before it tells anybody.
#[tokio::test]
async fn changes_of_a_killed_links_api_are_delivered_by_another() {
    let test_env = TestEnvironment::new().await;
    let survivor = test_env.start_api();
    let tenant = Tenant::create(&test_env, &survivor, "survivor").await;
    let replicas = Replicas::start(&test_env, &survivor, &[&[]]);
    let link = Switch::create(&replicas.clients[0], &tenant).await;
    replicas
        .all_lead(&link.url, "the link", "https://e.com/")
        .await;
    // A row of the outbox whose links-api ended before it could deliver it.
    let path = link.url.strip_prefix("https://").unwrap();
    test_env
        .db
        .batch_execute(&format!(
            "BEGIN;
             UPDATE links SET status = 'deactivated', version = version + 1;
             INSERT INTO changes (record_key) VALUES ('link/{path}');
             COMMIT;"
        ))
        .await
        .unwrap();
    replicas.all_lead(&link.url, "its end", "404").await;
    for edge in replicas.edges {
        edge.stop();
    }
    survivor.stop();
}
