//! The state of the broker: whether the connection is open, whether it blocks publishers,
//! and whether the oldest confirm is overdue.

use std::time::Instant;

use platform::amqp::{self, ConfirmError};

use super::{super::error::SessionError, Session};

impl Session<'_> {
    /// Fails if the connection is lost or the oldest confirm is overdue.
    pub(super) fn check_broker(&mut self) -> Result<(), SessionError> {
        amqp::ensure_connected(self.connection).map_err(ConfirmError::ConnectionLost)?;
        match self.window.front().map(|oldest| oldest.published_at) {
            Some(published_at) => self.check_confirm_timeout(published_at),
            None => Ok(()),
        }
    }

    /// Fails if the confirm timeout has passed since `published_at`, unless the broker says
    /// that it blocks publishers: then it may take as long as it needs.
    pub(super) fn check_confirm_timeout(
        &mut self,
        published_at: Instant,
    ) -> Result<(), SessionError> {
        let is_blocked = self.connection.status().blocked();
        if is_blocked != self.is_blocked {
            self.set_blocked(is_blocked);
            if !is_blocked {
                return Ok(());
            }
        }
        let timeout = self.publisher.settings.confirm_timeout;
        if !is_blocked && published_at.elapsed() > timeout {
            return Err(ConfirmError::TimedOut(timeout).into());
        }
        Ok(())
    }

    /// Reports that the broker blocks or unblocks publishers; the latter restarts the
    /// confirm timeouts.
    fn set_blocked(&mut self, is_blocked: bool) {
        self.is_blocked = is_blocked;
        let publisher = self.publisher;
        publisher.metrics.broker_blocked.set(i64::from(is_blocked));
        if is_blocked {
            publisher
                .health
                .mark_down("RabbitMQ blocks publishers: its memory or disk is full");
            tracing::warn!("RabbitMQ blocks publishers, clicks wait in the spool");
        } else {
            publisher.health.mark_up();
            tracing::info!("RabbitMQ no longer blocks publishers");
            for message in &mut self.window {
                message.published_at = Instant::now();
            }
        }
    }
}
