//! Connections to Postgres, with a limit on every wait, on both sides: an empty pool, a
//! silent server, a client that stands still inside a transaction or is gone is an error
//! after seconds, and never something that others wait for.
//!
//! All limits are set here: those of the server as parameters of each session, so that
//! they hold when the client can do nothing any more.

use std::{str::FromStr, time::Duration};

pub use deadpool_postgres::{GenericClient, Object, Pool, PoolError, Transaction};
use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod, Runtime, Timeouts};
use platform::settings::SettingError;
use tokio_postgres::{
    Config, NoTls,
    config::{ChannelBinding, SslMode, SslNegotiation},
};

/// The settings of connections, the same for every service with a database.
#[derive(Debug, Clone, clap::Args)]
pub struct PoolSettings {
    /// postgres://user:password@host:port/database. Several hosts as in
    /// postgres://user:password@host:port,host:port/database?target_session_attrs=read-write
    /// are tried in turn until one takes writes; load_balance_hosts=random changes the
    /// order. TLS (sslmode=require) is not spoken.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = database_url)]
    pub database_url: Config,
    /// Connections kept to Postgres. Too low: requests wait and get 503 under
    /// load. Too high: Postgres runs out of connections for all.
    #[arg(long, env = "DATABASE_POOL_SIZE", default_value = "8",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub database_pool_size: u16,
    /// How long a statement may run, in milliseconds. Too low: a large batch is split
    /// and its events are parked. Too high: a stuck statement holds its connection.
    #[arg(long, env = "DATABASE_STATEMENT_TIMEOUT_MS", default_value = "30000",
          value_parser = clap::value_parser!(u32).range(100..))]
    pub database_statement_timeout_ms: u32,
    /// How long a statement may wait for a lock, in milliseconds. Too low: requests of
    /// a busy account get 503. Too high: they hold connections while they wait.
    #[arg(long, env = "DATABASE_LOCK_TIMEOUT_MS", default_value = "5000",
          value_parser = clap::value_parser!(u32).range(10..))]
    pub database_lock_timeout_ms: u32,
    /// How long a transaction may stand idle until Postgres ends its session, in
    /// milliseconds: an account waits so long for a process that froze or whose host
    /// vanished. Too low: a process that gets no processor time loses its transactions.
    #[arg(long, env = "DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS", default_value = "2000",
          value_parser = clap::value_parser!(u32).range(100..))]
    pub database_idle_in_transaction_timeout_ms: u32,
}

fn database_url(text: &str) -> Result<Config, SettingError> {
    let explained = |why: &str| Err(SettingError(why.to_owned()));
    if text.matches("://").count() > 1 {
        return explained("several hosts stand in one URL, with commas between them");
    }
    let Ok(config) = Config::from_str(text) else {
        return explained(
            "it is not postgres://user:password@host:port/database with options that are \
             known and spelled as libpq's",
        );
    };
    if config.get_hosts().is_empty() {
        return explained("it names no host");
    }
    if config.get_ssl_mode() == SslMode::Require
        || config.get_ssl_negotiation() == SslNegotiation::Direct
        || config.get_channel_binding() == ChannelBinding::Require
    {
        return explained(
            "sslmode=require, sslnegotiation=direct and channel_binding=require need TLS, \
             which is not spoken",
        );
    }
    Ok(config)
}

/// Waiting for a free connection: longer than any healthy request needs, and
/// shorter than a client waits.
const WAIT_TIMEOUT: Duration = Duration::from_secs(3);
/// Opening a connection, all in all.
const CREATE_TIMEOUT: Duration = Duration::from_secs(5);
/// Data that the peer does not acknowledge for this long ends the connection, on
/// whichever side it is noticed: it is what makes the fast recycling check safe.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection may be silent until either side asks whether the other is
/// there, the time between two such questions, and how many may stay unanswered.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_PROBES: u32 = 3;
/// How often a running statement looks whether its client is still connected.
const CLIENT_CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// How much longer than the server's limit on a statement a client waits for it: then
/// the server is silent, since it would have ended the statement itself.
const ANSWER_MARGIN: Duration = Duration::from_secs(5);

/// Why there is no pool.
#[derive(Debug, thiserror::Error)]
#[error("the connection pool cannot be built")]
pub struct BuildPoolError(#[from] deadpool_postgres::BuildError);

impl PoolSettings {
    /// How long a client waits for the answer to a transaction that has begun: until
    /// then a server that works has answered, or ended its statement.
    pub fn answer_limit(&self) -> Duration {
        self.statement_timeout() + ANSWER_MARGIN
    }

    /// How long a transaction may stand idle.
    pub fn idle_in_transaction_timeout(&self) -> Duration {
        Duration::from_millis(self.database_idle_in_transaction_timeout_ms.into())
    }

    pub fn statement_timeout(&self) -> Duration {
        Duration::from_millis(self.database_statement_timeout_ms.into())
    }

    /// The same settings with pools of another size.
    pub fn with_size(&self, connections: u16) -> Self {
        Self {
            database_pool_size: connections,
            ..self.clone()
        }
    }

    /// The parameters of a session, as options of its start.
    fn session_options(&self) -> String {
        let parameters = [
            (
                "statement_timeout",
                self.database_statement_timeout_ms.into(),
            ),
            ("lock_timeout", self.database_lock_timeout_ms.into()),
            (
                "idle_in_transaction_session_timeout",
                self.database_idle_in_transaction_timeout_ms.into(),
            ),
            ("tcp_keepalives_idle", KEEPALIVE_IDLE.as_secs()),
            ("tcp_keepalives_interval", KEEPALIVE_INTERVAL.as_secs()),
            ("tcp_keepalives_count", KEEPALIVE_PROBES.into()),
            ("tcp_user_timeout", TCP_USER_TIMEOUT.as_secs() * 1000),
            (
                "client_connection_check_interval",
                CLIENT_CHECK_INTERVAL.as_secs() * 1000,
            ),
        ];
        let options = parameters.map(|(name, value)| format!("-c {name}={value}"));
        options.join(" ")
    }
}

/// A pool, which connects when a connection is asked for. `application` is its name in
/// `pg_stat_activity`.
pub fn build(settings: &PoolSettings, application: &str) -> Result<Pool, BuildPoolError> {
    build_with_parameters(settings, application, "")
}

/// A pool whose sessions have further parameters, as in `-c jit=off`.
pub fn build_with_parameters(
    settings: &PoolSettings,
    application: &str,
    parameters: &str,
) -> Result<Pool, BuildPoolError> {
    let mut config = settings.database_url.clone();
    let given = config.get_options().unwrap_or_default();
    let limits = settings.session_options();
    config
        .options(format!("{given} {limits} {parameters}"))
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

/// Closes a connection instead of returning it to its pool: the server has not answered
/// on it in time.
pub fn close(connection: Object) {
    drop(Object::take(connection));
}

/// How long a look at the server may take.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Why Postgres does not answer.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    #[error(transparent)]
    NotConnected(#[from] PoolError),
    #[error(transparent)]
    Failed(#[from] tokio_postgres::Error),
    #[error("Postgres does not answer within {} s", PING_TIMEOUT.as_secs())]
    TimedOut,
}

/// Whether Postgres answers.
pub async fn ping(pool: Pool) -> Result<(), PingError> {
    let client = pool.get().await?;
    match tokio::time::timeout(PING_TIMEOUT, client.simple_query("SELECT 1")).await {
        Ok(answer) => {
            answer?;
            Ok(())
        }
        Err(_) => {
            close(client);
            Err(PingError::TimedOut)
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::TargetSessionAttrs;

    use super::*;

    #[test]
    fn several_hosts_are_taken_with_what_is_asked_of_them() {
        let url = "postgres://u:p@a:1,b,[::1]:3/d?target_session_attrs=read-write";
        let config = database_url(url).unwrap();
        assert_eq!(config.get_hosts().len(), 3);
        assert_eq!(config.get_ports(), [1, 5432, 3]);
        let attributes = config.get_target_session_attrs();
        assert_eq!(attributes, TargetSessionAttrs::ReadWrite);
    }

    #[test]
    fn a_url_that_cannot_be_kept_is_refused() {
        let table = [
            ("", "no host"),
            ("mysql://u:secret@h/d", "postgres://"),
            ("postgres:///d", "no host"),
            ("postgres://u:secret@h/d?sslmode=require", "TLS"),
            ("postgres://u:secret@h/d?sslmode=verify-full", "known"),
            ("postgres://u:secret@h/d?channel_binding=require", "TLS"),
            (
                "postgres://u:secret@h/d?sslmode=require&sslnegotiation=direct",
                "TLS",
            ),
            ("postgres://u:secret@h/d?sslrootcert=/x", "known"),
            ("postgres://u:secret@h/d?secret=1", "known"),
            ("postgres://a:1,postgres://b:1/d", "in one URL"),
        ];
        for (text, expected) in table {
            let refused = database_url(text).expect_err(text).to_string();
            assert!(refused.contains(expected), "{text}: {refused}");
            assert!(!refused.contains("secret"), "{text}: {refused}");
        }
        for good in ["postgres://h/d?sslmode=disable", "host=h user=u dbname=d"] {
            assert!(database_url(good).is_ok(), "{good}");
        }
    }
}
