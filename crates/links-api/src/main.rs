#![doc = include_str!("../README.md")]

mod accounts;
mod admin;
mod affiliate_links;
mod auth;
mod body;
mod campaigns;
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
mod http;
mod interstitial;
mod links;
mod lists;
mod macros_preview;
mod metrics;
mod offers;
mod outbox;
mod phone;
mod postbacks;
mod rate_limit;
mod reports;
mod routes;
mod serve;
mod settings;
mod span;
mod state;

use std::process::ExitCode;

use settings::{BUILD, Cli, Command};

fn main() -> ExitCode {
    match platform::settings::parse::<Cli>(BUILD).command {
        Command::Serve(settings) => {
            let telemetry = settings.telemetry.clone();
            platform::service::main("links-api", &telemetry, |shutdown| {
                serve::run(*settings, shutdown)
            })
        }
        Command::Migrate(settings) => admin::main(|| admin::migrate(settings)),
        Command::Admin(settings) => admin::main(|| admin::run(settings)),
        Command::Openapi => admin::print(Ok(http::document(&routes::operations()))),
    }
}
