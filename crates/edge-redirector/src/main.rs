#![doc = include_str!("../README.md")]

mod click;
mod connection;
mod conversion;
mod geo;
mod guard;
mod load;
mod metrics;
mod pages;
mod publisher;
mod resolve;
mod serve;
mod settings;
mod spool;

use std::process::ExitCode;

use settings::Settings;

/// Every click makes some short-lived strings: glibc's malloc and free were 4%
/// of one in a profile.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let settings = platform::settings::parse::<Settings>();
    let telemetry = settings.telemetry.clone();
    platform::service::main("edge-redirector", &telemetry, |shutdown| {
        serve::run(settings, shutdown)
    })
}
