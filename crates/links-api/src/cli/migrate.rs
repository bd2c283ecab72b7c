//! `links-api migrate`.

use std::time::Duration;

use clap::Args;
use postgres::{migrations, pool::PoolSettings};
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub struct MigrateSettings {
    /// Seconds to wait for the database to accept connections.
    #[arg(long, env = "MIGRATE_WAIT_S", default_value = "60")]
    migrate_wait_s: u64,
    #[command(flatten)]
    pool: PoolSettings,
}

/// A schema that is newer than this program is a success too: a deployment that is rolled
/// back starts with this command.
#[expect(
    clippy::print_stderr,
    reason = "the user sees what the command waits for"
)]
pub async fn run(settings: MigrateSettings) -> anyhow::Result<Value> {
    let wait = Duration::from_secs(settings.migrate_wait_s);
    let print_notice = |notice: &str| eprintln!("links-api: {notice}");
    let migrated = migrations::run(&settings.pool, wait, print_notice).await?;
    let mut output = json!({ "applied": migrated.applied, "version": migrated.version });
    if migrated.version > migrated.known_version {
        let known_version = migrated.known_version;
        output["note"] = format!(
            "the schema is newer than this program, which knows version {known_version}: \
             nothing was done"
        )
        .into();
    }
    Ok(output)
}
