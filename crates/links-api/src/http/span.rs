//! Gives every request an id, a span, metrics and, for failures, a log line.

use std::{cell::Cell, error::Error as _, panic::AssertUnwindSafe, rc::Rc, time::Instant};

use actix_web::{
    Error, HttpMessage as _, HttpRequest,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::HeaderValue,
    middleware::Next,
    web,
};
use futures_util::FutureExt as _;
use platform::telemetry::{self, TRACEPARENT};
use tracing::Instrument as _;

use super::panic_response::{PanicResponse, REQUEST_ID, panic_message};
use crate::{
    error::{ApiError, ApiFamily, ErrorResponse},
    metrics::{Metrics, method_label},
};

/// What the log line of a failed request says about it.
#[derive(Debug)]
struct RequestLogFields {
    id: String,
    /// The id of the operation that handles it, unless no operation has the path.
    operation: Cell<Option<&'static str>>,
}

/// Notes which operation handles a request, for the log.
pub fn set_operation(request: &HttpRequest, operation: &'static str) {
    if let Some(fields) = request.extensions().get::<Rc<RequestLogFields>>() {
        fields.operation.set(Some(operation));
    }
}

/// The id of a request, which its response has in `X-Request-Id`.
pub fn request_id(request: &HttpRequest) -> String {
    let extensions = request.extensions();
    let fields = extensions.get::<Rc<RequestLogFields>>();
    fields.map(|fields| fields.id.clone()).unwrap_or_default()
}

/// The middleware around all routes.
pub async fn trace_request(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let start = Instant::now();
    let route = request.match_pattern().unwrap_or_else(|| "none".to_owned());
    let method = method_label(request.method());
    let metrics = request.app_data::<web::Data<Metrics>>().cloned();
    let family = ApiFamily::of_path(request.path());
    let log_fields = Rc::new(RequestLogFields {
        id: client_request_id(&request).unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
        operation: Cell::new(None),
    });
    request.extensions_mut().insert(log_fields.clone());
    let span = tracing::info_span!(
        "links-api.request",
        otel.kind = "server",
        http.route = route,
        http.request.method = method,
        request.id = log_fields.id,
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
    // A panic drops what the handler held, so its transaction is rolled back as if the
    // client had gone away.
    let handled = AssertUnwindSafe(handling).catch_unwind().await;
    let mut result = handled.unwrap_or_else(|panic| {
        if let Some(metrics) = &metrics {
            metrics.panics.inc();
        }
        let message = panic_message(&*panic);
        let response = ErrorResponse {
            family,
            error: ApiError::internal(anyhow::anyhow!("the handler panicked: {message}")),
        };
        let request_id = log_fields.id.clone();
        Err(PanicResponse {
            response,
            request_id,
        }
        .into())
    });
    if let (Ok(response), Ok(id)) = (&mut result, HeaderValue::try_from(&log_fields.id)) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let status = match &result {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    span.record("http.response.status_code", status.as_u16());
    if let Some(metrics) = metrics {
        metrics.record_request(&route, method, status, start.elapsed());
    }
    if status.is_server_error() {
        let error = match &result {
            Ok(response) => response.response().error().map(error_with_causes),
            Err(error) => Some(error_with_causes(error)),
        };
        tracing::error!(
            http.route = route,
            operation = log_fields.operation.get(),
            request.id = log_fields.id,
            http.response.status_code = status.as_u16(),
            error.message = error,
            "a request failed"
        );
    }
    result
}

/// The request id that the client has sent, if it can be logged and sent back.
fn client_request_id(request: &ServiceRequest) -> Option<String> {
    const MAX_LEN: usize = 128;
    let id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let is_visible = id.bytes().all(|b| b.is_ascii_graphic());
    (!id.is_empty() && id.len() <= MAX_LEN && is_visible).then(|| id.to_owned())
}

/// The error and its causes in one line.
fn error_with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let panic = error.as_error::<PanicResponse>();
    let response = panic.map(|panic| &panic.response);
    let response = response.or_else(|| error.as_error::<ErrorResponse>());
    let mut cause = response.and_then(|response| response.error.source());
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

    use actix_web::{App, HttpResponse, middleware::from_fn, test};
    use serde_json::{Value, json};
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    /// Collects the log of a test.
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

    async fn panic_in_handler(request: HttpRequest) -> HttpResponse {
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
            .wrap(from_fn(trace_request))
            .route("/api/v2/fails", web::get().to(panic_in_handler))
            .route("/api/links/fails", web::get().to(panic_in_handler))
            .route("/works", web::get().to(HttpResponse::Ok));
        let app = test::init_service(app).await;
        let get = async |path: &str| {
            let request = test::TestRequest::get().uri(path).to_request();
            let result = test::try_call_service(&app, request).await;
            let response = result.map_or_else(
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
        let formats = [
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
        for (i, (path, expected)) in (1..).zip(formats) {
            let (status, id, body) = get(path).await;
            assert_eq!((status, body), (500, expected));
            assert_eq!(metrics.panics.get(), i);
            ids.push(id);
        }
        // Other requests are served.
        let (status, id, _) = get("/works").await;
        assert_eq!(status, 200);
        assert!(!ids.contains(&id), "{ids:?}");
        let lines = log.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        for (line, id) in lines.iter().zip(ids) {
            assert_eq!(line["operation"], "fail_for_a_test");
            assert_eq!(line["request.id"], id);
            assert_eq!(line["http.response.status_code"], 500);
            let error = line["error.message"].as_str().unwrap();
            assert!(error.contains("the handler panicked"), "{error}");
        }
    }
}
