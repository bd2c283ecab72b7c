#![doc = include_str!("../README.md")]

mod click;
mod click_lookups;
mod concurrency_limit;
mod confirmation_token;
mod connection;
mod conversion;
mod enumeration_guard;
mod first_conversions;
mod geo;
mod metrics;
mod network;
mod pages;
mod postback_log;
mod publisher;
mod request;
mod resolve;
mod response;
mod router;
mod serve;
mod settings;
mod state;
mod token_buckets;
mod visitor;

// Public for `benches/spool.rs`. Nothing else uses this crate as a library.
pub mod spool;

use std::process::ExitCode;

use settings::{BUILD, Settings};

/// Runs the service until a signal ends it.
pub fn main() -> ExitCode {
    let settings = platform::settings::parse::<Settings>(BUILD);
    let telemetry = settings.telemetry.clone();
    platform::service::main("edge-redirector", &telemetry, |shutdown| {
        serve::run(settings, shutdown)
    })
}
