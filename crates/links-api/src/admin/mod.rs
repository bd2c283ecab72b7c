//! The command line for what has no endpoint: each command prints one line of
//! JSON, or one sentence on standard error and exits 1.

mod create;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use store::{
    migrations,
    pool::{self, Object, PoolSettings},
};

#[derive(Debug, Args)]
pub struct AdminSettings {
    #[command(subcommand)]
    command: AdminCommand,
    #[command(flatten)]
    pool: PoolSettings,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Create an account (tenant).
    #[command(name = "create-account")]
    Account(create::Account),
    /// Create an API key for an account. The key is shown this once.
    #[command(name = "create-key")]
    Key(create::Key),
    /// Register a host for short links or for the click tracker.
    #[command(name = "create-domain")]
    Domain(create::Domain),
    /// Create a sending list.
    #[command(name = "create-list")]
    List(create::List),
    /// Create a partnership offer.
    #[command(name = "create-offer")]
    Offer(create::Offer),
}

/// Runs a command to its end, outside of a service's life.
pub fn main<F>(command: impl FnOnce() -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<Value>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(command()),
        Err(error) => Err(error.into()),
    };
    print(result)
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]
fn print(result: anyhow::Result<Value>) -> ExitCode {
    match result {
        Ok(created) => {
            println!("{created}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("links-api: {error:#}");
            ExitCode::FAILURE
        }
    }
}

pub async fn migrate(settings: PoolSettings) -> anyhow::Result<Value> {
    let mut client = connect(&settings).await?;
    let applied = migrations::run(&mut client).await?;
    Ok(json!({ "applied": applied }))
}

pub async fn run(settings: AdminSettings) -> anyhow::Result<Value> {
    let client = connect(&settings.pool).await?;
    migrations::check(&client).await?;
    match settings.command {
        AdminCommand::Account(account) => account.create(&client).await,
        AdminCommand::Key(key) => key.create(&client).await,
        AdminCommand::Domain(domain) => domain.create(&client).await,
        AdminCommand::List(list) => list.create(&client).await,
        AdminCommand::Offer(offer) => offer.create(&client).await,
    }
}

async fn connect(settings: &PoolSettings) -> anyhow::Result<Object> {
    let pool = pool::build(settings, "links-api admin")?;
    pool.get().await.context("Postgres cannot be reached")
}
