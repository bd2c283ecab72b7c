//! Why a session with RabbitMQ ends.

use platform::amqp::{ConfirmError, ConnectError};
use tokio::task::JoinError;

#[derive(Debug, thiserror::Error)]
pub enum SessionEnd {
    #[error(transparent)]
    NotConnected(#[from] ConnectError),
    #[error("the connection to RabbitMQ failed: {0}")]
    ConnectionLost(#[from] lapin::Error),
    #[error("RabbitMQ ended the consumer of {0}: the queue does not exist any more")]
    QueueGone(String),
    #[error("a dead letter was not confirmed: {0}")]
    DeadLetter(#[from] ConfirmError),
    #[error("a consumer panicked: {0}")]
    Panicked(#[from] JoinError),
    #[error("the worker is stopping")]
    Stopping,
}
