#![doc = include_str!("../README.md")]
#![expect(
    dead_code,
    unused_imports,
    reason = "operations move to typed handlers one by one"
)]

mod auth;
mod cli;
mod csv;
mod db;
mod domain_ownership;
mod edge_cache;
mod edge_records;
mod enumeration;
mod error;
mod fields;
mod http;
mod metrics;
mod minting;
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

fn main() -> ExitCode {
    cli::run(platform::settings::parse(settings::BUILD))
}
