//! Wires the service: what it depends on, its admin port, and its end.

use std::time::Duration;

use ::store::migrations;
use anyhow::Context as _;
use platform::{
    admin,
    amqp::Topology,
    health::{Health, Need},
    service::Shutdown,
};
use prometheus_client::registry::Registry;
use tokio::task::JoinSet;

use crate::{
    chores::Chores, metrics::Metrics, receipts, session::Worker, settings::Settings, store::Store,
};

/// How long the last receipts may take.
const RECEIPTS_AT_STOP: Duration = Duration::from_secs(2);

pub async fn run(settings: Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    let pool = ::store::pool::build(&settings.pool, "click-worker")?;
    let client = pool.get().await.context("Postgres cannot be reached")?;
    migrations::check(&client).await?;
    drop(client);

    let health = Health::default();
    let postgres = health.dependency("postgres", Need::Required);
    shutdown.watch(postgres, pool.clone(), ::store::pool::ping);
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let topology = Topology::new(&settings.amqp.amqp_prefix);
    let (receipts, sender) = receipts::channel(settings.amqp.amqp_url.clone(), topology.clone());
    let worker = || Worker {
        uri: settings.amqp.amqp_url.clone(),
        topology: topology.clone(),
        receipts: receipts.clone(),
        prefetch: settings.prefetch,
        batch_max_events: usize::try_from(settings.batch_max_events).unwrap_or(usize::MAX),
        linger: settings.linger(),
        store: Store::new(pool.clone(), settings.visitor_key.clone()),
        metrics: metrics.clone(),
        amqp_health: health.dependency("rabbitmq", Need::Required),
        stopping: shutdown.stopping().clone(),
        drain_timeout: Duration::from_secs(settings.drain_timeout_s),
    };
    let workers: Vec<_> = (0..settings.consumers).map(|_| worker()).collect();
    drop(receipts);
    let sender = tokio::spawn(sender.run());
    let chores = Chores::new(
        pool.clone(),
        metrics.clone(),
        &settings,
        shutdown.stopping().clone(),
    );
    shutdown.spawn("chores", chores.run());
    let admin = admin::serve(settings.admin_bind, health.clone(), registry)?;
    shutdown.drains(&health, Duration::ZERO);
    tracing::info!(admin.address = %admin, "listening");
    let mut consumers: JoinSet<_> = workers.into_iter().map(Worker::run).collect();
    while let Some(ended) = consumers.join_next().await {
        ended.context("a consumer panicked")??;
    }
    // Receipts may be lost: a broker that takes none holds nobody up.
    drop(tokio::time::timeout(RECEIPTS_AT_STOP, sender).await);
    Ok(())
}
