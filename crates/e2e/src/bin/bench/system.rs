//! What a row runs on: a database of its own, a private Redis and RabbitMQ, and services with
//! the settings of production.

use std::thread;

use anyhow::{Result, ensure};
use e2e::{
    console::say,
    servers::{PrivateServer, Servers, on_core, workspace},
    service::{Env, Service, binary},
    test_environment::TestEnvironment,
};

/// The core of the redirector that is measured, where it has one to itself.
const TESTED_CORE: u32 = 0;
/// The core of the load, and of the servers and services that work for the redirector.
const OTHER_CORE: u32 = 1;

/// Which processor cores the processes may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cores {
    /// Everything shares all cores.
    Shared,
    /// What is measured has one core to itself, and everything else that works has another.
    Separate,
}

pub struct System {
    pub test_env: TestEnvironment,
    pub redis: PrivateServer,
    rabbitmq: PrivateServer,
    cores: Cores,
    env: Env,
}

impl System {
    /// `settings` are given to all services.
    pub async fn start(cores: Cores, settings: &[(&str, &str)]) -> Result<Self> {
        let n_cores = thread::available_parallelism()?.get();
        ensure!(
            n_cores >= 2,
            "two cores are needed: one for what is measured and one for the load"
        );
        say("starting Redis and RabbitMQ");
        let other_core = cores.other();
        // Millions of records are not written into a Redis that somebody else uses. RabbitMQ
        // works for the publisher, so it must not use the redirector's core.
        let redis = PrivateServer::start_on("redis", other_core);
        let rabbitmq = PrivateServer::start_on("rabbitmq", other_core);
        let test_env = TestEnvironment::with_servers(Servers {
            redis_url: redis.url.clone(),
            amqp_url: rabbitmq.url.clone(),
            ..Servers::find()
        })
        .await;
        let mut env: Env = [
            ("DATABASE_URL", test_env.env()["DATABASE_URL"].as_str()),
            ("REDIS_URL", &redis.url),
            ("AMQP_URL", &rabbitmq.url),
            ("ORIGIN_TOKEN", "a-token-for-this-run"),
            ("VISITOR_KEY", "a-key-for-this-run"),
            ("CONFIRMATION_TOKEN_SECRET", "a-secret-for-this-run"),
            ("PLATFORM_CLICK_HOST", "click.waypost.example"),
            ("DOMAIN_OWNERSHIP", "assumed"),
            ("ADMIN_BIND", "127.0.0.1:0"),
            ("API_BIND", "127.0.0.1:0"),
            ("ORIGIN_BIND", "127.0.0.1:0"),
            ("EDGE_BIND", "127.0.0.1:0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        if let Ok(database) = std::env::var("GEOIP_COUNTRY_DB") {
            env.insert("GEOIP_COUNTRY_DB".to_owned(), database);
        }
        env.extend(owned(settings));
        Ok(Self {
            test_env,
            redis,
            rabbitmq,
            cores,
            env,
        })
    }

    pub fn database_url(&self) -> &str {
        &self.env["DATABASE_URL"]
    }

    /// The servers of this row, for a test environment of another kind.
    pub fn servers(&self) -> Servers {
        Servers {
            database_url: self.database_url().to_owned(),
            redis_url: self.redis.url.clone(),
            amqp_url: self.rabbitmq.url.clone(),
        }
    }

    /// The core that everything but the measured redirector uses.
    pub fn other_core(&self) -> Option<u32> {
        self.cores.other()
    }

    /// The core that the measured redirector, or what it is compared with, has to itself.
    pub fn tested_core(&self) -> Option<u32> {
        (self.cores == Cores::Separate).then_some(TESTED_CORE)
    }

    pub fn start_api(&self) -> Service {
        self.start_service(self.other_core(), "links-api", &["serve"], &[])
    }

    /// The redirector that is measured.
    pub fn start_edge(&self, api: &Service) -> Service {
        let spool = empty_spool("bench-spool");
        let settings = [
            ("EDGE_WORKERS", "1"),
            ("ORIGIN_URL", &api.url("origin.address")),
            ("SPOOL_DIR", &spool),
            ("SPOOL_MAX_BYTES", "8589934592"),
        ];
        self.start_service(self.tested_core(), "edge-redirector", &[], &settings)
    }

    /// Another redirector beside that.
    pub fn start_second_edge(&self, api: &Service) -> Service {
        let spool = empty_spool("bench-spool2");
        let settings = [
            ("ORIGIN_URL", api.url("origin.address")),
            ("SPOOL_DIR", spool),
        ];
        let settings = settings
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        self.start_service(None, "edge-redirector", &[], &settings)
    }

    /// Workers that start at the same time: one that waited for the others to start would
    /// have a head start.
    pub fn start_workers(&self, n: usize) -> Vec<Service> {
        thread::scope(|scope| {
            let start = || self.start_service(None, "click-worker", &["serve"], &[]);
            let starting: Vec<_> = (0..n).map(|_| scope.spawn(start)).collect();
            let workers = starting.into_iter().map(|worker| worker.join());
            workers
                .map(|worker| worker.expect("the worker starts"))
                .collect()
        })
    }

    fn start_service(
        &self,
        core: Option<u32>,
        name: &'static str,
        args: &[&str],
        settings: &[(&str, &str)],
    ) -> Service {
        let mut command = on_core(core, binary(name));
        command
            .args(args)
            .env_clear()
            .envs(&self.env)
            .envs(settings.iter().copied());
        Service::start_command(name, command)
    }
}

impl Cores {
    fn other(self) -> Option<u32> {
        (self == Self::Separate).then_some(OTHER_CORE)
    }
}

/// An empty spool folder in the checkout, and not in the folder of temporary files: that may
/// be in memory, where fdatasync costs nothing.
fn empty_spool(name: &str) -> String {
    let folder = workspace().join(".run").join(name);
    // A killed run leaves the folder behind.
    drop(std::fs::remove_dir_all(&folder));
    folder.display().to_string()
}

fn owned<'s>(settings: &'s [(&str, &str)]) -> impl Iterator<Item = (String, String)> + 's {
    let settings = settings.iter();
    settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
}
