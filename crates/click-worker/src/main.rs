#![doc = include_str!("../README.md")]

mod chores;
mod command;
mod consumer;
mod dead_letter;
mod decode;
mod event;
mod leases;
mod metrics;
mod parked;
mod progress;
mod receipts;
mod recount;
mod serve;
mod session;
mod settings;
mod store;

use std::process::ExitCode;

use settings::{Cli, Command};

fn main() -> ExitCode {
    match platform::settings::parse::<Cli>().command {
        Command::Serve(settings) => {
            let telemetry = settings.telemetry.clone();
            platform::service::main("click-worker", &telemetry, |shutdown| {
                serve::run(*settings, shutdown)
            })
        }
        Command::Recount(settings) => recount::main(*settings),
        Command::Parked(settings) => parked::main(*settings),
    }
}
