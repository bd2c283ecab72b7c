#![doc = include_str!("../README.md")]
#![expect(
    dead_code,
    unused_imports,
    reason = "operations move to typed handlers one by one"
)]

mod admin;
mod affiliate_links;
mod auth;
mod clicks;
mod contacts;
mod conversions;
mod creatives;
mod csv;
mod db;
mod domains;
mod edge_cache;
mod edge_records;
mod enumeration;
mod error;
mod fields;
mod http;
mod links;
mod metrics;
mod objects;
mod outbox;
mod postbacks;
mod rate_limit;
mod reports;
mod resources;
mod routes;
mod serve;
mod settings;
mod span;
mod state;

use std::process::ExitCode;

use settings::{Cli, Command};

fn main() -> ExitCode {
    match platform::settings::parse::<Cli>().command {
        Command::Serve(settings) => {
            let telemetry = settings.telemetry.clone();
            platform::service::main("links-api", &telemetry, |shutdown| {
                serve::run(*settings, shutdown)
            })
        }
        Command::Migrate(settings) => admin::main(|| admin::migrate(settings)),
        Command::Admin(settings) => admin::main(|| admin::run(settings)),
        Command::Openapi => {
            admin::print(Ok(http::document(&routes::API_INFO, &routes::operations())))
        }
    }
}
