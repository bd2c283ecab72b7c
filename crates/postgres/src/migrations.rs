//! Bringing the schema up to date, and checking at start that it is. Migrations are small
//! and only go forward. They do not block the services that use the database: a statement
//! that needs a strong lock waits for it for a tenth of a second at a time, and `indexes`
//! builds indexes on large tables afterwards, without such a lock.

use std::{ops::DerefMut as _, time::Duration};

use tokio_postgres::{Client, error::SqlState};

use crate::{
    advisory_lock::AdvisoryLock,
    backfills, indexes,
    pool::{self, Object, PoolError, PoolSettings},
};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Why the schema is not the one that this program needs.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error("no connection to Postgres")]
    NoConnection(#[from] PoolError),
    #[error(transparent)]
    BuildPoolError(#[from] pool::BuildPoolError),
    #[error("a migration failed")]
    Failed(#[from] refinery::Error),
    #[error("the schema cannot be read or changed")]
    Unreadable(#[from] tokio_postgres::Error),
    #[error(
        "the schema is at version {found} and this program needs {needed}: run `links-api migrate`"
    )]
    TooOld { found: i32, needed: i32 },
    #[error("the schema has no index {0}: run `links-api migrate`")]
    IndexMissing(&'static str),
}

/// What [`run`] has done.
#[derive(Debug)]
pub struct MigrationReport {
    /// The names of the migrations that were applied, the indexes that were built and the
    /// backfills that were run.
    pub applied: Vec<String>,
    /// The version that the schema has now.
    pub version: i32,
    /// The newest version that this program contains. It leaves a newer schema as it is.
    pub known_version: i32,
}

/// How long to wait between two attempts, and after how many of them to notify again.
const RETRY_PAUSE: Duration = Duration::from_millis(400);
const ATTEMPTS_PER_NOTICE: u32 = 25;

/// Brings the schema up to date. Waits up to `connect_limit` for the database to accept
/// connections, and without limit for transactions that use the tables to be changed.
/// Calls `notify` with a sentence now and then while it waits.
pub async fn run(
    settings: &PoolSettings,
    connect_limit: Duration,
    notify: impl Fn(&str),
) -> Result<MigrationReport, SchemaError> {
    let pool = pool::build(&settings.with_size(1), "links-api migrate")?;
    let mut connection = connect(&pool, connect_limit, &notify).await?;
    let client: &mut Client = connection.deref_mut().deref_mut();
    // Building an index may take long, and blocks nobody.
    let no_limits = "SET statement_timeout = 0; SET lock_timeout = 0;
                     SET idle_in_transaction_session_timeout = 0";
    client.batch_execute(no_limits).await?;
    AdvisoryLock::Migration.acquire_for_session(client).await?;
    migrate(client, &notify).await
}

async fn connect(
    pool: &pool::Pool,
    limit: Duration,
    notify: &impl Fn(&str),
) -> Result<Object, PoolError> {
    let start = std::time::Instant::now();
    let mut attempts = 0_u32;
    loop {
        match pool.get().await {
            Err(error) if start.elapsed() < limit => {
                if attempts.is_multiple_of(ATTEMPTS_PER_NOTICE) {
                    notify(&format!("waiting for Postgres: {error}"));
                }
                attempts += 1;
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            result => return result,
        }
    }
}

async fn migrate(
    client: &mut Client,
    notify: &impl Fn(&str),
) -> Result<MigrationReport, SchemaError> {
    let known_version = known_version();
    let version = schema_version(client).await?;
    if version > known_version {
        return Ok(MigrationReport {
            applied: Vec::new(),
            version,
            known_version,
        });
    }
    let mut applied = Vec::new();
    let mut attempts = 0_u32;
    loop {
        client.batch_execute("SET lock_timeout = 100").await?;
        let report = embedded::migrations::runner().run_async(client).await;
        client.batch_execute("SET lock_timeout = 0").await?;
        match report {
            Ok(report) => {
                applied.extend(report.applied_migrations().iter().map(ToString::to_string));
                break;
            }
            Err(error) if is_lock_conflict(&error) => {
                // The migrations before it are committed; the next run starts after them.
                let report = error.report().map(refinery::Report::applied_migrations);
                applied.extend(report.into_iter().flatten().map(ToString::to_string));
                if attempts.is_multiple_of(ATTEMPTS_PER_NOTICE) {
                    notify("waiting for transactions that use the tables to be changed");
                }
                attempts += 1;
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    applied.extend(indexes::create_missing(client).await?);
    applied.extend(backfills::run_unfinished(client).await?);
    Ok(MigrationReport {
        applied,
        version: known_version,
        known_version,
    })
}

/// Whether a migration did not get a lock in time, or was aborted to resolve a deadlock.
fn is_lock_conflict(error: &refinery::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        let postgres = error.downcast_ref::<tokio_postgres::Error>();
        if let Some(code) = postgres.and_then(tokio_postgres::Error::code) {
            return [
                SqlState::LOCK_NOT_AVAILABLE,
                SqlState::T_R_DEADLOCK_DETECTED,
            ]
            .contains(code);
        }
        cause = error.source();
    }
    false
}

fn known_version() -> i32 {
    embedded::migrations::runner()
        .get_migrations()
        .iter()
        .map(|migration| migration.version())
        .max()
        .unwrap_or(0)
}

/// The version of the last migration that was applied; 0 for an empty database.
async fn schema_version(client: &Client) -> Result<i32, tokio_postgres::Error> {
    let exists: bool = client
        .query_one(
            "SELECT to_regclass('refinery_schema_history') IS NOT NULL AS exists",
            &[],
        )
        .await?
        .get("exists");
    if !exists {
        return Ok(0);
    }
    let sql = "SELECT coalesce(max(version), 0)::int AS version FROM refinery_schema_history";
    Ok(client.query_one(sql, &[]).await?.get("version"))
}

/// Fails unless the schema is at least as new as this program and has all indexes. A newer
/// schema is fine: the previous version works with it, as far as the changelog says.
pub async fn check(client: &Client) -> Result<(), SchemaError> {
    let needed = known_version();
    let found = schema_version(client).await?;
    if found < needed {
        return Err(SchemaError::TooOld { found, needed });
    }
    if found == needed
        && let Some(index) = indexes::find_missing(client).await?
    {
        return Err(SchemaError::IndexMissing(index));
    }
    Ok(())
}
