//! The testbed and its start: servers, services on fixed ports, and the load.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use serde_json::json;

use super::{
    files::{clock_file, spool_dir},
    isolation::{on_small_disk, own_clock},
    proxied::Proxied,
    restartable::Restartable,
    setup::Setup,
};
use crate::{
    balancer::Balancer,
    client::{Client, Tenant},
    faults::{private_servers::PrivateServers, profile::Profile},
    load::{Load, Target},
    proxy::Proxy,
    service::{Env, Service},
    test_environment::TestEnvironment,
};

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
    /// Proxies between the first worker and its servers, if the set-up has them.
    pub proxies: Vec<Proxy>,
    /// The proxy between links-api and Redis, if the set-up has it.
    pub api_redis_proxy: Option<Proxy>,
    pub tenant: Tenant,
    /// URLs of the redirectors, past the balancer.
    pub edge_urls: Vec<String>,
    pub(super) edge_admins: Vec<String>,
    _balancer: Option<Balancer>,
}

impl Testbed {
    pub async fn start(servers: Arc<PrivateServers>, setup: &Setup, profile: Profile) -> Self {
        let test_env = TestEnvironment::with_servers(servers.addresses()).await;
        let mut env = test_env.env_with(&[
            ("TRUSTED_PROXIES", "127.0.0.1/32"),
            ("RESEND_AFTER_MS", "2000"),
            // Small, so that many segments are written and deleted.
            ("SPOOL_SEGMENT_BYTES", "262144"),
            ("CONFIRM_TIMEOUT_MS", "5000"),
            ("SHUTDOWN_DELAY_MS", "1000"),
            // The values of production: those of `TestEnvironment` are for quick tests.
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
                // Small segments, so that the spool shrinks soon.
                edge.env
                    .insert("SPOOL_SEGMENT_BYTES".to_owned(), "65536".to_owned());
                // The wrapper needs unshare, sh and mount.
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
}

/// An address whose port is free now.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it is bound")
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

/// Creates an offer whose destination contains the click's id and `sub1`.
async fn sms_offer(api: &Service, tenant: &Tenant) -> String {
    let offer = json!({
        "name": "faults",
        "tracking_url": "https://example.com/lp?clickid={click_id}&s1={sub1}",
    });
    let client = Client::new(api, None);
    let offer = client.create(&tenant.key, "/api/v2/offers", &offer).await;
    offer["id"].as_str().expect("an id").to_owned()
}
