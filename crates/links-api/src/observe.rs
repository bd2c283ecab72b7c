//! A span, a metric and, for failures, a log line for every request. Labels
//! take the route's pattern, never the path, a query or an id.

use std::{error::Error as _, time::Instant};

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::Method,
    middleware::Next,
    web,
};
use platform::telemetry::{self, TRACEPARENT};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use tracing::Instrument as _;

use crate::{error::Refused, records::RelayMetrics, serve::Services};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, Default)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    durations: DurationHistogram,
    /// Writes to Redis that failed; the origin serves until they are there.
    pub cache_write_failures: Counter,
    pub relay: RelayMetrics,
    pub uncounted_requests: Counter,
}

#[derive(Debug, Clone)]
struct DurationHistogram(Histogram);

impl Default for DurationHistogram {
    fn default() -> Self {
        Self(Histogram::new(exponential_buckets(0.000_5, 2.0, 15)))
    }
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "waypost_api_requests",
            "Requests by route, method and status",
            metrics.requests.clone(),
        );
        registry.register(
            "waypost_api_request_duration_seconds",
            "Time from request to answer",
            metrics.durations.0.clone(),
        );
        registry.register(
            "waypost_api_cache_write_failures",
            "Writes to Redis that failed",
            metrics.cache_write_failures.clone(),
        );
        registry.register(
            "waypost_api_changes_delivered",
            "Changes of records that were brought to Redis",
            metrics.relay.delivered.clone(),
        );
        registry.register(
            "waypost_api_change_failures",
            "Attempts to bring changes to Redis that failed",
            metrics.relay.failures.clone(),
        );
        registry.register(
            "waypost_api_oldest_undelivered_change_seconds",
            "Age of the oldest change that redirectors were not told of; 0 without one",
            metrics.relay.oldest_undelivered.clone(),
        );
        registry.register(
            "waypost_api_uncounted_requests",
            "Requests of limited keys that were let through while Redis was away",
            metrics.uncounted_requests.clone(),
        );
        metrics
    }
}

pub async fn request(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let start = Instant::now();
    let route = request.match_pattern().unwrap_or_else(|| "none".to_owned());
    let method = method_label(request.method());
    let metrics = request
        .app_data::<web::Data<Services>>()
        .map(|services| services.metrics.clone());
    let span = tracing::info_span!(
        "links-api.request",
        otel.kind = "server",
        http.route = route,
        http.request.method = method,
        http.response.status_code = tracing::field::Empty,
    );
    let parent = request
        .headers()
        .get(TRACEPARENT)
        .and_then(|v| v.to_str().ok());
    if let Some(parent) = parent {
        telemetry::continue_trace(&span, parent);
    }
    let result = next.call(request).instrument(span.clone()).await;
    let status = match &result {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    span.record("http.response.status_code", status.as_u16());
    if let Some(metrics) = metrics {
        metrics.durations.0.observe(start.elapsed().as_secs_f64());
        let status = status.as_u16();
        let labels = RequestLabels {
            route: route.clone(),
            method,
            status,
        };
        metrics.requests.get_or_create(&labels).inc();
    }
    if status.is_server_error() {
        let error = match &result {
            Ok(response) => response.response().error().map(chain),
            Err(error) => Some(chain(error)),
        };
        tracing::error!(
            http.route = route,
            status = status.as_u16(),
            error,
            "a request failed"
        );
    }
    result
}

/// A label has few values: a method may be any word that a stranger makes up.
fn method_label(method: &Method) -> &'static str {
    [
        ("GET", Method::GET),
        ("POST", Method::POST),
        ("PUT", Method::PUT),
        ("PATCH", Method::PATCH),
        ("DELETE", Method::DELETE),
        ("HEAD", Method::HEAD),
        ("OPTIONS", Method::OPTIONS),
    ]
    .iter()
    .find(|(_, known)| known == method)
    .map_or("other", |(label, _)| label)
}

/// The error and its causes in one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let refused = error.as_error::<Refused>();
    let mut cause = refused.and_then(|refused| refused.error.source());
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
