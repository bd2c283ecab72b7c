//! The two hops: `/<id>` and `/c/<token>`.

mod record;
mod request;

use std::sync::Arc;

use actix_http::{
    Method, Request, StatusCode,
    header::{HeaderValue, LOCATION},
};
use domain::{
    availability::Availability,
    id::{LinkCode, ShortId, TrackerToken},
    query,
    record::Tracker,
};

use crate::{
    metrics::{Metrics, Outcome},
    pages::{self, Page},
    resolve::{Resolver, Route, Unresolved},
};
use record::Click;
pub use record::Recorder;

/// What handlers share.
pub struct Edge {
    pub resolver: Arc<Resolver>,
    pub recorder: Recorder,
    pub metrics: Metrics,
}

/// Answers any request. Two fixed forms of path need no router.
pub async fn handle(request: Request, edge: &Edge) -> Page {
    let answer = match Name::parse(request.path()) {
        None => return not_found(edge),
        Some(_) if !takes(request.method()) => return pages::method_not_allowed(),
        Some(Name::Tracker(token)) => click_tracker(&request, edge, token).await,
        Some(Name::Code(code)) => campaign_link(&request, edge, code).await,
        Some(Name::Short(id)) => short_link(&request, edge, id).await,
    };
    answer.unwrap_or_else(|error| unavailable(edge, &error))
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

fn takes(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

/// The short link: on to the click tracker with its query, or, where there is
/// one hop only, recorded and on to the destination.
async fn short_link(request: &Request, edge: &Edge, id: ShortId) -> Result<Page, Unresolved> {
    let Some(host) = request::host(request) else {
        return Ok(not_found(edge));
    };
    let Some(route) = edge.resolver.link(host, id).await? else {
        return Ok(not_found(edge));
    };
    match (&route.link.tracker, route.collapses_hops()) {
        (Some(tracker), false) => Ok(hop(request, edge, &route, tracker)),
        _ => Ok(destination(request, edge, &route).await),
    }
}

/// The click tracker: recorded, and on to the destination. A token is good at
/// its own host only, so that no tenant's host can be used for another's link.
async fn click_tracker(
    request: &Request,
    edge: &Edge,
    token: TrackerToken,
) -> Result<Page, Unresolved> {
    match edge.resolver.tracker(token).await? {
        Some(route) if is_at(request, route.link.tracker.as_ref().map(|t| &t.host)) => {
            Ok(destination(request, edge, &route).await)
        }
        _ => Ok(not_found(edge)),
    }
}

/// A campaign link by its full URL, at its own host only, as above.
async fn campaign_link(request: &Request, edge: &Edge, code: LinkCode) -> Result<Page, Unresolved> {
    match edge.resolver.code(code).await? {
        Some(route) if is_at(request, route.link.code.as_ref().map(|c| &c.host)) => {
            Ok(destination(request, edge, &route).await)
        }
        _ => Ok(not_found(edge)),
    }
}

fn is_at(request: &Request, host: Option<&String>) -> bool {
    host.is_some() && request::host(request).as_ref() == host
}

fn hop(request: &Request, edge: &Edge, route: &Route, tracker: &Tracker) -> Page {
    match route.availability(jiff::Timestamp::now()) {
        Availability::Open => {
            edge.metrics.request(Outcome::Hop);
            let query = query::bounded(request::query(request));
            if query.is_empty() {
                found(edge, &tracker.to_string())
            } else {
                found(edge, &format!("{tracker}?{query}"))
            }
        }
        closed => elsewhere(edge, closed),
    }
}

async fn destination(request: &Request, edge: &Edge, route: &Route) -> Page {
    let now = jiff::Timestamp::now();
    match (route.availability(now), route.template()) {
        (Availability::Open, Some(template)) => {
            let click = Click {
                request,
                route,
                template,
                now,
            };
            edge.recorder.redirect(edge, click).await
        }
        (Availability::Open, None) => elsewhere(edge, Availability::Gone),
        (closed, _) => elsewhere(edge, closed),
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
    pages::not_found()
}

fn unavailable(edge: &Edge, error: &Unresolved) -> Page {
    edge.metrics.request(Outcome::Unavailable);
    tracing::debug!(error = %error, "a link could not be looked up");
    pages::unavailable()
}
