//! The reference of `mint` and `render`: the links that they made, loaded by COPY into a table
//! with the same indexes.

use anyhow::Result;

use crate::{psql, system::System};

/// Empties tables and Redis, so that every round begins like every other, and writes the
/// checkpoint that is due.
pub async fn empty(system: &System) -> Result<()> {
    let db = &system.test_env.db;
    db.batch_execute(include_str!("empty_link_tables.sql"))
        .await?;
    db.batch_execute("CHECKPOINT").await?;
    let mut redis = system.test_env.redis().await;
    Ok(redis::cmd("FLUSHALL").query_async(&mut redis).await?)
}

/// Rows per second of a COPY of all links.
pub async fn copy_rate(system: &System) -> Result<f64> {
    let file = system.test_env.folder.path().join("links.copy");
    let n_links = system.test_env.count("SELECT count(*) FROM links").await;
    psql::copy_to_file(system.database_url(), "links", &file)?;
    system.test_env.db.batch_execute("CHECKPOINT").await?;
    let time = psql::copy_from_file(system.database_url(), "copied_links", &file)?;
    Ok(n_links as f64 / time.as_secs_f64())
}
