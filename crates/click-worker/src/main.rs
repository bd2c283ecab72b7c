#![doc = include_str!("../README.md")]

mod command;
mod consumer;
mod event;
mod ingest;
mod leases;
mod maintenance;
mod metrics;
mod parked;
mod progress;
mod recount;
mod serve;
mod settings;

use std::process::ExitCode;

use settings::{BUILD, Cli, Command};

fn main() -> ExitCode {
    match platform::settings::parse::<Cli>(BUILD).command {
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
