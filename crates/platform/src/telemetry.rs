//! Logs as JSON on standard output, and traces over OTLP if an endpoint is set. Metrics are
//! the services' own, and `admin` serves them.

use std::{collections::HashMap, time::Duration};

use crate::settings::parse_http_base_url;
use anyhow::Context as _;
use opentelemetry::{
    global,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::{SpanContext, TraceContextExt, TracerProvider as _},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use tracing::Level;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{
    EnvFilter, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt,
};

/// The settings of logs and traces, the same for every service.
#[derive(Debug, Clone, clap::Args)]
pub struct TelemetrySettings {
    /// What is logged: a level (error, warn, info, debug, trace), or levels by
    /// module as in `info,edge_redirector=debug`. Failures of the libraries for Postgres,
    /// Redis and RabbitMQ are logged once, by the code that handles them; messages of these
    /// libraries below info are never logged. Requests that are not HTTP are not logged.
    #[arg(long, env = "LOG", default_value = "info,actix_server=warn,actix_http=off,lapin=off,deadpool=off",
          value_parser = log_filter)]
    pub log: String,
    /// Base URL of an OTLP/HTTP collector, such as http://localhost:4318. Without it
    /// nothing is traced. TLS (https://) is not supported.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_parser = parse_http_base_url)]
    pub otlp_endpoint: Option<String>,
    /// The share of requests that are traced, from 0 to 1. Too high: the redirector
    /// becomes slower, because a traced click costs more than another.
    #[arg(long, env = "TRACE_RATIO", default_value = "0.01", value_parser = ratio)]
    pub trace_ratio: f64,
}

fn log_filter(text: &str) -> Result<String, String> {
    let checked = EnvFilter::builder().parse(text);
    checked.map(|_| text.to_owned()).map_err(|e| e.to_string())
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err("it must be a number from 0 to 1".to_owned()),
    }
}

/// What must be flushed before the process ends.
pub struct TelemetryGuard {
    provider: Option<SdkTracerProvider>,
}

impl TelemetryGuard {
    /// Sends the traces that have not been sent, for five seconds at most.
    pub fn flush(self) {
        if let Some(provider) = self.provider
            && let Err(error) = provider.shutdown_with_timeout(Duration::from_secs(5))
        {
            tracing::warn!(error = %error, "sending the last traces failed, losing them");
        }
    }
}

/// Starts logs and traces. Must be called outside of an async runtime, because the
/// exporter starts its own.
pub fn start(
    service: &'static str,
    settings: &TelemetrySettings,
) -> anyhow::Result<TelemetryGuard> {
    let filter = EnvFilter::try_new(&settings.log).context("LOG is not a valid filter")?;
    let logs = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false);
    let provider = settings
        .otlp_endpoint
        .as_deref()
        .map(|endpoint| tracer_provider(service, endpoint, settings.trace_ratio))
        .transpose()?;
    let traces = provider
        .as_ref()
        .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer(service)));
    global::set_text_map_propagator(TraceContextPropagator::new());
    tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(|metadata| {
            is_safe_to_log(metadata.target(), metadata.level())
        }))
        .with(traces)
        .with(logs)
        .try_init()
        .context("the log was started twice")?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(TelemetryGuard { provider })
}

/// Logs a panic as any other failure, with its location in the code.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    let thread = std::thread::current();
    tracing::error!(
        panic.message = panic.payload_as_str().unwrap_or("no message"),
        panic.location = location,
        thread = thread.name(),
        "a thread panicked"
    );
}

/// Whether an event may be logged at all. Debug events of libraries contain the parameters
/// of statements and the headers of requests, and so phone numbers and secrets.
fn is_safe_to_log(target: &str, level: &Level) -> bool {
    const OUR_CRATES: [&str; 7] = [
        "click_worker",
        "domain",
        "edge_redirector",
        "ledger",
        "links_api",
        "platform",
        "postgres",
    ];
    let crate_name = target.split("::").next().unwrap_or_default();
    *level <= Level::INFO || OUR_CRATES.contains(&crate_name)
}

fn tracer_provider(
    service: &'static str,
    endpoint: &str,
    ratio: f64,
) -> anyhow::Result<SdkTracerProvider> {
    let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(url)
        .with_timeout(Duration::from_secs(5))
        .build()
        .with_context(|| format!("OTEL_EXPORTER_OTLP_ENDPOINT {endpoint:?} cannot be used"))?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(Resource::builder().with_service_name(service).build())
        .build())
}

/// The header of the W3C trace context.
pub const TRACEPARENT: &str = "traceparent";

/// The `traceparent` of a span; `None` if the span is not traced.
pub fn traceparent(span: &tracing::Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    if !context.span().span_context().is_sampled() {
        return None;
    }
    let mut carrier = Carrier(HashMap::new());
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.0.remove(TRACEPARENT)
}

/// The span that a `traceparent` refers to; `None` if it is malformed.
pub fn parse_traceparent(traceparent: &str) -> Option<SpanContext> {
    let carrier = Carrier(HashMap::from([(
        TRACEPARENT.to_owned(),
        traceparent.to_owned(),
    )]));
    let context = TraceContextPropagator::new().extract(&carrier);
    let span = context.span().span_context().clone();
    span.is_valid().then_some(span)
}

/// Makes the span that a `traceparent` refers to the parent of this one. Does nothing if it
/// is malformed.
pub fn continue_trace(span: &tracing::Span, traceparent: &str) {
    if let Some(parent) = parse_traceparent(traceparent) {
        let context = opentelemetry::Context::new().with_remote_span_context(parent);
        // This fails only if nothing is traced.
        let _ignored = span.set_parent(context);
    }
}

/// The header, for the traits of the propagator.
struct Carrier(HashMap<String, String>);

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key.to_owned(), value);
    }
}

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_parsed_and_a_malformed_one_is_none() {
        let span =
            parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
        assert_eq!(
            span.trace_id().to_string(),
            "0af7651916cd43dd8448eb211c80319c"
        );
        assert!(span.is_sampled());
        for malformed in ["", "00-0-0-01", "garbage"] {
            assert!(parse_traceparent(malformed).is_none(), "{malformed}");
        }
    }
}
