#![doc = include_str!("../README.md")]

mod click;
mod concurrency_limit;
mod confirmation_token;
mod connection;
mod conversion;
mod enumeration_guard;
mod first_conversions;
mod geo;
mod metrics;
mod pages;
mod publisher;
mod request;
mod resolve;
mod response;
mod router;
mod serve;
mod settings;
mod spool;
mod state;
mod visitor;

use std::process::ExitCode;

use settings::{BUILD, Settings};

/// A click allocates some short-lived strings: glibc's malloc and free took 4 % of its time
/// in a profile.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let settings = platform::settings::parse::<Settings>(BUILD);
    let telemetry = settings.telemetry.clone();
    platform::service::main("edge-redirector", &telemetry, |shutdown| {
        serve::run(settings, shutdown)
    })
}
