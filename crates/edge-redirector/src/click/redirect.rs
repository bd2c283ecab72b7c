//! Answers a request to a link: finds the link, and redirects to its click tracker or lets
//! `visit` record the click.

use std::net::IpAddr;

use actix_http::{Method, Request};
use domain::{
    availability::Availability,
    link_path::{self, LinkPath},
    record::TrackerUrl,
};

use super::{
    event::Visit,
    find_link::{LinkMatch, find_link, most_likely_path},
    response::{lookup_failed, not_found, redirect, unavailable_link, with_query},
    visit::{self, CONTINUE},
};
use crate::{
    confirmation_token::InvalidToken, metrics::RequestOutcome, pages, request,
    response::EdgeResponse, state::AppState,
};

/// A request to a link that exists.
#[derive(Clone, Copy)]
struct LinkRequest<'r> {
    request: &'r Request,
    address: IpAddr,
    state: &'r AppState,
    link_match: &'r LinkMatch<'r>,
    /// From the path of the Continue button.
    confirmation_token: Option<&'r str>,
}

pub async fn handle(request: &Request, state: &AppState) -> EdgeResponse {
    let (path, token) = match request.path().split_once(CONTINUE) {
        Some((path, token)) => (path, Some(token)),
        None => (request.path(), None),
    };
    let exact_path = LinkPath::parse(path);
    if exact_path.is_none() && link_path::corrected_paths(path).is_empty() {
        return not_found(state);
    }
    let method = request.method();
    let is_read = *method == Method::GET || *method == Method::HEAD;
    let confirmation_token = match token {
        None if is_read => None,
        None => return pages::method_not_allowed("GET, HEAD"),
        Some(token) if *method == Method::POST => Some(token),
        // The browser loads the button's URL again from its address bar: it gets the link.
        Some(_) if is_read => {
            let path = most_likely_path(path, exact_path);
            return redirect(state, &with_query(&path, request));
        }
        Some(_) => return pages::method_not_allowed("POST"),
    };
    let address = state.visitor_detector.client_address(request);
    if let Some(seconds) = state.enumeration_guard.retry_after(address) {
        state.metrics.count_request(RequestOutcome::RateLimited);
        return pages::too_many_attempts(seconds);
    }
    match find_link(request, &state.resolver, path, exact_path).await {
        Ok(Some(link_match)) => {
            let link = &link_match.resolved.link;
            state
                .enumeration_guard
                .record_success(address, link.link_key);
            let link_request = LinkRequest {
                request,
                address,
                state,
                link_match: &link_match,
                confirmation_token,
            };
            let has_hop = link_match.is_short_path && !link_match.resolved.collapses_hops();
            match &link.tracker {
                Some(tracker) if has_hop => redirect_to_tracker(link_request, tracker),
                _ => redirect_to_destination(link_request).await,
            }
        }
        Ok(None) => {
            let host = request::host(request);
            state
                .enumeration_guard
                .record_failure(address, &(host, path));
            not_found(state)
        }
        Err(error) => lookup_failed(state, &error),
    }
}

/// The first of two hops: redirects to the click tracker, which records the click.
fn redirect_to_tracker(link_request: LinkRequest<'_>, tracker: &TrackerUrl) -> EdgeResponse {
    let LinkRequest {
        request,
        state,
        link_match,
        confirmation_token,
        ..
    } = link_request;
    match link_match.resolved.availability(jiff::Timestamp::now()) {
        // This hop records nothing, so no preview page has a button with its path.
        Availability::Available if confirmation_token.is_some() => not_found(state),
        Availability::Available => {
            state.metrics.count_request(RequestOutcome::ToTracker);
            redirect(state, &with_query(&tracker.to_string(), request))
        }
        unavailable => unavailable_link(state, unavailable),
    }
}

/// The last hop: records the click, and redirects to the destination or shows a page.
async fn redirect_to_destination(link_request: LinkRequest<'_>) -> EdgeResponse {
    let LinkRequest {
        request,
        address,
        state,
        link_match,
        confirmation_token,
    } = link_request;
    let resolved = &*link_match.resolved;
    let now = jiff::Timestamp::now();
    let template = match (resolved.availability(now), resolved.template()) {
        (Availability::Available, Some(template)) => template,
        (Availability::Available, None) => return unavailable_link(state, Availability::NotFound),
        (unavailable, _) => return unavailable_link(state, unavailable),
    };
    let visit = Visit {
        request,
        address,
        resolved,
        path: &link_match.path,
        corrections: &link_match.corrections,
        template,
        now,
    };
    let Some(token) = confirmation_token else {
        return visit::handle_visit(state, visit).await;
    };
    let tokens = &state.confirmation_tokens;
    match tokens.verify(resolved.link.link_key, token, now) {
        Ok(click_id) => visit::handle_confirmation(state, visit, click_id).await,
        Err(InvalidToken::Forged) => not_found(state),
        Err(InvalidToken::Expired) => pages::expired(&with_query(&link_match.path, request)),
    }
}
