//! The tasks of links-api: the relay of record changes, the checks of domains, and the deletion
//! of expired rows.

use std::time::Duration;

use platform::{health::DependencyHealth, redis_cache::RedisCache, service::Shutdown};
use postgres::pool::Pool;
use tokio_util::sync::CancellationToken;

use crate::{
    db,
    domain_ownership::{DomainChecks, Prober},
    edge_records::{Relay, RelayTarget},
    error::ApiError,
    http,
    mail::Mailer,
    metrics::RelayMetrics,
    outbox::RelayWake,
    settings::ServeSettings,
    sign_in::Links,
};

/// Time between two deletions if nothing had expired.
const DELETION_INTERVAL: Duration = Duration::from_secs(600);
/// Time between two deletions if the last one deleted a batch, so that a backlog does not load
/// Postgres all at once.
const BACKLOG_DELETION_INTERVAL: Duration = Duration::from_secs(1);

pub struct TaskDependencies {
    pub relay_pool: Pool,
    pub mail_pool: Pool,
    pub maintenance_pool: Pool,
    pub redis: RedisCache,
    pub record_ttl: Duration,
    pub relay_wake: RelayWake,
    pub relay_metrics: RelayMetrics,
    pub relay_health: DependencyHealth,
}

/// Starts the tasks. They end when the service stops.
pub fn spawn(
    settings: &ServeSettings,
    shutdown: &Shutdown,
    dependencies: TaskDependencies,
) -> anyhow::Result<()> {
    let relay = Relay {
        target: RelayTarget::new(
            dependencies.relay_pool,
            dependencies.redis,
            dependencies.record_ttl,
            dependencies.relay_metrics.clone(),
        ),
        wake: dependencies.relay_wake,
        metrics: dependencies.relay_metrics,
        health: dependencies.relay_health,
    };
    shutdown.spawn("relay", relay.run(shutdown.stopping().clone()));
    let users = &settings.users;
    let links = Links::new(&users.dashboard_url);
    if let Some(mailer) = Mailer::new(dependencies.mail_pool, &users.mail, links)? {
        shutdown.spawn("mail", mailer.run(shutdown.stopping().clone()));
    }
    let checks = DomainChecks {
        pool: dependencies.maintenance_pool.clone(),
        prober: Prober::new(&settings.domains)?,
        interval: Duration::from_secs(settings.domains.domain_check_interval_s.into()),
    };
    shutdown.spawn("domain checks", checks.run(shutdown.stopping().clone()));
    let deletion = delete_expired_rows(
        dependencies.maintenance_pool,
        dependencies.record_ttl,
        Duration::from_secs(users.session_idle_timeout_s),
        shutdown.stopping().clone(),
    );
    shutdown.spawn("deletion of expired rows", deletion);
    Ok(())
}

/// Deletes expired idempotency keys, sessions and links, and relayed record changes.
async fn delete_expired_rows(
    pool: Pool,
    record_ttl: Duration,
    session_idle_timeout: Duration,
    stopping: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let deletion = async {
            let n_keys = http::delete_expired_idempotency_keys(&pool).await?;
            let n_sessions = db::sessions::delete_expired(&pool, session_idle_timeout).await?;
            let n_changes = db::changes::delete_expired(&pool, record_ttl).await?;
            Ok::<_, ApiError>(n_keys + n_sessions + n_changes)
        };
        let pause = match deletion.await {
            Ok(n_deleted) if n_deleted > 0 => BACKLOG_DELETION_INTERVAL,
            Ok(_) => DELETION_INTERVAL,
            Err(error) => {
                tracing::warn!(
                    error.message = %error,
                    "deleting expired rows failed, trying later"
                );
                DELETION_INTERVAL
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopping.cancelled() => return Ok(()),
        }
    }
}
