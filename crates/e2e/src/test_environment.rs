//! What one test owns: a database, a key prefix, queues, a folder, and the services that it
//! starts on them. Dropping the environment deletes all of it. The next test run deletes what
//! a killed run left behind.

use std::{path::PathBuf, time::Duration};

use lapin::{
    Channel, Connection, ConnectionProperties,
    options::{BasicGetOptions, QueueDeclareOptions},
    types::FieldTable,
};
use platform::amqp::Topology;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

use crate::{
    servers::{PrivateServer, Servers},
    service::{Env, Service, command},
    wait::{LIMIT, wait_for_within},
};

/// The token of redirectors for the origin.
pub const ORIGIN_TOKEN: &str = "an-origin-token-for-tests";
/// The secret that signs confirmation tokens.
pub const CONFIRMATION_TOKEN_SECRET: &str = "a-continue-secret-for-tests";
/// The key of visitor hashes.
pub const VISITOR_KEY: &str = "a-visitor-key-for-tests";
/// Queues that accounts are spread over. Few, since many tests share one broker.
pub const N_PARTITIONS: u16 = 3;
/// The host of the click tracker for lists without one.
pub const PLATFORM_CLICK_HOST: &str = "click.waypost.example";
/// The prefix of the names of tests' databases, queues and keys.
const PREFIX: &str = "waypost_test_";

pub struct TestEnvironment {
    pub servers: Servers,
    /// The unique name of the database, and the prefix of everything else.
    pub name: String,
    pub folder: TempDir,
    pub db: Client,
}

impl TestEnvironment {
    /// On the servers that all tests share.
    pub async fn new() -> Self {
        Self::with_servers(Servers::find()).await
    }

    /// With a Redis of the test's own, which the test can stop or freeze. It is returned first,
    /// so that it is dropped last: dropping the environment deletes its keys.
    pub async fn with_private_redis() -> (PrivateServer, Self) {
        let redis = PrivateServer::start("redis");
        let servers = Servers {
            redis_url: redis.url.clone(),
            ..Servers::find()
        };
        (redis, Self::with_servers(servers).await)
    }

    /// On servers of which some are the test's own.
    pub async fn with_servers(servers: Servers) -> Self {
        sweep(&servers).await;
        let name = format!(
            "{PREFIX}{}_{}",
            std::process::id(),
            uuid::Uuid::new_v4().simple()
        );
        let maintenance = connect(&servers.database_url).await;
        maintenance
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .expect("a database for the test");
        let url = database_url(&servers, &name);
        Self {
            folder: TempDir::new().expect("a temporary folder"),
            db: {
                migrate(&url);
                connect(&url).await
            },
            name,
            servers,
        }
    }

    pub fn topology(&self) -> Topology {
        Topology::new(&self.name, N_PARTITIONS)
    }

    pub fn redis_prefix(&self) -> String {
        format!("{}:", self.name)
    }

    /// The environment that all services share.
    pub fn env(&self) -> Env {
        [
            ("DATABASE_URL", database_url(&self.servers, &self.name)),
            ("DATABASE_POOL_SIZE", "4".to_owned()),
            ("REDIS_URL", self.servers.redis_url.clone()),
            ("REDIS_PREFIX", self.redis_prefix()),
            // Long timeouts, since many tests share few cores: a slow answer must not be taken
            // for a dead server.
            ("REDIS_TIMEOUT_MS", "2000".to_owned()),
            ("RECORD_CHANGE_HEARTBEAT_TIMEOUT_MS", "30000".to_owned()),
            ("CONSUMER_HEARTBEAT_S", "5".to_owned()),
            (
                "DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS",
                "10000".to_owned(),
            ),
            ("AMQP_URL", self.servers.amqp_url.clone()),
            ("AMQP_PREFIX", self.name.clone()),
            ("AMQP_PARTITIONS", N_PARTITIONS.to_string()),
            ("ORIGIN_TOKEN", ORIGIN_TOKEN.to_owned()),
            (
                "CONFIRMATION_TOKEN_SECRET",
                CONFIRMATION_TOKEN_SECRET.to_owned(),
            ),
            ("VISITOR_KEY", VISITOR_KEY.to_owned()),
            ("PLATFORM_CLICK_HOST", PLATFORM_CLICK_HOST.to_owned()),
            ("ADMIN_BIND", "127.0.0.1:0".to_owned()),
            ("API_BIND", "127.0.0.1:0".to_owned()),
            ("ORIGIN_BIND", "127.0.0.1:0".to_owned()),
            ("EDGE_BIND", "127.0.0.1:0".to_owned()),
            ("SPOOL_DIR", self.spool_dir().display().to_string()),
            // Short, so that tests see changes soon.
            ("LOCAL_CACHE_TTL_MS", "50".to_owned()),
            ("LOCAL_CACHE_NEGATIVE_TTL_MS", "50".to_owned()),
            // The tests' hosts have no DNS records.
            ("DOMAIN_OWNERSHIP", "assumed".to_owned()),
            // Off: tests poll for links, all from one address.
            ("EDGE_MAX_FAILED_ATTEMPTS_PER_MINUTE", "0".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    pub fn spool_dir(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    pub fn start_api(&self) -> Service {
        Service::start("links-api", &["serve"], &self.env())
    }

    pub fn start_worker(&self) -> Service {
        self.start_worker_with(&[])
    }

    pub fn start_worker_with(&self, settings: &[(&str, &str)]) -> Service {
        Service::start("click-worker", &["serve"], &self.env_with(settings))
    }

    pub fn start_edge(&self, api: &Service) -> Service {
        self.start_edge_with(api, &[])
    }

    pub fn start_edge_with(&self, api: &Service, settings: &[(&str, &str)]) -> Service {
        let mut env = self.env_with(settings);
        env.entry("ORIGIN_URL".to_owned())
            .or_insert_with(|| api.url("origin.address"));
        Service::start("edge-redirector", &[], &env)
    }

    /// Starts a redirector with the `ORIGIN_URL` of `settings`.
    pub fn start_edge_without_api(&self, settings: &[(&str, &str)]) -> Service {
        Service::start("edge-redirector", &[], &self.env_with(settings))
    }

    pub fn env_with(&self, settings: &[(&str, &str)]) -> Env {
        let mut env = self.env();
        env.extend(
            settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        env
    }

    /// Runs `links-api admin ...`. Returns the JSON that it prints.
    pub fn admin(&self, args: &[&str]) -> Value {
        let args: Vec<_> = std::iter::once("admin")
            .chain(args.iter().copied())
            .collect();
        let output = command("links-api", &args, &self.env())
            .output()
            .expect("it runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "links-api {args:?}: {error}");
        serde_json::from_slice(&output.stdout).expect("it prints JSON")
    }

    /// A new connection to the database.
    pub async fn connect(&self) -> Client {
        connect(&database_url(&self.servers, &self.name)).await
    }

    /// The number in the first column of a query's row.
    pub async fn count(&self, sql: &str) -> i64 {
        self.db.query_one(sql, &[]).await.expect(sql).get(0)
    }

    /// Has a worker sum up all days that are over, also those that it did within the last hour,
    /// and waits for the end.
    pub async fn sum_up_days(&self) {
        self.sum_up_days_within(LIMIT).await;
    }

    /// The same with another limit.
    pub async fn sum_up_days_within(&self, limit: Duration) {
        let outdated = "FROM value_total_days
                        WHERE state <> 'current' AND day < date_trunc('day', now(), 'UTC')";
        wait_for_within(limit, "days that are not summed up", 0, async || {
            let sql = "UPDATE value_total_days SET computed_at = NULL WHERE state = 'outdated'";
            self.db.execute(sql, &[]).await.expect(sql);
            self.count(&format!("SELECT count(*) {outdated}")).await
        })
        .await;
    }

    /// A new connection to RabbitMQ, and a channel of it.
    pub async fn amqp(&self) -> (Connection, Channel) {
        let connection =
            Connection::connect(&self.servers.amqp_url, ConnectionProperties::default())
                .await
                .expect("RabbitMQ");
        let channel = connection.create_channel().await.expect("a channel");
        (connection, channel)
    }

    pub async fn redis(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.servers.redis_url.as_str()).expect("a Redis URL");
        client
            .get_multiplexed_async_connection()
            .await
            .expect("Redis")
    }

    /// Empties the cache of records.
    pub async fn forget_records(&self) {
        let mut connection = self.redis().await;
        remove_keys(&mut connection, &format!("{}*", self.redis_prefix())).await;
    }

    /// The number of messages in a queue; 0 if it does not exist.
    pub async fn queue_len(&self, queue: &str) -> u32 {
        let (_connection, channel) = self.amqp().await;
        let passive = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        match channel
            .queue_declare(queue.into(), passive, FieldTable::default())
            .await
        {
            Ok(queue) => queue.message_count(),
            Err(_) => 0,
        }
    }

    /// The number of messages in all queues of events.
    pub async fn n_waiting_messages(&self) -> u32 {
        let mut n_messages = 0;
        for queue in self.topology().event_queues() {
            n_messages += self.queue_len(queue.as_str()).await;
        }
        n_messages
    }

    /// Takes a message off the dead-letter queue: its body and its reason.
    pub async fn take_dead_letter(&self) -> Option<(Vec<u8>, String)> {
        let (_connection, channel) = self.amqp().await;
        let queue = self.topology().dead_letter_queue;
        let options = BasicGetOptions { no_ack: true };
        let message = channel
            .basic_get(queue, options)
            .await
            .expect("the queue is there")?;
        let headers = message.properties.headers().clone().unwrap_or_default();
        let reason = match headers.inner().get("reason") {
            Some(lapin::types::AMQPValue::LongString(reason)) => reason.to_string(),
            other => format!("{other:?}"),
        };
        Some((message.delivery.data, reason))
    }
}

impl Drop for TestEnvironment {
    fn drop(&mut self) {
        let (servers, name) = (self.servers.clone(), self.name.clone());
        // Blocks on a thread of its own, since the drop may happen on an async one.
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime
                .expect("a runtime")
                .block_on(remove(&servers, &name));
        });
        drop(removed.join());
    }
}

/// Ignores errors: a later run deletes what is left, and a failing test must show its own
/// failure.
async fn remove(servers: &Servers, name: &str) {
    if let Some(client) = try_connect(&servers.database_url).await {
        drop(
            client
                .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                .await,
        );
    }
    if let Ok(connection) =
        Connection::connect(&servers.amqp_url, ConnectionProperties::default()).await
    {
        let topology = Topology::new(name, N_PARTITIONS);
        if let Ok(channel) = connection.create_channel().await {
            let queues = topology.event_queues();
            for queue in queues.into_iter().chain([topology.dead_letter_queue]) {
                drop(channel.queue_delete(queue, Default::default()).await);
            }
            for exchange in [topology.clicks_exchange, topology.dead_letter_exchange] {
                drop(channel.exchange_delete(exchange, Default::default()).await);
            }
        }
    }
    if let Ok(client) = redis::Client::open(servers.redis_url.as_str())
        && let Ok(mut connection) = client.get_multiplexed_async_connection().await
    {
        remove_keys(&mut connection, &format!("{name}:*")).await;
    }
}

/// Deletes keys in small steps: other tests use this Redis, and it may have many keys.
async fn remove_keys(connection: &mut redis::aio::MultiplexedConnection, pattern: &str) {
    let mut cursor = 0_u64;
    loop {
        let found: Result<(u64, Vec<String>), _> = redis::cmd("SCAN")
            .arg(cursor)
            .arg(&["MATCH", pattern, "COUNT", "1000"])
            .query_async(connection)
            .await;
        let Ok((next, keys)) = found else {
            return;
        };
        if !keys.is_empty() {
            let deleted: Result<(), _> = redis::cmd("DEL").arg(keys).query_async(connection).await;
            drop(deleted);
        }
        if next == 0 {
            return;
        }
        cursor = next;
    }
}

/// Removes what ended test processes left behind.
async fn sweep(servers: &Servers) {
    static SWEPT: OnceCell<()> = OnceCell::const_new();
    SWEPT
        .get_or_init(async || {
            let client = connect(&servers.database_url).await;
            let pattern = format!("{PREFIX}%");
            let sql = "SELECT datname FROM pg_database WHERE datname LIKE $1";
            let rows = client
                .query(sql, &[&pattern])
                .await
                .expect("a list of databases");
            for row in rows {
                let name: String = row.get(0);
                let pid = name[PREFIX.len()..].split('_').next().unwrap_or_default();
                if !std::path::Path::new(&format!("/proc/{pid}")).exists() {
                    remove(servers, &name).await;
                }
            }
        })
        .await;
}

fn migrate(url: &str) {
    let env = Env::from([("DATABASE_URL".to_owned(), url.to_owned())]);
    let output = command("links-api", &["migrate"], &env)
        .output()
        .expect("it runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn database_url(servers: &Servers, name: &str) -> String {
    let (server, _) = servers
        .database_url
        .rsplit_once('/')
        .expect("a database URL");
    format!("{server}/{name}")
}

async fn connect(url: &str) -> Client {
    try_connect(url)
        .await
        .unwrap_or_else(|| panic!("PostgreSQL is not there: {url}"))
}

async fn try_connect(url: &str) -> Option<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.ok()?;
    tokio::spawn(connection);
    Some(client)
}
