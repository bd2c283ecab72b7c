//! The schema. Migrations are small and only go forward. They do not hold up those who
//! use the database: what needs a strong lock waits for it for a tenth of a second at a
//! time, and indexes on large tables are created afterwards, without one (`indexes`).

use std::{ops::DerefMut as _, time::Duration};

use tokio_postgres::{Client, error::SqlState};

use crate::{
    advisory_lock::AdvisoryLock,
    indexes,
    pool::{self, Object, PoolError, PoolSettings},
};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Why the schema is not what this program needs.
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

/// What a migration has done.
#[derive(Debug)]
pub struct MigrationReport {
    /// The names of migrations and indexes.
    pub applied: Vec<String>,
    /// The version that the schema has now.
    pub version: i32,
    /// The version that this program brings: an older program leaves a newer schema
    /// as it is.
    pub known_version: i32,
}

/// How long to wait between two attempts, and how often to say that it still waits.
const RETRY_PAUSE: Duration = Duration::from_millis(400);
const ATTEMPTS_PER_NOTICE: u32 = 25;

/// Brings the schema up to date. Waits up to `connect_limit` for the database to be
/// there, and as long as it takes for those who use what is to be changed; `notify`
/// is told of waiting.
pub async fn run(
    settings: &PoolSettings,
    connect_limit: Duration,
    notify: impl Fn(&str),
) -> Result<MigrationReport, SchemaError> {
    let pool = pool::build(&settings.with_size(1), "links-api migrate")?;
    let mut connection = connect(&pool, connect_limit, &notify).await?;
    let client: &mut Client = connection.deref_mut().deref_mut();
    // However long an index takes, it is not this session that holds others up.
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
            Err(error) if is_about_locks(&error) => {
                // Those before it have been applied, and are found so by the next run.
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
    Ok(MigrationReport {
        applied,
        version: known_version,
        known_version,
    })
}

/// Whether a migration did not get a lock in time, or was chosen to end a deadlock.
fn is_about_locks(error: &refinery::Error) -> bool {
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

/// The last migration that was applied; 0 for an empty database.
async fn schema_version(client: &Client) -> Result<i32, tokio_postgres::Error> {
    let exists: bool = client
        .query_one(
            "SELECT to_regclass('refinery_schema_history') IS NOT NULL AS found",
            &[],
        )
        .await?
        .get("found");
    if !exists {
        return Ok(0);
    }
    let sql = "SELECT coalesce(max(version), 0)::int AS version FROM refinery_schema_history";
    Ok(client.query_one(sql, &[]).await?.get("version"))
}

/// Fails unless the schema is at least as new as this program, with all of its indexes.
/// A newer one is fine: the version before works on it, as far as the changelog says.
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
