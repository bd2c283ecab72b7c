//! What all request handlers share.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    click_lookups::ClickLookups, concurrency_limit::ConcurrencyLimit,
    confirmation_token::ConfirmationTokens, enumeration_guard::EnumerationGuard,
    first_conversions::FirstConversions, metrics::Metrics, postback_log::PostbackLog,
    resolve::Resolver, spool::Spool, visitor::VisitorDetector,
};

pub struct AppState {
    pub resolver: Arc<Resolver>,
    pub spool: Spool,
    pub visitor_detector: VisitorDetector,
    pub confirmation_tokens: ConfirmationTokens,
    pub concurrency_limit: ConcurrencyLimit,
    pub enumeration_guard: EnumerationGuard,
    pub first_conversions: FirstConversions,
    pub click_lookups: ClickLookups,
    pub postback_log: Arc<PostbackLog>,
    /// How long a request's body may take to arrive.
    pub client_timeout: Duration,
    /// Whether traces are exported; otherwise clicks have no span at all.
    pub is_tracing: bool,
    /// Cancelled when shutdown begins: responses then carry `Connection: close`, so that
    /// clients send the next request to another process.
    pub draining: CancellationToken,
    pub metrics: Metrics,
}
