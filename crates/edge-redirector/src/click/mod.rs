//! The two hops: `/<id>` and `/c/<token>`.

mod record;
mod request;
mod route;

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use domain::{
    availability::Availability,
    id::{ShortId, TrackerToken},
    query,
    record::Tracker,
};

pub use record::Recorder;
use route::Route;

use crate::{
    metrics::{Metrics, Outcome},
    pages,
    resolve::{Link, Resolver, Unresolved},
};

/// What handlers share.
pub struct Edge {
    pub resolver: Resolver,
    pub recorder: Recorder,
    pub metrics: Metrics,
}

pub fn configure(config: &mut web::ServiceConfig) {
    for (path, kind) in [("/c/{token}", Kind::Tracker), ("/{id}", Kind::Short)] {
        let handler = move |request: HttpRequest, edge: web::Data<Edge>| async move {
            let answer = match kind {
                Kind::Tracker => click_tracker(&request, &edge).await,
                Kind::Short => short_link(&request, &edge).await,
            };
            answer.unwrap_or_else(|error| unavailable(&edge, &error))
        };
        config.service(
            web::resource(path)
                .route(web::get().to(handler))
                .route(web::head().to(handler))
                .default_service(web::to(async || pages::method_not_allowed())),
        );
    }
    config.default_service(web::to(async |edge: web::Data<Edge>| not_found(&edge)));
}

#[derive(Clone, Copy)]
enum Kind {
    Short,
    Tracker,
}

/// The short link: on to the click tracker with its query, or, where there is
/// one hop only, recorded and on to the destination.
async fn short_link(request: &HttpRequest, edge: &Edge) -> Result<HttpResponse, Unresolved> {
    let name = request.match_info().get("id").map(ShortId::parse);
    let (Some(host), Some(Ok(id))) = (request::host(request), name) else {
        return Ok(not_found(edge));
    };
    let Some(link) = edge.resolver.link(host, id).await? else {
        return Ok(not_found(edge));
    };
    let route = Route::load(&edge.resolver, link).await?;
    match (&route.link.record.tracker, route.collapses_hops()) {
        (Some(tracker), false) => Ok(hop(request, edge, &route, tracker)),
        _ => Ok(destination(request, edge, &route).await),
    }
}

/// The click tracker: recorded, and on to the destination. A token is good at
/// its own host only, so that no tenant's host can be used for another's link.
async fn click_tracker(request: &HttpRequest, edge: &Edge) -> Result<HttpResponse, Unresolved> {
    let token = request.match_info().get("token").map(TrackerToken::parse);
    let Some(Ok(token)) = token else {
        return Ok(not_found(edge));
    };
    let Some(link) = edge.resolver.tracker(token).await? else {
        return Ok(not_found(edge));
    };
    if !is_at_its_host(request, &link) {
        return Ok(not_found(edge));
    }
    let route = Route::load(&edge.resolver, link).await?;
    Ok(destination(request, edge, &route).await)
}

fn is_at_its_host(request: &HttpRequest, link: &Arc<Link>) -> bool {
    let host = request::host(request);
    let tracker = link.record.tracker.as_ref();
    tracker.is_some_and(|tracker| Some(&tracker.host) == host.as_ref())
}

fn hop(request: &HttpRequest, edge: &Edge, route: &Route, tracker: &Tracker) -> HttpResponse {
    match route.availability() {
        Availability::Open => {
            edge.metrics.request(Outcome::Hop);
            let query = query::bounded(request.query_string());
            if query.is_empty() {
                found(&tracker.to_string())
            } else {
                found(&format!("{tracker}?{query}"))
            }
        }
        closed => elsewhere(edge, closed),
    }
}

async fn destination(request: &HttpRequest, edge: &Edge, route: &Route) -> HttpResponse {
    match (route.availability(), route.template()) {
        (Availability::Open, Some(template)) => {
            edge.recorder.redirect(request, edge, route, template).await
        }
        (Availability::Open, None) => elsewhere(edge, Availability::Gone),
        (closed, _) => elsewhere(edge, closed),
    }
}

fn elsewhere(edge: &Edge, availability: Availability<'_>) -> HttpResponse {
    match availability {
        Availability::Fallback(url) => {
            edge.metrics.request(Outcome::Fallback);
            found(url)
        }
        Availability::Open | Availability::Gone => not_found(edge),
    }
}

fn found(url: &str) -> HttpResponse {
    pages::uncached(HttpResponse::Found())
        .insert_header((header::LOCATION, url))
        .finish()
}

fn not_found(edge: &Edge) -> HttpResponse {
    edge.metrics.request(Outcome::NotFound);
    pages::not_found()
}

fn unavailable(edge: &Edge, error: &Unresolved) -> HttpResponse {
    edge.metrics.request(Outcome::Unavailable);
    tracing::debug!(error = %error, "a link could not be looked up");
    pages::unavailable()
}
