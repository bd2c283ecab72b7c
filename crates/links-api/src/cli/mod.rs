//! The command line. `serve` runs the service; the other commands print JSON, or one sentence
//! on standard error and exit with 1.

mod admin;
mod migrate;
mod users;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::Value;

use crate::{routes, serve, settings::ServeSettings};
use admin::AdminSettings;
use migrate::MigrateSettings;
use users::UsersSettings;

/// Waypost's HTTP API over Postgres.
#[derive(Debug, Parser)]
#[command(name = "links-api")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API, the internal origin and the admin port.
    Serve(Box<ServeSettings>),
    /// Bring the schema of the database up to date while services use it, and print which
    /// migrations were applied. A schema that is newer than this program stays as it is.
    Migrate(MigrateSettings),
    /// Create the first accounts and keys, and print them as JSON. HTTP does this too, and
    /// everything else.
    Admin(AdminSettings),
    /// Create the first users, list all, and help those who cannot sign in.
    Users(UsersSettings),
    /// Print the OpenAPI document.
    Openapi,
}

pub fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Serve(settings) => {
            let telemetry = settings.telemetry.clone();
            platform::service::main("links-api", &telemetry, |shutdown| {
                serve::run(*settings, shutdown)
            })
        }
        Command::Migrate(settings) => print_json(block_on(migrate::run(settings))),
        Command::Admin(settings) => print_json(block_on(admin::run(settings))),
        Command::Users(settings) => print_json(block_on(users::run(settings))),
        Command::Openapi => print_json(Ok(routes::document())),
    }
}

/// Runs a command to its end. Commands have no telemetry and no signals to handle, unlike
/// the service.
fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(command)
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the output of a command is for its user"
)]
fn print_json(result: anyhow::Result<Value>) -> ExitCode {
    match result {
        Ok(json) => {
            println!("{json:#}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("links-api: {error:#}");
            ExitCode::FAILURE
        }
    }
}
