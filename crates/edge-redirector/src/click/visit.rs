//! Records a click in the spool before it is answered, and answers it: a redirect, the
//! interstitial or the preview page.

use std::time::Instant;

use actix_http::{HttpMessage as _, Request};
use domain::{
    bot::Verdict,
    id::ClickId,
    landing::{self, ClickResponse},
};
use platform::{
    log_rate_limit::LogRateLimiter,
    telemetry::{self, TRACEPARENT},
};
use tracing::{Instrument as _, Span};

use super::{
    event::{ClickOutcome, PreparedClick, Visit, prepare_click},
    response::{redirect, with_query},
};
use crate::{
    metrics::RequestOutcome,
    pages, request,
    response::{self, EdgeResponse},
    spool::RecordError,
    state::AppState,
    visitor::Visitor,
};

/// Stands between a link's path and the confirmation token in the path of the Continue
/// button.
pub const CONTINUE: &str = "/continue/";

/// Records the click and answers it. If the click cannot be recorded, the response is the
/// same; the failure is counted and logged.
pub async fn handle_visit(state: &AppState, visit: Visit<'_>) -> EdgeResponse {
    let resolved = visit.resolved;
    let detector = &state.visitor_detector;
    let visitor = detector.detect(visit.request, visit.address);
    let verdict = visitor.verdict(visit.request, resolved.countries());
    let answer = landing::choose_response(
        &verdict,
        resolved.filters_bots(),
        resolved.offer(),
        resolved.list(),
    );
    if answer != ClickResponse::Redirect && state.concurrency_limit.is_shedding_pages() {
        state.metrics.count_request(RequestOutcome::Overloaded);
        return response::overloaded();
    }
    let outcome = ClickOutcome {
        click_id: new_click_id(visit.now),
        verdict,
        is_confirmed: false,
    };
    let destination = record_click(state, &visit, &visitor, outcome).await;
    match answer {
        ClickResponse::Redirect => redirect(state, &destination),
        ClickResponse::Interstitial(page) => pages::interstitial(page, &destination),
        ClickResponse::Preview(page) => {
            let tokens = &state.confirmation_tokens;
            let token = tokens.issue(resolved.link.link_key, new_click_id(visit.now));
            pages::preview(&continue_path(&visit, &token), page)
        }
    }
}

/// Records the confirmed click of a person who pressed Continue, and redirects or shows the
/// interstitial.
pub async fn handle_confirmation(
    state: &AppState,
    visit: Visit<'_>,
    click_id: ClickId,
) -> EdgeResponse {
    let detector = &state.visitor_detector;
    let visitor = detector.detect(visit.request, visit.address);
    let outcome = ClickOutcome {
        click_id,
        verdict: Verdict::default(),
        is_confirmed: true,
    };
    let destination = record_click(state, &visit, &visitor, outcome).await;
    match landing::response_for_person(visit.resolved.offer(), visit.resolved.list()) {
        ClickResponse::Interstitial(page) => pages::interstitial(page, &destination),
        _ => redirect(state, &destination),
    }
}

/// Appends the click to the spool and returns its destination.
async fn record_click(
    state: &AppState,
    visit: &Visit<'_>,
    visitor: &Visitor<'_>,
    outcome: ClickOutcome<'_>,
) -> String {
    let started_at = Instant::now();
    let span = click_span(state, visit.request);
    let mut line = Vec::with_capacity(1024);
    let PreparedClick {
        destination,
        click_cost_error,
    } = prepare_click(visit, visitor, outcome, &span, &mut line);
    if let Some(error) = click_cost_error {
        state.metrics.count_click_cost_error(error);
    }
    let recorded = if span.is_none() {
        state.spool.record(&line).await
    } else {
        // Boxed so that the future of a click without a trace has no room for the span.
        Box::pin(state.spool.record(&line).instrument(span)).await
    };
    match recorded {
        Ok(()) => state.metrics.count_request(RequestOutcome::Click),
        Err(error) => report_unrecorded(state, error),
    }
    state
        .metrics
        .click_duration
        .observe(started_at.elapsed().as_secs_f64());
    destination
}

fn report_unrecorded(state: &AppState, error: RecordError) {
    state.metrics.count_request(RequestOutcome::Unrecorded);
    state.metrics.count_unrecorded_event(error);
    static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
    if let Some(suppressed) = LOG_LIMIT.permit() {
        tracing::error!(error.message = %error, suppressed, "click redirected but not recorded");
    }
}

fn click_span(state: &AppState, request: &Request) -> Span {
    if !state.is_tracing {
        return Span::none();
    }
    let span = tracing::info_span!("edge-redirector.click.record", otel.kind = "server");
    if let Some(parent) = request::ascii_header(request.headers(), TRACEPARENT) {
        telemetry::continue_trace(&span, parent);
    }
    span
}

fn new_click_id(now: jiff::Timestamp) -> ClickId {
    let unix_ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
    ClickId::generate(unix_ms, &mut rand::rng())
}

/// The path and query of the Continue button: the link's own path, the token, and the
/// request's query.
fn continue_path(visit: &Visit<'_>, token: &str) -> String {
    let path = format!("{}{CONTINUE}{token}", visit.path);
    with_query(&path, visit.request)
}
