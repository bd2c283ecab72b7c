#![doc = include_str!("../README.md")]

mod accounts;
mod affiliate_links;
mod auth;
mod body;
mod campaigns;
mod cli;
mod clicks;
mod contacts;
mod conversions;
mod creatives;
mod csv;
mod db;
mod domain_ownership;
mod domains;
mod edge_cache;
mod edge_records;
mod enumeration;
mod error;
mod http;
mod interstitial;
mod links;
mod lists;
mod macros_preview;
mod metrics;
mod offers;
mod outbox;
mod phone;
mod postbacks;
mod rate_limit;
mod reports;
mod routes;
mod serve;
mod settings;
mod span;
mod state;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(platform::settings::parse(settings::BUILD))
}
