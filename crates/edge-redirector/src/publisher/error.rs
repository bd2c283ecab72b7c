//! Why a publisher session ends.

use platform::amqp::{ConfirmError, ConnectError};

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Confirm(#[from] ConfirmError),
    #[error("publishing a message failed: {0}")]
    Publish(#[from] lapin::Error),
    #[error("reading the spool failed: {0}")]
    ReadSpool(#[from] std::io::Error),
}

impl SessionError {
    /// The value of `error.type` in logs and of `reason` in metrics.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Connect(_) => "not_connected",
            Self::Confirm(ConfirmError::Returned { .. }) => "returned",
            Self::Confirm(ConfirmError::Nacked) => "nacked",
            Self::Confirm(ConfirmError::NotRequested) => "not_in_confirm_mode",
            Self::Confirm(ConfirmError::ConnectionLost(_)) | Self::Publish(_) => "connection_lost",
            Self::Confirm(ConfirmError::TimedOut(_)) => "confirm_timeout",
            Self::ReadSpool(_) => "spool_unreadable",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus_client::registry::Registry;

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn every_error_type_is_known_to_the_metrics_from_the_start() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let lost = || lapin::ErrorKind::MissingHeartbeatError.into();
        let returned = ConfirmError::Returned {
            reply_code: 312,
            reply_text: "NO_ROUTE".to_owned(),
        };
        let errors: [SessionError; 8] = [
            ConnectError::TimedOut(Duration::ZERO).into(),
            returned.into(),
            ConfirmError::Nacked.into(),
            ConfirmError::NotRequested.into(),
            ConfirmError::ConnectionLost(lost()).into(),
            ConfirmError::TimedOut(Duration::ZERO).into(),
            SessionError::Publish(lost()),
            SessionError::ReadSpool(std::io::Error::other("broken")),
        ];
        let n_lines = |registry: &Registry| {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
            text.lines().count()
        };
        let n_lines_before = n_lines(&registry);
        for error in errors {
            metrics.count_publisher_failure(error.error_type());
            assert_eq!(n_lines(&registry), n_lines_before, "{error}");
        }
    }
}
