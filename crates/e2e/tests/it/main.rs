//! The whole of Waypost, against real servers.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]
#![expect(
    clippy::string_slice,
    reason = "a wrong place in a text fails the test"
)]

mod api;
mod broker;
mod browser;
mod conversion_corrections;
mod conversions;
mod crash;
mod custom_events;
mod edge;
mod event_documents;
mod landing;
mod ledger;
mod ledger_model;
mod limits;
mod migrations;
mod odd_paths;
mod operations;
mod postback_log;
mod postback_targets;
mod postbacks;
mod provider_signatures;
mod security;
mod users;
mod whole_path;
mod worker;
