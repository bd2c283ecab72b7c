//! Faults of PostgreSQL.

use std::time::Duration;

use tokio_postgres::{Client, NoTls};

use super::{ExpectedEffects, Testbed};

/// Other clients take every free connection. The connections of the services are ended, and
/// taken as well.
pub async fn out_of_connections(testbed: &mut Testbed) -> ExpectedEffects {
    let url = &testbed.servers.postgres.url.clone();
    let first = connect(url).await.expect("PostgreSQL");
    let mut connections = Vec::new();
    let end = tokio::time::Instant::now() + testbed.profile.fault;
    let mut n_ended = 0;
    while tokio::time::Instant::now() < end {
        while let Some(connection) = connect(url).await {
            connections.push(connection);
        }
        let sql =
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1";
        let ended = first.query_one(sql, &[&testbed.test_env.name]).await;
        n_ended += ended.expect("PostgreSQL").get::<_, i64>(0);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut expected = ExpectedEffects::default();
    if n_ended == 0 {
        expected
            .violations
            .push("no service lost a connection".to_owned());
    }
    expected
}

/// A connection; `None` if all are taken.
async fn connect(url: &str) -> Option<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.ok()?;
    tokio::spawn(connection);
    Some(client)
}
