//! Publishes the spool to RabbitMQ: confirmed messages, in order.
//!
//! A session connects, declares the topology, and publishes the durable events with a
//! window of unconfirmed messages. Any failure (connection or channel
//! lost, a nack, a returned message, no confirm in time) ends the session; the
//! next one starts at the first event that was not confirmed (see `confirm_barrier`). While
//! a broker blocks publishers, the session waits. Consumers get duplicates and recognise
//! them by their click ids.
//!
//! Confirmed events stay in the spool until a worker's receipt says that they are
//! stored (see `unacknowledged`), or until the spool needs the room. Writing the spool is
//! left to `spool`, and connecting to `platform::amqp`.

mod confirm_barrier;
mod error;
mod message;
mod progress;
mod receipts;
mod session;
mod settings;
mod unacknowledged;

use std::sync::Arc;

use lapin::options::ConfirmSelectOptions;
use platform::{amqp, backoff::Backoff, health::DependencyHealth, service::Deadline};
use tokio_util::sync::CancellationToken;

use crate::{
    metrics::Metrics,
    spool::{Reader, Spool},
};
use error::SessionError;
use progress::Progress;
use receipts::ReceiptConsumer;
use session::Session;
pub use settings::PublisherSettings;

/// Publishes the events of the spool, in one session after the other.
pub struct Publisher {
    pub settings: PublisherSettings,
    pub spool: Spool,
    pub metrics: Metrics,
    pub health: DependencyHealth,
    /// Cancelled once nothing is appended to the spool any more.
    pub spool_stopped: CancellationToken,
}

impl Publisher {
    /// Publishes until the spool is stopped, and then until all its events are confirmed or
    /// the drain timeout has passed. Other events stay in the spool.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut reader = self.spool.reader();
        let mut progress = Progress::new(&self.settings);
        let mut backoff = Backoff::default();
        let deadline =
            Deadline::after_cancellation(&self.spool_stopped, self.settings.drain_timeout);
        loop {
            reader.seek(progress.confirmed_end);
            let confirmed_before = progress.confirmed_end;
            let session = self.run_session(&mut reader, &mut progress);
            let result = tokio::select! {
                result = session => result,
                () = deadline.reached() => {
                    tracing::warn!(
                        spool.bytes = self.spool.bytes(),
                        "stopping with unpublished clicks in the spool, publishing them after the next start"
                    );
                    return Ok(());
                }
            };
            let Err(error) = result else {
                self.log_end();
                return Ok(());
            };
            if progress.confirmed_end != confirmed_before {
                backoff.reset();
            }
            self.metrics.count_publisher_failure(error.error_type());
            self.health.mark_down(&error);
            let wait = backoff.next_wait();
            tracing::warn!(
                error.type = error.error_type(),
                error.message = %error,
                retry_in_ms = wait.as_millis(),
                "publisher session failed, reconnecting"
            );
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = deadline.reached() => {}
            }
        }
    }

    fn log_end(&self) {
        tracing::info!("all clicks are published");
        let bytes = self.spool.bytes();
        if bytes > 0 {
            tracing::info!(
                spool.bytes = bytes,
                "clicks that no worker has stored yet stay in the spool, resending them after the next start"
            );
        }
    }

    /// Runs one session. Returns `Ok` only once the spool is stopped and all its events
    /// are confirmed.
    async fn run_session(
        &self,
        reader: &mut Reader,
        progress: &mut Progress,
    ) -> Result<(), SessionError> {
        let settings = &self.settings;
        let (connection, channel) =
            amqp::connect(&settings.addresses, &settings.topology, "edge-redirector").await?;
        let connection = Arc::new(connection);
        let result = self
            .publish_on(&connection, channel, reader, progress)
            .await;
        self.metrics.broker_blocked.set(0);
        match &result {
            Ok(()) => amqp::close(&connection).await,
            // Dropping a connection does not close it, and the next session opens another.
            Err(_) => amqp::close_in_background(connection),
        }
        result
    }

    async fn publish_on(
        &self,
        connection: &Arc<lapin::Connection>,
        channel: lapin::Channel,
        reader: &mut Reader,
        progress: &mut Progress,
    ) -> Result<(), SessionError> {
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        let receipts = ReceiptConsumer::start(
            connection.clone(),
            self.settings.topology.clone(),
            progress.process_id.clone(),
            self.metrics.clone(),
        );
        self.health.mark_up();
        tracing::info!("connected to RabbitMQ");
        let mut session = Session::new(self, connection, channel, receipts);
        session.run(reader, progress).await?;
        session.stop_receipts().await;
        Ok(())
    }
}
