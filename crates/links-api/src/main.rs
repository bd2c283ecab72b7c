#![doc = include_str!("../README.md")]

mod accounts;
mod admin;
mod affiliate_links;
mod api;
mod auth;
mod body;
mod campaigns;
mod clicks;
mod contacts;
mod conversions;
mod creatives;
mod csv;
mod domains;
mod error;
mod interstitial;
mod links;
mod lists;
mod macros_preview;
mod observe;
mod offers;
mod phone;
mod postbacks;
mod records;
mod reference;
mod reports;
mod serve;
mod settings;

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
        Command::Openapi => admin::print(Ok(api::document(&serve::operations()))),
    }
}
