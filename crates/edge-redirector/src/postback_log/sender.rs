//! The task that posts the entries to links-api, once a second.

use std::{sync::Arc, time::Duration};

use platform::{backoff::Backoff, log_rate_limit::LogRateLimiter};
use tokio_util::sync::CancellationToken;

use super::PostbackLog;
use crate::{
    metrics::LogEntryResult,
    resolve::{Origin, OriginError},
};

const INTERVAL: Duration = Duration::from_secs(1);
/// How long a stopping redirector takes for the entries that are left.
const LAST_SEND_LIMIT: Duration = Duration::from_secs(3);

pub struct LogSender {
    pub log: Arc<PostbackLog>,
    pub origin: Origin,
    /// Cancelled when no further postback is answered.
    pub stopped: CancellationToken,
}

impl LogSender {
    /// Posts entries until the redirector stops. A batch that fails stays in the buffer and is
    /// posted again; if the origin never answers, the buffer takes no further entries.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut backoff = Backoff::default();
        let mut wait = INTERVAL;
        loop {
            let is_stopping = tokio::select! {
                () = tokio::time::sleep(wait) => false,
                () = self.stopped.cancelled() => true,
            };
            self.log.record_suppressed(is_stopping);
            if is_stopping {
                drop(tokio::time::timeout(LAST_SEND_LIMIT, self.send_all()).await);
                self.count_lost();
                return Ok(());
            }
            wait = match self.send_all().await {
                Ok(()) => {
                    backoff.reset();
                    INTERVAL
                }
                Err(error) => {
                    let wait = backoff.next_wait().max(INTERVAL);
                    log_failure(&error, wait);
                    wait
                }
            };
        }
    }

    /// Posts all entries that wait.
    async fn send_all(&self) -> Result<(), OriginError> {
        loop {
            let batch = self.log.state().buffer.first_batch();
            let Some((batch, n_lines)) = batch else {
                return Ok(());
            };
            let result = match self.origin.post_postback_log(batch).await {
                Ok(()) => LogEntryResult::Sent,
                // It would be refused again.
                Err(error) if error.is_final() => {
                    log_failure(&error, Duration::ZERO);
                    LogEntryResult::Rejected
                }
                Err(error) => return Err(error),
            };
            self.log.state().buffer.remove_first(n_lines);
            let n_entries = u64::try_from(n_lines).unwrap_or(u64::MAX);
            self.log.metrics.count_log_entries(result, n_entries);
        }
    }

    fn count_lost(&self) {
        let n_lost = self.log.state().buffer.n_entries();
        let n_lost = u64::try_from(n_lost).unwrap_or(u64::MAX);
        if n_lost > 0 {
            let metrics = &self.log.metrics;
            metrics.count_log_entries(LogEntryResult::Stopped, n_lost);
            tracing::info!(
                entries = n_lost,
                "stopping without the origin, dropping entries of the log of postbacks"
            );
        }
    }
}

/// The health of the dependency `origin` warns of an outage; the log alone is no reason to act.
fn log_failure(error: &OriginError, retry_in: Duration) {
    static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
    if let Some(suppressed) = LOG_LIMIT.permit() {
        tracing::info!(
            error.message = %error,
            retry_in_ms = retry_in.as_millis(),
            suppressed,
            "posting entries of the log of postbacks failed"
        );
    }
}
