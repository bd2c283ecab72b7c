//! An id, a span, a metric and, for failures, a log line for every request. Labels
//! take the route's pattern, never the path, a query or an id.
//!
//! A handler that panics is answered like any failure: 500 in the error format of its
//! API. The panic itself, with its place, is logged by `platform::telemetry`.

use std::{
    any::Any, cell::Cell, error::Error as _, panic::AssertUnwindSafe, rc::Rc, time::Instant,
};

use actix_web::{
    Error, HttpMessage as _, HttpRequest, HttpResponse, ResponseError,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use futures_util::FutureExt as _;
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

use crate::{
    error::{ApiError, ApiFamily, ErrorResponse},
    records::RelayMetrics,
};

/// The id of a request, in its answer and in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

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
    panics: Counter,
}

/// What becomes known of a request on its way.
#[derive(Debug)]
struct RequestFacts {
    id: String,
    /// The id of the operation that it came to.
    operation: Cell<Option<&'static str>>,
}

/// Tells which operation handles a request, for the log.
pub fn set_operation(request: &HttpRequest, operation: &'static str) {
    if let Some(facts) = request.extensions().get::<Rc<RequestFacts>>() {
        facts.operation.set(Some(operation));
    }
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
        registry.register(
            "waypost_api_panics",
            "Requests whose handler panicked: each is a mistake of ours",
            metrics.panics.clone(),
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
    let metrics = request.app_data::<web::Data<Metrics>>().cloned();
    let family = ApiFamily::of_path(request.path());
    let facts = Rc::new(RequestFacts {
        id: uuid::Uuid::new_v4().to_string(),
        operation: Cell::new(None),
    });
    request.extensions_mut().insert(facts.clone());
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
    let handling = async { next.call(request).await }.instrument(span.clone());
    // What a handler leaves behind when it panics is dropped with it: its transaction is
    // rolled back as that of a client who went away.
    let handled = AssertUnwindSafe(handling).catch_unwind().await;
    let mut result = handled.unwrap_or_else(|panic| {
        if let Some(metrics) = &metrics {
            metrics.panics.inc();
        }
        let refused = ErrorResponse {
            family,
            error: ApiError::internal(anyhow::anyhow!("it panicked: {}", message(&*panic))),
        };
        let request_id = facts.id.clone();
        Err(Panicked {
            refused,
            request_id,
        }
        .into())
    });
    if let (Ok(response), Ok(id)) = (&mut result, HeaderValue::try_from(&facts.id)) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
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
            operation = facts.operation.get(),
            request.id = facts.id,
            status = status.as_u16(),
            error,
            "a request failed"
        );
    }
    result
}

/// The answer to a request whose handler panicked.
#[derive(Debug, thiserror::Error)]
#[error("{refused}")]
struct Panicked {
    refused: ErrorResponse,
    request_id: String,
}

impl ResponseError for Panicked {
    fn status_code(&self) -> StatusCode {
        self.refused.status_code()
    }

    /// With the headers that an answer is given on its way out: this one goes another way.
    fn error_response(&self) -> HttpResponse {
        let mut response = self.refused.error_response();
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::try_from(&self.request_id) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        response
    }
}

/// What a panic says.
fn message(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
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
    let panicked = error.as_error::<Panicked>();
    let refused = panicked.map(|panicked| &panicked.refused);
    let refused = refused.or_else(|| error.as_error::<ErrorResponse>());
    let mut cause = refused.and_then(|refused| refused.error.source());
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use actix_web::{App, middleware::from_fn, test};
    use serde_json::{Value, json};
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    /// The log of a test.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'w> MakeWriter<'w> for Log {
        type Writer = Self;
        fn make_writer(&'w self) -> Self {
            self.clone()
        }
    }

    impl Log {
        fn lines(&self) -> Vec<Value> {
            let bytes = self.0.lock().unwrap();
            let lines = str::from_utf8(&bytes).unwrap().lines();
            lines
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        }
    }

    async fn fails(request: HttpRequest) -> HttpResponse {
        set_operation(&request, "fail_for_a_test");
        let text = "é";
        let at = request.path().len().min(1);
        HttpResponse::Ok().body(text.split_at(at).0.to_owned())
    }

    #[actix_web::test]
    async fn a_panic_is_a_500_with_a_request_id_a_log_line_and_a_count() {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(log.clone())
            .finish();
        let _subscribed = tracing::subscriber::set_default(subscriber);
        let metrics = Metrics::default();
        let app = App::new()
            .app_data(web::Data::new(metrics.clone()))
            .wrap(from_fn(request))
            .route("/api/v2/fails", web::get().to(fails))
            .route("/api/links/fails", web::get().to(fails))
            .route("/works", web::get().to(HttpResponse::Ok));
        let app = test::init_service(app).await;
        let get = async |path: &str| {
            let request = test::TestRequest::get().uri(path).to_request();
            let answered = test::try_call_service(&app, request).await;
            let response = answered.map_or_else(
                |error| error.error_response(),
                |response| response.into_parts().1.map_into_boxed_body(),
            );
            let id = response.headers().get(REQUEST_ID).cloned();
            let id = id.expect(path).to_str().unwrap().to_owned();
            let status = response.status().as_u16();
            let body = actix_web::body::to_bytes(response.into_body())
                .await
                .unwrap();
            (
                status,
                id,
                serde_json::from_slice(&body).unwrap_or(Value::Null),
            )
        };
        let sentence = "Something failed on our side. Retry the request.";
        let forms = [
            (
                "/api/v2/fails",
                json!({ "error": sentence, "code": "internal_error" }),
            ),
            (
                "/api/links/fails",
                json!({ "detail": sentence, "error_code": "INTERNAL_ERROR", "status": 500 }),
            ),
        ];
        let mut ids = Vec::new();
        for (i, (path, expected)) in (1..).zip(forms) {
            let (status, id, body) = get(path).await;
            assert_eq!((status, body), (500, expected));
            assert_eq!(metrics.panics.get(), i);
            ids.push(id);
        }
        // The others are served.
        let (status, id, _) = get("/works").await;
        assert_eq!(status, 200);
        assert!(!ids.contains(&id), "{ids:?}");
        let lines = log.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        for (line, id) in lines.iter().zip(ids) {
            assert_eq!(line["operation"], "fail_for_a_test");
            assert_eq!(line["request.id"], id);
            assert_eq!(line["status"], 500);
            let error = line["error"].as_str().unwrap();
            assert!(error.contains("it panicked"), "{error}");
        }
    }
}
