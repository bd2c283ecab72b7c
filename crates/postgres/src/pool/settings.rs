//! The settings of a pool, and the limits that each of its sessions gets.

use std::{str::FromStr, time::Duration};

use platform::settings::SettingError;
use tokio_postgres::{
    Config,
    config::{ChannelBinding, SslMode, SslNegotiation},
};

/// The settings of the connections, the same for every service with a database.
#[derive(Debug, Clone, clap::Args)]
pub struct PoolSettings {
    /// postgres://user:password@host:port/database. Several hosts as in
    /// postgres://user:password@host:port,host:port/database?target_session_attrs=read-write
    /// are tried in turn until one accepts writes; load_balance_hosts=random changes the
    /// order. TLS (sslmode=require) is not supported.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = parse_database_url)]
    pub database_url: Config,
    /// How many connections to Postgres the service keeps. Too low: requests wait and get
    /// 503 under load. Too high: Postgres runs out of connections for every service.
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
    /// How long a transaction may be idle until Postgres ends its session, in
    /// milliseconds. The events of an account wait this long for a process that froze or
    /// whose host vanished. Too low: a process that gets no processor time loses its
    /// transactions.
    #[arg(long, env = "DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS", default_value = "2000",
          value_parser = clap::value_parser!(u32).range(100..))]
    pub database_idle_in_transaction_timeout_ms: u32,
}

fn parse_database_url(text: &str) -> Result<Config, SettingError> {
    let invalid = |why: &str| Err(SettingError(why.to_owned()));
    if text.matches("://").count() > 1 {
        return invalid("several hosts are written in one URL, separated by commas");
    }
    let Ok(config) = Config::from_str(text) else {
        return invalid(
            "it is not postgres://user:password@host:port/database with options that are \
             known and spelled as libpq's",
        );
    };
    if config.get_hosts().is_empty() {
        return invalid("it names no host");
    }
    if config.get_ssl_mode() == SslMode::Require
        || config.get_ssl_negotiation() == SslNegotiation::Direct
        || config.get_channel_binding() == ChannelBinding::Require
    {
        return invalid(
            "sslmode=require, sslnegotiation=direct and channel_binding=require need TLS, \
             which is not supported",
        );
    }
    Ok(config)
}

/// Data that the other side does not acknowledge for this long ends the connection, on
/// whichever side notices it first. This makes it safe that the pool does not check a
/// connection before it hands it out (`RecyclingMethod::Fast`).
pub(super) const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection may be silent until either side sends a keepalive probe, the time
/// between two probes, and how many may stay unanswered.
pub(super) const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
pub(super) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
pub(super) const KEEPALIVE_PROBES: u32 = 3;
/// How often Postgres checks during a statement that its client is still connected.
const CLIENT_CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// How much longer than the statement timeout a client waits for an answer. After that
/// the server must be unreachable, since it would have ended the statement itself.
const ANSWER_MARGIN: Duration = Duration::from_secs(5);

impl PoolSettings {
    /// How long a client waits for the answer to a statement of a transaction. Within that
    /// time a working server has answered or ended the statement.
    pub fn answer_limit(&self) -> Duration {
        self.statement_timeout() + ANSWER_MARGIN
    }

    /// How long a transaction may be idle before Postgres ends its session.
    pub fn idle_in_transaction_timeout(&self) -> Duration {
        Duration::from_millis(self.database_idle_in_transaction_timeout_ms.into())
    }

    pub fn statement_timeout(&self) -> Duration {
        Duration::from_millis(self.database_statement_timeout_ms.into())
    }

    /// The same settings with another size of the pool.
    pub fn with_size(&self, n_connections: u16) -> Self {
        Self {
            database_pool_size: n_connections,
            ..self.clone()
        }
    }

    /// The limits as the options with which a session starts.
    pub(super) fn session_options(&self) -> String {
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

#[cfg(test)]
mod tests {
    use tokio_postgres::config::TargetSessionAttrs;

    use super::*;

    #[test]
    fn several_hosts_and_their_required_role_are_accepted() {
        let url = "postgres://u:p@a:1,b,[::1]:3/d?target_session_attrs=read-write";
        let config = parse_database_url(url).unwrap();
        assert_eq!(config.get_hosts().len(), 3);
        assert_eq!(config.get_ports(), [1, 5432, 3]);
        let attributes = config.get_target_session_attrs();
        assert_eq!(attributes, TargetSessionAttrs::ReadWrite);
    }

    #[test]
    fn an_unusable_url_is_refused_without_its_password() {
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
            let error = parse_database_url(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("secret"), "{text}: {error}");
        }
        for good in ["postgres://h/d?sslmode=disable", "host=h user=u dbname=d"] {
            assert!(parse_database_url(good).is_ok(), "{good}");
        }
    }
}
