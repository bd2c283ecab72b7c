//! links-api: the HTTP API over Postgres, the origin for the redirector's
//! cache misses, and the command line for what has no endpoint.

mod admin;
mod auth;
mod body;
mod error;
mod links;
mod observe;
mod phone;
mod records;
mod serve;
mod settings;

use std::process::ExitCode;

use settings::{Cli, Command};

fn main() -> ExitCode {
    match platform::settings::parse::<Cli>().command {
        Command::Serve(settings) => {
            let telemetry = settings.telemetry.clone();
            platform::service::main("links-api", &telemetry, |shutdown| {
                serve::run(settings, shutdown)
            })
        }
        Command::Migrate(settings) => admin::main(|| admin::migrate(settings)),
        Command::Admin(settings) => admin::main(|| admin::run(settings)),
    }
}
