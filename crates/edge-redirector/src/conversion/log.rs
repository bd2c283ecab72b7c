//! Adds a postback to the log of postbacks.

use std::net::IpAddr;

use actix_http::Request;
use domain::{
    id::PostbackId,
    postback::{
        PostbackError,
        log::{LoggedPostback, entry_text},
    },
};

use super::facts::PostbackFacts;
use crate::{request, state::AppState};

/// The most bytes of a path in the log. Only the id of a pixel can make it longer.
const MAX_PATH_BYTES: usize = 128;

/// Adds a postback to the log; `error` is the one that it was answered with.
pub fn log_postback(
    request: &Request,
    facts: PostbackFacts,
    error: Option<PostbackError>,
    address: IpAddr,
    state: &AppState,
) {
    let verdict = facts.verdict(error);
    let sender = facts.sender(address, verdict);
    state.postback_log.record(sender, || {
        let unix_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
        let id = PostbackId::generate(unix_ms, &mut rand::rng());
        let host = request::host(request);
        LoggedPostback {
            path: Some(entry_text(request.path(), MAX_PATH_BYTES)),
            host: host.map(|host| entry_text(&host, usize::MAX)),
            ..facts.into_entry(id, verdict, address)
        }
    });
}
