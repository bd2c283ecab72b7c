//! Wires the service: its connections, tasks and admin port, and the order in which it stops.

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
    consumer::{ConsumerSettings, Worker, receipt_channel},
    ingest::BatchWriter,
    leases::Leases,
    maintenance::{self, Maintenance},
    metrics::Metrics,
    progress::Progress,
    settings::{BUILD, Settings},
};

/// How long sending the last receipts may take when the worker stops.
const LAST_RECEIPTS_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections for leases and for the health check.
const LEASE_CONNECTIONS: u16 = 2;
/// Connections for the maintenance jobs: two for each, one to find rows and one to change them.
const MAINTENANCE_CONNECTIONS: u16 = 8;

pub async fn run(settings: Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    let pool = |application: &str, connections: u16| -> anyhow::Result<Pool> {
        let settings = settings.pool.with_size(connections);
        Ok(postgres::pool::build(&settings, application)?)
    };
    // Each purpose has a pool, so that a slow one takes no connections from another.
    let storing_pool = pool("click-worker", settings.pool.database_pool_size)?;
    // The transaction of a batch is idle while a look-up runs, so the look-up must end before
    // Postgres ends the session of the transaction.
    let lookup_ms = settings.pool.idle_in_transaction_timeout().as_millis() * 3 / 4;
    let lookup_pool = postgres::pool::build_with_parameters(
        &settings.pool,
        "click-worker lookups",
        &format!("{} -c statement_timeout={lookup_ms}", planner_parameters()),
    )?;
    let lease_pool = pool("click-worker leases", LEASE_CONNECTIONS)?;
    // Jobs look for rows every second. They must do so by index, even if a table was empty when
    // their statements were planned.
    let maintenance_pool = postgres::pool::build_with_parameters(
        &settings.pool.with_size(MAINTENANCE_CONNECTIONS),
        "click-worker maintenance",
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
    let new_writer = {
        let pool = storing_pool.clone();
        let visitor_key = settings.visitor_key.clone();
        let answer_limit = settings.pool.answer_limit();
        move || {
            BatchWriter::new(
                pool.clone(),
                lookup_pool.clone(),
                visitor_key.clone(),
                answer_limit,
            )
        }
    };
    let maintenance = Maintenance {
        pool: maintenance_pool,
        leases: leases.clone(),
        metrics: metrics.clone(),
        stopping: shutdown.stopping().clone(),
    };
    for job in maintenance::jobs(&settings, new_writer()) {
        shutdown.spawn(job.name, maintenance.clone().run_repeatedly(job));
    }
    let (receipts, receipt_task) =
        receipt_channel(settings.amqp.amqp_url.clone(), topology.clone());
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
        new_writer: Box::new(new_writer),
        store_permits: Arc::new(Semaphore::new(settings.consumers.into())),
        pool: storing_pool,
        receipts,
        progress,
        metrics: metrics.clone(),
        amqp_health: health.add_dependency("rabbitmq", Criticality::Required),
        stopping: shutdown.stopping().clone(),
        drain_timeout: Duration::from_secs(settings.drain_timeout_s),
    };
    let receipt_task = tokio::spawn(receipt_task.run());
    let admin = admin::serve(settings.admin_bind, health.clone(), registry, BUILD)?;
    shutdown.spawn_drain(&health, Duration::ZERO);
    tracing::info!(admin.address = %admin, "listening");
    worker.run().await?;
    // Receipts may be lost, so a broker that accepts none does not keep the worker from
    // stopping.
    drop(tokio::time::timeout(LAST_RECEIPTS_TIMEOUT, receipt_task).await);
    Ok(())
}
