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
mod domains;
mod enumeration;
mod error;
mod http;
mod interstitial;
mod links;
mod lists;
mod macros_preview;
mod observe;
mod offers;
mod outbox;
mod phone;
mod postbacks;
mod rate_limit;
mod records;
mod reports;
mod routes;
mod serve;
mod settings;
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
        Command::Openapi => admin::print(Ok(http::document(&routes::operations()))),
    }
}
