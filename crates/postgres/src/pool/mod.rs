//! Pools of connections to Postgres, in which every wait has a limit on both sides. An empty
//! pool, a silent server, a client that hangs in a transaction, or a client that
//! has vanished causes an error after seconds, and no other client waits longer.
//!
//! All limits are set here and in [`PoolSettings`]. Those of the server are parameters of
//! each session, so they hold even when the client can do nothing any more.

mod settings;

use std::time::Duration;

pub use deadpool_postgres::{GenericClient, Object, Pool, PoolError, Transaction};
use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::NoTls;

pub use settings::PoolSettings;
use settings::{KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES, TCP_USER_TIMEOUT};

/// How long a caller waits for a free connection: longer than any healthy request takes,
/// and shorter than a client waits for its answer.
const WAIT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long it may take to open a connection.
const CREATE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the server may take to answer [`ping`].
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a pool could not be built.
#[derive(Debug, thiserror::Error)]
#[error("the connection pool cannot be built")]
pub struct BuildPoolError(#[from] deadpool_postgres::BuildError);

/// Builds a pool. It opens a connection when a caller asks for one and none is free.
/// `application` is the name of its sessions in `pg_stat_activity`.
pub fn build(settings: &PoolSettings, application: &str) -> Result<Pool, BuildPoolError> {
    build_with_parameters(settings, application, "")
}

/// Builds a pool whose sessions have further parameters, for example `-c jit=off`.
pub fn build_with_parameters(
    settings: &PoolSettings,
    application: &str,
    parameters: &str,
) -> Result<Pool, BuildPoolError> {
    let mut config = settings.database_url.clone();
    let url_options = config.get_options().unwrap_or_default();
    let limits = settings.session_options();
    config
        .options(format!("{url_options} {limits} {parameters}"))
        .application_name(application)
        .connect_timeout(CREATE_TIMEOUT)
        .tcp_user_timeout(TCP_USER_TIMEOUT)
        .keepalives_idle(KEEPALIVE_IDLE)
        .keepalives_interval(KEEPALIVE_INTERVAL)
        .keepalives_retries(KEEPALIVE_PROBES);
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    Ok(
        Pool::builder(Manager::from_config(config, NoTls, recycling))
            .max_size(usize::from(settings.database_pool_size))
            .timeouts(Timeouts {
                wait: Some(WAIT_TIMEOUT),
                create: Some(CREATE_TIMEOUT),
                recycle: Some(CREATE_TIMEOUT),
            })
            .runtime(Runtime::Tokio1)
            .build()?,
    )
}

/// Closes a connection instead of returning it to its pool, because the server did not
/// answer on it in time.
pub fn discard(connection: Object) {
    drop(Object::take(connection));
}

/// Why Postgres does not answer.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    #[error(transparent)]
    NotConnected(#[from] PoolError),
    #[error(transparent)]
    Failed(#[from] tokio_postgres::Error),
    #[error("Postgres did not answer within {} s", PING_TIMEOUT.as_secs())]
    TimedOut,
}

/// Succeeds if Postgres answers.
pub async fn ping(pool: Pool) -> Result<(), PingError> {
    let client = pool.get().await?;
    match tokio::time::timeout(PING_TIMEOUT, client.simple_query("SELECT 1")).await {
        Ok(result) => {
            result?;
            Ok(())
        }
        Err(_) => {
            discard(client);
            Err(PingError::TimedOut)
        }
    }
}
