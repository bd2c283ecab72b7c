//! Every request, and of them the two hops: `/<id>` and `/c/<token>`, and the button of the preview page,
//! `/<id>/continue/<proof>` and `/c/<token>/continue/<proof>`.

mod proof;
mod record;
pub mod request;
mod visitor;

use std::{sync::Arc, time::Duration};

use actix_http::{
    ConnectionType, Method, Request, StatusCode,
    header::{HeaderValue, LOCATION},
};
use domain::{
    availability::Availability,
    id::{LinkCode, ShortId, TrackerToken},
    query,
    record::Tracker,
};
use tokio_util::sync::CancellationToken;

use crate::{
    conversion::{self, Endpoint},
    guard::Guard,
    load::Load,
    metrics::{Metrics, Outcome},
    pages::{self, Page},
    resolve::{Resolver, Route, Unresolved},
};
pub use proof::Proof;
use proof::Unproven;
use record::Click;
pub use record::Recorder;
pub use visitor::Visitors;

/// What handlers share.
pub struct Edge {
    pub resolver: Arc<Resolver>,
    pub recorder: Recorder,
    pub load: Load,
    pub guard: Guard,
    /// How long a body may take to arrive.
    pub client_timeout: Duration,
    /// Cancelled once this process is asked to end: who comes is to look for
    /// another one with the next request.
    pub leaving: CancellationToken,
    pub metrics: Metrics,
}

/// Answers any request.
pub async fn handle(request: Request, edge: &Edge) -> Page {
    let mut page = answer(request, edge).await;
    if edge.leaving.is_cancelled() {
        page.head_mut().set_connection_type(ConnectionType::Close);
    }
    page
}

/// Few fixed forms of path need no router.
async fn answer(request: Request, edge: &Edge) -> Page {
    let Some(_answering) = edge.load.enter() else {
        edge.metrics.request(Outcome::Shed);
        return pages::shed();
    };
    if let Some(endpoint) = Endpoint::parse(request.path()) {
        // Boxed: a click should not make room for it.
        return Box::pin(conversion::handle(request, endpoint, edge)).await;
    }
    let (path, proof) = match request.path().split_once(CONTINUE) {
        Some((path, proof)) => (path, Some(proof)),
        None => (request.path(), None),
    };
    let Some(name) = Name::parse(path) else {
        return not_found(edge);
    };
    let method = request.method();
    let is_read = *method == Method::GET || *method == Method::HEAD;
    let press = match proof {
        None if is_read => None,
        None => return pages::method_not_allowed("GET, HEAD"),
        Some(proof) if *method == Method::POST => Some(proof),
        // Loaded again from the address bar: the link itself.
        Some(_) if is_read => return found(edge, &with_query(path, &request)),
        Some(_) => return pages::method_not_allowed("POST"),
    };
    let address = || edge.recorder.visitors.address(&request);
    if edge.guard.is_watching()
        && let Some(seconds) = edge.guard.refuses(address())
    {
        edge.metrics.request(Outcome::Guessing);
        return pages::too_many_misses(seconds);
    }
    let visit = Visit {
        request: &request,
        edge,
        path,
        press,
    };
    let answer = match name {
        Name::Tracker(token) => click_tracker(visit, token).await,
        Name::Code(code) => campaign_link(visit, code).await,
        Name::Short(id) => short_link(visit, id).await,
    };
    let page = answer.unwrap_or_else(|error| unavailable(edge, &error));
    match page.status() {
        StatusCode::NOT_FOUND => edge.guard.miss(address()),
        StatusCode::OK | StatusCode::FOUND if edge.guard.is_watching() => {
            edge.guard.hit(address());
        }
        _ => {}
    }
    page
}

/// Between a link's path and the proof that its preview page was shown.
const CONTINUE: &str = "/continue/";

/// A request to a link, whose own path is `path`; `press` is the proof, where
/// Continue was pressed.
#[derive(Clone, Copy)]
struct Visit<'v> {
    request: &'v Request,
    edge: &'v Edge,
    path: &'v str,
    press: Option<&'v str>,
}

/// What a path names.
enum Name {
    /// `/c/<token>`
    Tracker(TrackerToken),
    /// `/c/<code>`
    Code(LinkCode),
    /// `/<id>`
    Short(ShortId),
}

impl Name {
    fn parse(path: &str) -> Option<Self> {
        if let Some(name) = path.strip_prefix("/c/") {
            let token = TrackerToken::parse(name).ok().map(Self::Tracker);
            return token.or_else(|| LinkCode::parse(name).ok().map(Self::Code));
        }
        let id = path.strip_prefix('/')?;
        ShortId::parse(id).ok().map(Self::Short)
    }
}

/// The short link: on to the click tracker with its query, or, where there is
/// one hop only, recorded and on to the destination.
async fn short_link(visit: Visit<'_>, id: ShortId) -> Result<Page, Unresolved> {
    let edge = visit.edge;
    let Some(host) = request::host(visit.request) else {
        return Ok(not_found(edge));
    };
    let Some(route) = edge.resolver.link(host, id).await? else {
        return Ok(not_found(edge));
    };
    match (&route.link.tracker, route.collapses_hops()) {
        (Some(tracker), false) => Ok(hop(visit, &route, tracker)),
        _ => Ok(destination(visit, &route).await),
    }
}

/// The click tracker: recorded, and on to the destination. A token is good at
/// its own host only, so that no tenant's host can be used for another's link.
async fn click_tracker(visit: Visit<'_>, token: TrackerToken) -> Result<Page, Unresolved> {
    match visit.edge.resolver.tracker(token).await? {
        Some(route) if is_at(visit.request, route.link.tracker.as_ref().map(|t| &t.host)) => {
            Ok(destination(visit, &route).await)
        }
        _ => Ok(not_found(visit.edge)),
    }
}

/// A campaign link by its full URL, at its own host only, as above.
async fn campaign_link(visit: Visit<'_>, code: LinkCode) -> Result<Page, Unresolved> {
    match visit.edge.resolver.code(code).await? {
        Some(route) if is_at(visit.request, route.link.code.as_ref().map(|c| &c.host)) => {
            Ok(destination(visit, &route).await)
        }
        _ => Ok(not_found(visit.edge)),
    }
}

fn is_at(request: &Request, host: Option<&String>) -> bool {
    host.is_some() && request::host(request).as_ref() == host
}

fn hop(visit: Visit<'_>, route: &Route, tracker: &Tracker) -> Page {
    let edge = visit.edge;
    match route.availability(jiff::Timestamp::now()) {
        // Nothing is recorded here, so that no page has this button.
        Availability::Open if visit.press.is_some() => not_found(edge),
        Availability::Open => {
            edge.metrics.request(Outcome::Hop);
            found(edge, &with_query(&tracker.to_string(), visit.request))
        }
        closed => elsewhere(edge, closed),
    }
}

async fn destination(visit: Visit<'_>, route: &Route) -> Page {
    let Visit {
        request,
        edge,
        path,
        press,
    } = visit;
    let now = jiff::Timestamp::now();
    let template = match (route.availability(now), route.template()) {
        (Availability::Open, Some(template)) => template,
        (Availability::Open, None) => return elsewhere(edge, Availability::Gone),
        (closed, _) => return elsewhere(edge, closed),
    };
    let click = Click {
        request,
        route,
        template,
        now,
    };
    let Some(proof) = press else {
        return edge.recorder.arrive(edge, click).await;
    };
    match edge.recorder.proof.check(route.link.link_key, proof, now) {
        Ok(click_id) => edge.recorder.confirm(edge, click, click_id).await,
        Err(Unproven::Forged) => not_found(edge),
        Err(Unproven::Expired) => pages::expired(&with_query(path, request)),
    }
}

/// A URL with as much of the request's query as is read.
fn with_query(url: &str, request: &Request) -> String {
    match query::bounded(request::query(request)) {
        "" => url.to_owned(),
        query => format!("{url}?{query}"),
    }
}

fn elsewhere(edge: &Edge, availability: Availability<'_>) -> Page {
    match availability {
        Availability::Fallback(url) => {
            edge.metrics.request(Outcome::Fallback);
            found(edge, url)
        }
        Availability::Open | Availability::Gone => not_found(edge),
    }
}

/// A 302. Templates and trackers are ASCII; a fallback from elsewhere that is
/// not a header's text leads nowhere.
fn found(edge: &Edge, url: &str) -> Page {
    match HeaderValue::from_str(url) {
        Ok(url) => {
            let mut response = pages::empty(StatusCode::FOUND);
            response.headers_mut().insert(LOCATION, url);
            response
        }
        Err(_) => not_found(edge),
    }
}

fn not_found(edge: &Edge) -> Page {
    edge.metrics.request(Outcome::NotFound);
    if edge.load.sheds_pages() {
        return pages::empty(StatusCode::NOT_FOUND);
    }
    pages::not_found()
}

fn unavailable(edge: &Edge, error: &Unresolved) -> Page {
    edge.metrics.request(Outcome::Unavailable);
    tracing::debug!(error = %error, "a link could not be looked up");
    if edge.load.sheds_pages() {
        return pages::shed();
    }
    pages::unavailable()
}
