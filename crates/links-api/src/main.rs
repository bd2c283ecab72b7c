#![doc = include_str!("../README.md")]

mod audit;
mod auth;
mod cli;
mod db;
mod docs;
mod domain_ownership;
mod edge_cache;
mod edge_records;
mod enumeration;
mod error;
mod fields;
mod http;
mod mail;
mod metrics;
mod minting;
mod objects;
mod outbox;
mod pages;
mod rate_limit;
mod resources;
mod routes;
mod second_factor;
mod serve;
mod settings;
mod sign_in;
mod state;
mod user_changes;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(platform::settings::parse(settings::BUILD))
}
