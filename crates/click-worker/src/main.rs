#![doc = include_str!("../README.md")]

mod dead_letter;
mod decode;
mod metrics;
mod part;
mod serve;
mod session;
mod settings;
mod store;

use std::process::ExitCode;

use settings::Settings;

fn main() -> ExitCode {
    let settings = platform::settings::parse::<Settings>();
    let telemetry = settings.telemetry.clone();
    platform::service::main("click-worker", &telemetry, |shutdown| {
        serve::run(settings, shutdown)
    })
}
