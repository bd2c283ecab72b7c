//! The schema. Migrations are small, only go forward, and are safe while the
//! version before still runs.

use std::ops::DerefMut as _;

use tokio_postgres::Client;

use crate::pool::{GenericClient, Object, PoolError};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Why the schema is not what this program needs.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error("no connection to Postgres")]
    NoConnection(#[from] PoolError),
    #[error("a migration failed")]
    Failed(#[from] refinery::Error),
    #[error("the schema's version cannot be read")]
    Unreadable(#[from] tokio_postgres::Error),
    #[error(
        "the schema is at version {found} and this program needs {needed}: run `links-api migrate`"
    )]
    TooOld { found: i32, needed: i32 },
}

/// Any number, the same in every program: one migrates, the others wait.
const LOCK: i64 = 0x7761_7970_6f73_7401;

/// Brings the schema up to date; returns the names of what was applied.
pub async fn run(client: &mut Object) -> Result<Vec<String>, SchemaError> {
    let client: &mut Client = client.deref_mut().deref_mut();
    client
        .execute("SELECT pg_advisory_lock($1)", &[&LOCK])
        .await?;
    let report = embedded::migrations::runner().run_async(client).await;
    client
        .execute("SELECT pg_advisory_unlock($1)", &[&LOCK])
        .await?;
    let applied = report?;
    Ok(applied
        .applied_migrations()
        .iter()
        .map(ToString::to_string)
        .collect())
}

/// Fails unless the schema is at least as new as this program. A newer one is
/// fine: migrations are safe while the version before still runs.
pub async fn check(client: &impl GenericClient) -> Result<(), SchemaError> {
    let needed = embedded::migrations::runner()
        .get_migrations()
        .iter()
        .map(|migration| migration.version())
        .max()
        .unwrap_or(0);
    let exists = client
        .query_one(
            "SELECT to_regclass('refinery_schema_history') IS NOT NULL AS found",
            &[],
        )
        .await?
        .get("found");
    let found = if exists {
        client
            .query_one(
                "SELECT coalesce(max(version), 0)::int AS version FROM refinery_schema_history",
                &[],
            )
            .await?
            .get("version")
    } else {
        0
    };
    if found < needed {
        return Err(SchemaError::TooOld { found, needed });
    }
    Ok(())
}
