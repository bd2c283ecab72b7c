//! The pool, with a limit on every wait: an empty pool or a silent server is
//! an error after seconds, never a request that hangs.

use std::{str::FromStr, time::Duration};

pub use deadpool_postgres::{GenericClient, Object, Pool, PoolError, Transaction};
use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::{Config, NoTls};

/// The settings of the pool, the same for every service with a database.
#[derive(Debug, Clone, clap::Args)]
pub struct PoolSettings {
    /// postgres://user:password@host:port/database
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = database_url)]
    pub database_url: Config,
    /// Connections kept to Postgres. Too low: requests wait and get 503 under
    /// load. Too high: Postgres runs out of connections for all.
    #[arg(long, env = "DATABASE_POOL_SIZE", default_value = "8",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub database_pool_size: u16,
    /// How long a statement may run, in milliseconds. Too low: a large batch
    /// fails for ever. Too high: a stuck statement holds its connection.
    #[arg(long, env = "DATABASE_STATEMENT_TIMEOUT_MS", default_value = "30000",
          value_parser = clap::value_parser!(u32).range(100..))]
    pub database_statement_timeout_ms: u32,
}

fn database_url(text: &str) -> Result<Config, String> {
    let config = Config::from_str(text).map_err(|error| error.to_string())?;
    if config.get_hosts().is_empty() {
        return Err("it names no host".to_owned());
    }
    Ok(config)
}

/// Waiting for a free connection: longer than any healthy request needs, and
/// shorter than a client waits.
const WAIT_TIMEOUT: Duration = Duration::from_secs(3);
/// Opening a connection, all in all.
const CREATE_TIMEOUT: Duration = Duration::from_secs(5);
/// Data that the peer does not acknowledge for this long ends the connection:
/// it is what makes the fast recycling check safe.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);

/// Why there is no pool.
#[derive(Debug, thiserror::Error)]
#[error("the connection pool cannot be built")]
pub struct PoolNotBuilt(#[from] deadpool_postgres::BuildError);

/// The pool; it connects when a connection is asked for.
pub fn build(settings: &PoolSettings, application: &str) -> Result<Pool, PoolNotBuilt> {
    let mut config = settings.database_url.clone();
    let given = config.get_options().unwrap_or_default();
    let timeout_ms = settings.database_statement_timeout_ms;
    config
        .options(format!("{given} -c statement_timeout={timeout_ms}"))
        .application_name(application)
        .connect_timeout(CREATE_TIMEOUT)
        .tcp_user_timeout(TCP_USER_TIMEOUT)
        .keepalives_idle(TCP_USER_TIMEOUT);
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

/// Whether Postgres answers.
pub async fn ping(pool: Pool) -> Result<(), PoolError> {
    let client = pool.get().await?;
    client.simple_query("SELECT 1").await?;
    Ok(())
}
