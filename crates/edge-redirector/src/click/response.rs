//! Responses to requests that record no click; they count their outcome.

use actix_http::{Request, StatusCode};
use domain::{availability::Availability, query};

use crate::{
    metrics::RequestOutcome,
    pages, request,
    resolve::LookupError,
    response::{self, EdgeResponse},
    state::AppState,
};

/// A 302 to `url`. Templates and trackers are ASCII; a fallback URL that cannot stand in a
/// header gets 404.
pub fn redirect(state: &AppState, url: &str) -> EdgeResponse {
    response::redirect(url).unwrap_or_else(|| not_found(state))
}

/// The fallback URL of a link that is not available, or else 404.
pub fn unavailable_link(state: &AppState, availability: Availability<'_>) -> EdgeResponse {
    match availability {
        Availability::Fallback(url) => {
            state.metrics.count_request(RequestOutcome::Fallback);
            redirect(state, url)
        }
        Availability::Available | Availability::NotFound => not_found(state),
    }
}

pub fn not_found(state: &AppState) -> EdgeResponse {
    state.metrics.count_request(RequestOutcome::NotFound);
    if state.concurrency_limit.is_shedding_pages() {
        return response::empty(StatusCode::NOT_FOUND);
    }
    pages::not_found()
}

pub fn lookup_failed(state: &AppState, error: &LookupError) -> EdgeResponse {
    state.metrics.count_request(RequestOutcome::Unavailable);
    tracing::debug!(error.message = %error, "looking up a link failed");
    if state.concurrency_limit.is_shedding_pages() {
        return response::overloaded();
    }
    pages::unavailable()
}

/// `url` with the part of the request's query that is read at most.
pub fn with_query(url: &str, request: &Request) -> String {
    match query::truncate_to_limits(request::query(request)) {
        "" => url.to_owned(),
        query => format!("{url}?{query}"),
    }
}
