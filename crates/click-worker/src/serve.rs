//! Wires the service: what it depends on, its admin port, and its end.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use ledger::planner_parameters;
use platform::{
    admin,
    health::{Criticality, Health},
    service::Shutdown,
};
use postgres::{migrations, pool::Pool};
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;

use crate::{
    chores::{self, Chores},
    consumer::ConsumerSettings,
    leases::Leases,
    metrics::Metrics,
    progress::Progress,
    receipts,
    session::Worker,
    settings::Settings,
    store::Store,
};

/// How long the last receipts may take.
const RECEIPTS_AT_STOP: Duration = Duration::from_secs(2);
/// Connections for leases, and for what looks for work without storing.
const LEASE_CONNECTIONS: u16 = 2;
/// Connections of the periodic tasks: each of them has one, and one that it works on.
const CHORE_CONNECTIONS: u16 = 8;

pub async fn run(settings: Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    let pool = |application: &str, connections: u16| -> anyhow::Result<Pool> {
        let settings = settings.pool.with_size(connections);
        Ok(postgres::pool::build(&settings, application)?)
    };
    // A pool for each purpose: what is slow takes no connection from another.
    let storing_pool = pool("click-worker", settings.pool.database_pool_size)?;
    // A transaction stands idle while a look-up runs, which must not take that long.
    let lookup_ms = settings.pool.idle_in_transaction_timeout().as_millis() * 3 / 4;
    let lookup_pool = postgres::pool::build_with_parameters(
        &settings.pool,
        "click-worker lookups",
        &format!("{} -c statement_timeout={lookup_ms}", planner_parameters()),
    )?;
    let lease_pool = pool("click-worker leases", LEASE_CONNECTIONS)?;
    // Tasks look for work every second: by index, however small a table was at first.
    let chore_pool = postgres::pool::build_with_parameters(
        &settings.pool.with_size(CHORE_CONNECTIONS),
        "click-worker chores",
        &planner_parameters(),
    )?;
    let client = storing_pool.get().await;
    let client = client.context("Postgres cannot be reached")?;
    migrations::check(&client).await?;
    drop(client);

    let health = Health::default();
    let postgres = health.add_dependency("postgres", Criticality::Required);
    shutdown.spawn_health_check(postgres, lease_pool.clone(), postgres::pool::ping);
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let topology = settings.amqp.topology();
    let progress = Progress::new();
    shutdown.spawn(
        "progress",
        progress
            .clone()
            .run(metrics.clone(), shutdown.stopping().clone()),
    );
    let leases = Leases::new(lease_pool);
    let new_store = {
        let pool = storing_pool.clone();
        let (visitor_key, limit) = (settings.visitor_key.clone(), settings.pool.answer_limit());
        move || {
            Store::new(
                pool.clone(),
                lookup_pool.clone(),
                visitor_key.clone(),
                limit,
            )
        }
    };
    let chores = Chores {
        pool: chore_pool,
        leases: leases.clone(),
        metrics: metrics.clone(),
        stopping: shutdown.stopping().clone(),
    };
    for chore in chores::all(&settings, new_store()) {
        shutdown.spawn(chore.name, chores.clone().repeat(chore));
    }
    let (receipts, sender) = receipts::channel(settings.amqp.amqp_url.clone(), topology.clone());
    let worker = Worker {
        addresses: settings.amqp.amqp_url.clone(),
        heartbeat_s: settings.consumer_heartbeat_s,
        topology,
        leases,
        consumer_settings: ConsumerSettings {
            prefetch: settings.prefetch,
            batch_max_events: usize::try_from(settings.batch_max_events).unwrap_or(usize::MAX),
            linger: settings.linger(),
        },
        new_store: Box::new(new_store),
        storing: Arc::new(Semaphore::new(settings.consumers.into())),
        pool: storing_pool,
        receipts,
        progress,
        metrics: metrics.clone(),
        amqp_health: health.add_dependency("rabbitmq", Criticality::Required),
        stopping: shutdown.stopping().clone(),
        drain_timeout: Duration::from_secs(settings.drain_timeout_s),
    };
    let sender = tokio::spawn(sender.run());
    let admin = admin::serve(settings.admin_bind, health.clone(), registry)?;
    shutdown.spawn_drain(&health, Duration::ZERO);
    tracing::info!(admin.address = %admin, "listening");
    worker.run().await?;
    // Receipts may be lost: a broker that takes none holds nobody up.
    drop(tokio::time::timeout(RECEIPTS_AT_STOP, sender).await);
    Ok(())
}
