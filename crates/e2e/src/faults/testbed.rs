//! The system that a fault happens to: private servers, services on fixed ports, a
//! load, and the ways to hurt them.

use std::{
    collections::BTreeSet,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;

use super::Profile;
use crate::{
    balancer::Balancer,
    client::{Client, Tenant},
    load::{Audit, Load, Target},
    proxy::Proxy,
    servers::{PrivateServer, Servers},
    service::{Env, Service, binary},
    test_environment::TestEnvironment,
    wait::wait_for,
};

/// Private servers, for one fault after the other.
pub struct PrivateServers {
    pub postgres: PrivateServer,
    pub redis: PrivateServer,
    pub rabbitmq: PrivateServer,
}

impl PrivateServers {
    pub fn start() -> Self {
        Self {
            postgres: PrivateServer::start("postgres"),
            redis: PrivateServer::start("redis"),
            rabbitmq: PrivateServer::start("rabbitmq"),
        }
    }

    /// After a fault that did not come to its end.
    pub fn restore(&self) {
        for server in [&self.postgres, &self.redis, &self.rabbitmq] {
            server.restore();
        }
    }

    fn addresses(&self) -> Servers {
        Servers {
            database_url: self.postgres.url.clone(),
            redis_url: self.redis.url.clone(),
            amqp_url: self.rabbitmq.url.clone(),
        }
    }
}

/// What a fault needs.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Two redirectors behind a balancer and two workers, or one of each.
    pub is_doubled: bool,
    /// A file system of this size in memory holds the spool.
    pub spool_disk: Option<&'static str>,
    /// The redirector's clock is libfaketime's.
    pub has_own_clock: bool,
    /// The first worker reaches Postgres and RabbitMQ by proxies.
    pub has_worker_proxies: bool,
    /// links-api reaches Redis by a proxy.
    pub has_api_redis_proxy: bool,
}

/// A process that is ended and started again as it was.
pub struct Restartable {
    name: &'static str,
    args: &'static [&'static str],
    env: Env,
    wrapper: Vec<String>,
    service: Option<Service>,
}

impl Restartable {
    fn start_new(name: &'static str, args: &'static [&'static str], env: Env) -> Self {
        let mut restartable = Self {
            name,
            args,
            env,
            wrapper: Vec::new(),
            service: None,
        };
        restartable.start();
        restartable
    }

    /// Starts it if it does not run.
    pub fn start(&mut self) {
        if self.service.is_some() {
            return;
        }
        let program = binary(self.name);
        let mut words = self.wrapper.iter().map(std::ffi::OsString::from);
        let mut command = match words.next() {
            None => Command::new(program),
            Some(wrapper) => {
                let mut command = Command::new(wrapper);
                command.args(words).arg(program);
                command
            }
        };
        command.args(self.args).env_clear().envs(&self.env);
        self.service = Some(Service::start_command(self.name, command));
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.service = None;
    }

    /// SIGTERM, and its end: what is wrong with that.
    pub async fn stop(&mut self) -> Option<String> {
        let mut service = self.service.take()?;
        service.signal("TERM");
        // The load goes on meanwhile.
        let ended = tokio::task::spawn_blocking(move || service.wait());
        let status = ended.await.expect("it ends");
        (!status.success()).then(|| format!("{} ended with {status}", self.name))
    }

    pub fn service(&self) -> &Service {
        self.service.as_ref().expect("it runs")
    }

    fn logged_a_panic(&self) -> bool {
        let lines = self.service.as_ref().map(Service::lines);
        lines.is_some_and(|lines| {
            lines
                .iter()
                .any(|line| line.to_string().contains("panicked"))
        })
    }
}

pub struct Testbed {
    pub profile: Profile,
    pub servers: Arc<PrivateServers>,
    pub test_env: TestEnvironment,
    pub api: Restartable,
    pub edges: Vec<Restartable>,
    pub workers: Vec<Restartable>,
    pub load: Load,
    pub api_url: String,
    pub api_key: String,
    /// What the first worker reaches its servers by, if that is planned.
    pub proxies: Vec<Proxy>,
    /// What links-api reaches Redis by, if that is planned.
    pub api_redis_proxy: Option<Proxy>,
    pub tenant: Tenant,
    /// The redirectors themselves, without the balancer.
    pub edge_urls: Vec<String>,
    edge_admins: Vec<String>,
    _balancer: Option<Balancer>,
}

/// A port that nobody listens on just now.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it is bound")
}

impl Testbed {
    pub async fn start(servers: Arc<PrivateServers>, setup: &Setup, profile: Profile) -> Self {
        let test_env = TestEnvironment::on(servers.addresses()).await;
        let mut env = test_env.env_with(&[
            ("TRUSTED_PROXIES", "127.0.0.1/32"),
            ("RESEND_AFTER_MS", "2000"),
            // Small, so that many come and go.
            ("SPOOL_SEGMENT_BYTES", "262144"),
            ("CONFIRM_TIMEOUT_MS", "5000"),
            ("SHUTDOWN_DELAY_MS", "1000"),
            // As in production, where tests are in more of a hurry.
            ("LOCAL_CACHE_TTL_MS", "60000"),
            ("LOCAL_CACHE_NEGATIVE_TTL_MS", "1000"),
            ("REDIS_TIMEOUT_MS", "100"),
            ("RECORD_CHANGE_HEARTBEAT_TIMEOUT_MS", "2000"),
            ("CONSUMER_HEARTBEAT_S", "1"),
            ("DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS", "2000"),
        ]);
        let addresses = ["API_BIND", "ORIGIN_BIND"].map(|name| (name, free_address()));
        for (name, address) in addresses {
            env.insert(name.to_owned(), address.to_string());
        }
        let [(_, api_address), (_, origin)] = addresses;
        let api_redis_proxy = match setup.has_api_redis_proxy {
            true => {
                let server = env["REDIS_URL"].strip_prefix("redis://");
                Some(Proxy::start(server.expect("a Redis URL")).await)
            }
            false => None,
        };
        let mut api_env = env.clone();
        if let Some(proxy) = &api_redis_proxy {
            let url = format!("redis://{}", proxy.address());
            api_env.insert("REDIS_URL".to_owned(), url);
        }
        let api = Restartable::start_new("links-api", &["serve"], api_env);
        let tenant = Tenant::create(&test_env, api.service(), "faults").await;
        let offer_id = sms_offer(api.service(), &tenant).await;

        env.insert("ORIGIN_URL".to_owned(), format!("http://{origin}"));
        let n = if setup.is_doubled { 2 } else { 1 };
        let mut edges = Vec::new();
        let mut edge_addresses = Vec::new();
        for i in 0..n {
            let (address, admin) = (free_address(), free_address());
            let mut edge = Restartable {
                name: "edge-redirector",
                args: &[],
                env: edge_env(&env, &test_env, i, address, admin),
                wrapper: Vec::new(),
                service: None,
            };
            if let Some(size) = setup.spool_disk {
                edge.wrapper = on_small_disk(size);
                // Small segments, so that room is given back soon.
                edge.env
                    .insert("SPOOL_SEGMENT_BYTES".to_owned(), "65536".to_owned());
                // Its own home for programs: unshare, sh and mount.
                edge.env
                    .insert("PATH".to_owned(), std::env::var("PATH").unwrap_or_default());
            }
            if setup.has_own_clock {
                edge.env.extend(own_clock(&clock_file(&test_env)));
            }
            edge.start();
            edges.push(edge);
            edge_addresses.push((address, admin));
        }
        let proxies = match setup.has_worker_proxies {
            true => vec![
                Proxied::start("DATABASE_URL", &env).await,
                Proxied::start("AMQP_URL", &env).await,
            ],
            false => Vec::new(),
        };
        let worker = |i: usize| {
            let mut env = env.clone();
            if i == 0 {
                let urls = proxies.iter().map(|proxied| proxied.setting.clone());
                env.extend(urls);
            }
            Restartable::start_new("click-worker", &["serve"], env)
        };
        let workers = (0..n).map(worker).collect();
        let balancer = match edge_addresses[..] {
            [(one, one_admin), (two, two_admin)] => {
                let edges = [(one, one_admin.port()), (two, two_admin.port())];
                Some(Balancer::start(free_address(), edges).await)
            }
            _ => None,
        };
        let target = Target {
            edge: balancer
                .as_ref()
                .map_or_else(|| format!("http://{}", edge_addresses[0].0), Balancer::url),
            api: format!("http://{api_address}"),
            key: tenant.key.clone(),
            short_host: tenant.short_host.clone(),
            list_id: tenant.list_id,
            offer_id,
        };
        Self {
            api_url: target.api.clone(),
            api_key: target.key.clone(),
            load: Load::start(target, profile.traffic, profile.n_links).await,
            profile,
            servers,
            test_env,
            api,
            edges,
            workers,
            proxies: proxies.into_iter().map(|proxied| proxied.proxy).collect(),
            api_redis_proxy,
            tenant,
            edge_urls: edge_addresses
                .iter()
                .map(|(address, _)| format!("http://{address}"))
                .collect(),
            edge_admins: edge_addresses
                .iter()
                .map(|(_, admin)| format!("http://{admin}"))
                .collect(),
            _balancer: balancer,
        }
    }

    /// The services that run, by their names.
    pub fn pids(&self) -> Vec<(&'static str, u32)> {
        let services = std::iter::once(&self.api).chain(&self.edges);
        let services = services.chain(&self.workers);
        services
            .map(|service| (service.name, service.service().pid()))
            .collect()
    }

    /// Waits until nothing is in a spool any more; whether that came to pass.
    pub async fn wait_for_empty_spools(&self) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) {
            let n_files: usize = (0..self.edges.len()).map(|i| self.n_segments(i)).sum();
            if n_files == 0 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        false
    }

    fn n_segments(&self, edge: usize) -> usize {
        let files = std::fs::read_dir(self.spool_dir(edge))
            .into_iter()
            .flatten();
        files
            .filter_map(Result::ok)
            .filter(|file| file.path().extension().is_some_and(|name| name == "seg"))
            .count()
    }

    /// The click ids that were acknowledged so far.
    pub fn acknowledged_ids(&self) -> BTreeSet<String> {
        self.load.expectations().clicks.keys().cloned().collect()
    }

    /// The ids of the conversions that were accepted so far.
    pub fn acknowledged_conversion_ids(&self) -> BTreeSet<String> {
        let expectations = self.load.expectations();
        let accepted = expectations.conversions.values();
        accepted
            .map(|conversion| conversion.conversion_id.clone())
            .collect()
    }

    /// Waits until every click that was acknowledged so far is in Postgres, but for those
    /// that a fault destroyed and those that were said not to be recorded: how long
    /// that took, `None` if it does not come to pass.
    pub async fn wait_for_clicks(&self, tolerated_loss: &BTreeSet<String>) -> Option<Duration> {
        let db = self.test_env.connect().await;
        let n_unrecorded = self.n_unrecorded().await;
        let acknowledged = self.acknowledged_ids();
        let expected = acknowledged.difference(tolerated_loss).cloned().collect();
        Audit::wait_for_clicks(&db, expected, n_unrecorded).await
    }

    /// Conversions take the way of clicks, a moment later; what an audit then misses
    /// is lost.
    pub async fn wait_for_conversions(&self, tolerated_loss: &BTreeSet<String>) {
        let db = self.test_env.connect().await;
        let expected = self
            .acknowledged_conversion_ids()
            .difference(tolerated_loss)
            .count();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) {
            let count = db.query_one("SELECT count(*) FROM conversions", &[]).await;
            let count: i64 = count.map_or(0, |row| row.get(0));
            if usize::try_from(count).is_ok_and(|count| count >= expected) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A counter of all redirectors, of one label or summed over all. 0 while it
    /// cannot be asked.
    pub async fn edge_metric(&self, name: &str) -> f64 {
        let mut sum = 0.0;
        for admin in &self.edge_admins {
            let Ok(response) = reqwest::get(format!("{admin}/metrics")).await else {
                continue;
            };
            let text = response.text().await.unwrap_or_default();
            let lines = text.lines().filter(|line| line.starts_with(name));
            sum += lines
                .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                .sum::<f64>();
        }
        sum
    }

    /// Clicks that redirectors said that they could not record.
    pub async fn n_unrecorded(&self) -> usize {
        let name = "waypost_edge_requests_total{outcome=\"unrecorded\"}";
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count"
        )]
        let n = self.edge_metric(name).await as usize;
        n
    }

    /// Until a redirector is ready, and its balancer has seen it.
    pub async fn wait_until_ready(&self, edge: usize) {
        let url = format!("{}/ready", self.edge_admins[edge]);
        wait_for("the redirector to be ready", true, async || {
            let answer = reqwest::get(&url).await;
            answer.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    pub fn spool_dir(&self, edge: usize) -> PathBuf {
        spool_dir(&self.test_env, edge)
    }

    /// Sets the redirector's clock off, in seconds.
    pub fn set_clock(&self, seconds: i32) {
        std::fs::write(clock_file(&self.test_env), format!("{seconds:+}"))
            .expect("the clock is ours");
    }

    /// Ends everything in good order: what is wrong with that.
    pub async fn shut_down(mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        // What no receipt has come for stays in a spool when its redirector stops.
        if !self.wait_for_empty_spools().await {
            wrong.push("a spool did not become empty".to_owned());
        }
        let services = || {
            let some = std::iter::once(&self.api).chain(&self.edges);
            some.chain(&self.workers)
        };
        for service in services().filter(|service| service.logged_a_panic()) {
            wrong.push(format!("{} panicked", service.name));
        }
        for edge in &mut self.edges {
            wrong.extend(edge.stop().await);
        }
        for worker in &mut self.workers {
            wrong.extend(worker.stop().await);
        }
        wrong.extend(self.api.stop().await);
        for i in 0..self.edges.len() {
            let left = self.n_segments(i);
            if left > 0 {
                wrong.push(format!("{left} segments are left in spool {i}"));
            }
        }
        wrong
    }
}

/// A server behind a proxy, and the setting that leads there.
struct Proxied {
    proxy: Proxy,
    setting: (String, String),
}

impl Proxied {
    async fn start(name: &str, env: &Env) -> Self {
        let url = &env[name];
        let (user, rest) = url.rsplit_once('@').expect("a URL with a user");
        let (server, path) = rest.split_once('/').expect("a URL with a path");
        let proxy = Proxy::start(server).await;
        let url = format!("{user}@{}/{path}", proxy.address());
        Self {
            setting: (name.to_owned(), url),
            proxy,
        }
    }
}

fn spool_dir(test_env: &TestEnvironment, edge: usize) -> PathBuf {
    test_env.folder.path().join(format!("spool-{edge}"))
}

fn clock_file(test_env: &TestEnvironment) -> PathBuf {
    test_env.folder.path().join("clock")
}

fn edge_env(
    env: &Env,
    test_env: &TestEnvironment,
    i: usize,
    address: SocketAddr,
    admin: SocketAddr,
) -> Env {
    let spool = spool_dir(test_env, i);
    std::fs::create_dir_all(&spool).expect("a folder for the spool");
    let mut env = env.clone();
    env.extend([
        ("EDGE_BIND".to_owned(), address.to_string()),
        ("ADMIN_BIND".to_owned(), admin.to_string()),
        ("SPOOL_DIR".to_owned(), spool.display().to_string()),
    ]);
    env
}

/// A command that mounts a small file system over `SPOOL_DIR`, which nobody else
/// sees and which ends with the process.
fn on_small_disk(size: &str) -> Vec<String> {
    let script = format!("mount -t tmpfs -o size={size} tmpfs \"$SPOOL_DIR\" && exec \"$0\"");
    ["unshare", "--map-root-user", "--mount", "sh", "-c", &script]
        .map(str::to_owned)
        .into()
}

/// What makes libfaketime the clock of a process; the time it waits by stays.
fn own_clock(file: &std::path::Path) -> Vec<(String, String)> {
    std::fs::write(file, "+0").expect("a file for the clock");
    let library = ["/usr/lib", "/usr/lib64"]
        .iter()
        .flat_map(|folder| find(folder.as_ref(), "libfaketimeMT.so.1", 3))
        .next()
        .expect("libfaketime is installed");
    [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_CACHE_DURATION", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn find(folder: &std::path::Path, name: &str, depth: usize) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .flat_map(|path| {
            if path.file_name().is_some_and(|found| found == name) {
                vec![path]
            } else if depth > 0 && path.is_dir() && !path.is_symlink() {
                find(&path, name, depth - 1)
            } else {
                Vec::new()
            }
        })
        .collect()
}

/// An offer whose destination shows the click's id and what it was asked with.
async fn sms_offer(api: &Service, tenant: &Tenant) -> String {
    let offer = json!({
        "name": "faults",
        "tracking_url": "https://example.com/lp?clickid={click_id}&s1={sub1}",
    });
    let client = Client::new(api, None);
    let offer = client.create(&tenant.key, "/api/v2/offers", &offer).await;
    offer["id"].as_str().expect("an id").to_owned()
}
