//! Every request, and of them the two hops: `/<id>` and `/c/<token>`, and the button of the preview page,
//! `/<id>/continue/<proof>` and `/c/<token>/continue/<proof>`.

mod proof;
mod record;
pub mod request;
mod visitor;

use std::{borrow::Cow, net::IpAddr, sync::Arc, time::Duration};

use actix_http::{
    ConnectionType, Method, Request, StatusCode,
    header::{HeaderValue, LOCATION},
};
use domain::{
    availability::Availability,
    link_path::{self, CorrectedPath, LinkPath, PathCorrection},
    query,
    record::TrackerUrl,
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
    let exact = LinkPath::parse(path);
    if exact.is_none() && link_path::corrected_paths(path).is_empty() {
        return not_found(edge);
    }
    let method = request.method();
    let is_read = *method == Method::GET || *method == Method::HEAD;
    let press = match proof {
        None if is_read => None,
        None => return pages::method_not_allowed("GET, HEAD"),
        Some(proof) if *method == Method::POST => Some(proof),
        // Loaded again from the address bar: the link itself.
        Some(_) if is_read => {
            let path = likeliest_path(path, exact);
            return found(edge, &with_query(&path, &request));
        }
        Some(_) => return pages::method_not_allowed("POST"),
    };
    let address = edge.recorder.visitors.address(&request);
    if let Some(seconds) = edge.guard.refuses(address) {
        edge.metrics.request(Outcome::Guessing);
        return pages::too_many_misses(seconds);
    }
    match find(&request, edge, path, exact).await {
        Ok(Some(found)) => {
            edge.guard.found(address, found.route.link.link_key);
            let visit = Visit {
                request: &request,
                address,
                edge,
                found: &found,
                press,
            };
            match &found.route.link.tracker {
                Some(tracker) if found.is_short && !found.route.collapses_hops() => {
                    hop(visit, tracker)
                }
                _ => destination(visit).await,
            }
        }
        Ok(None) => {
            let host = request::host(&request);
            edge.guard.missed(address, &(host, path));
            not_found(edge)
        }
        Err(error) => unavailable(edge, &error),
    }
}

/// Between a link's path and the proof that its preview page was shown.
const CONTINUE: &str = "/continue/";

/// A request to a link; `press` is the proof, where Continue was pressed.
#[derive(Clone, Copy)]
struct Visit<'v> {
    request: &'v Request,
    address: IpAddr,
    edge: &'v Edge,
    found: &'v Found<'v>,
    press: Option<&'v str>,
}

/// The link that a request is for.
struct Found<'v> {
    route: Arc<Route>,
    /// The link's own path, which the request's may differ from.
    path: Cow<'v, str>,
    /// Whether it is the short one, `/<id>`.
    is_short: bool,
    /// How the request's path differs.
    corrections: Vec<PathCorrection>,
}

/// The path of the link that was most likely meant. Never the request's own text, unless
/// that names a link: `//host` is another host's URL.
fn likeliest_path(path: &str, exact: Option<LinkPath>) -> String {
    let corrected = || link_path::corrected_paths(path).into_iter().next();
    let meant = exact.or_else(|| corrected().map(|corrected| corrected.path));
    meant.map_or_else(|| "/".to_owned(), |path| path.to_string())
}

/// The link that the path names exactly, or else the one that it most likely means.
async fn find<'v>(
    request: &Request,
    edge: &Edge,
    path: &'v str,
    exact: Option<LinkPath>,
) -> Result<Option<Found<'v>>, Unresolved> {
    let Some(host) = request::host(request) else {
        return Ok(None);
    };
    if let Some(exact) = exact {
        let is_short = matches!(exact, LinkPath::Short(_));
        if let Some(route) = find_exactly(edge, host, exact).await? {
            return Ok(Some(Found {
                route,
                path: Cow::Borrowed(path),
                is_short,
                corrections: Vec::new(),
            }));
        }
    }
    // Boxed: a click on a link as it stands should not make room for it.
    Box::pin(find_corrected(request, edge, path)).await
}

/// A click tracker's token and a campaign link's code are good at their own host only, so
/// that no tenant's host can be used for another's link.
async fn find_exactly(
    edge: &Edge,
    host: String,
    path: LinkPath,
) -> Result<Option<Arc<Route>>, Unresolved> {
    let resolver = &edge.resolver;
    match path {
        LinkPath::Short(id) => resolver.link(host, id).await,
        LinkPath::Tracker(token) => {
            let route = resolver.tracker(token).await?;
            let is_at = |route: &Arc<Route>| {
                let tracker = route.link.tracker.as_ref();
                tracker.is_some_and(|tracker| tracker.host == host)
            };
            Ok(route.filter(is_at))
        }
        LinkPath::Code(code) => {
            let route = resolver.code(code).await?;
            let is_at = |route: &Arc<Route>| {
                let code = route.link.code.as_ref();
                code.is_some_and(|code| code.host == host)
            };
            Ok(route.filter(is_at))
        }
    }
}

/// What a path means that names no link exactly: without what stands around the name, and
/// then a slug in any case.
async fn find_corrected<'v>(
    request: &Request,
    edge: &Edge,
    path: &str,
) -> Result<Option<Found<'v>>, Unresolved> {
    let Some(host) = request::host(request) else {
        return Ok(None);
    };
    let corrected = link_path::corrected_paths(path);
    for CorrectedPath { path, corrections } in &corrected {
        if let Some(route) = find_exactly(edge, host.clone(), path.clone()).await? {
            return Ok(Some(Found {
                route,
                path: Cow::Owned(path.to_string()),
                is_short: matches!(path, LinkPath::Short(_)),
                corrections: corrections.clone(),
            }));
        }
    }
    let exact = LinkPath::parse(path).map(|path| CorrectedPath {
        path,
        corrections: Vec::new(),
    });
    for found in exact.into_iter().chain(corrected) {
        let LinkPath::Short(id) = found.path else {
            continue;
        };
        if let Some(route) = edge.resolver.link_in_any_case(host.clone(), id).await? {
            let path = LinkPath::Short(route.link.link_id.clone());
            let mut corrections = found.corrections;
            corrections.push(PathCorrection::CaseIgnored);
            return Ok(Some(Found {
                route,
                path: Cow::Owned(path.to_string()),
                is_short: true,
                corrections,
            }));
        }
    }
    Ok(None)
}

/// The short link of two hops: on to the click tracker, which records the click.
fn hop(visit: Visit<'_>, tracker: &TrackerUrl) -> Page {
    let edge = visit.edge;
    match visit.found.route.availability(jiff::Timestamp::now()) {
        // Nothing is recorded here, so that no page has this button.
        Availability::Available if visit.press.is_some() => not_found(edge),
        Availability::Available => {
            edge.metrics.request(Outcome::Hop);
            found(edge, &with_query(&tracker.to_string(), visit.request))
        }
        closed => elsewhere(edge, closed),
    }
}

/// Recorded, and on to the destination.
async fn destination(visit: Visit<'_>) -> Page {
    let Visit {
        request,
        address,
        edge,
        found,
        press,
    } = visit;
    let route = &*found.route;
    let now = jiff::Timestamp::now();
    let template = match (route.availability(now), route.template()) {
        (Availability::Available, Some(template)) => template,
        (Availability::Available, None) => return elsewhere(edge, Availability::NotFound),
        (closed, _) => return elsewhere(edge, closed),
    };
    let click = Click {
        request,
        address,
        route,
        path: &found.path,
        corrections: &found.corrections,
        template,
        now,
    };
    let Some(proof) = press else {
        return edge.recorder.arrive(edge, click).await;
    };
    match edge.recorder.proof.check(route.link.link_key, proof, now) {
        Ok(click_id) => edge.recorder.confirm(edge, click, click_id).await,
        Err(Unproven::Forged) => not_found(edge),
        Err(Unproven::Expired) => pages::expired(&with_query(&found.path, request)),
    }
}

/// A URL with as much of the request's query as is read.
fn with_query(url: &str, request: &Request) -> String {
    match query::truncate_to_limits(request::query(request)) {
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
        Availability::Available | Availability::NotFound => not_found(edge),
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
