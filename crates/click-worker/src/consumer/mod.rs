//! Consuming from RabbitMQ: which queues this worker consumes from, and what becomes of their
//! messages.
//!
//! Events that cannot be stored now are kept and retried, not requeued: the broker counts
//! redeliveries, and an outage of Postgres is not the fault of the messages. Events that can
//! never be stored are dead-lettered. Any failure of RabbitMQ ends the session, and messages
//! that were not acknowledged are delivered again.
//!
//! | file | is for |
//! |---|---|
//! | `session` | a connection with a consumer for each queue whose lease this worker holds |
//! | `queue_consumer` | one queue: collects batches while the one before is stored |
//! | `intake` | receives messages, acknowledges and dead-letters them |
//! | `decode` | splits messages into events, and rejects what is none |
//! | `bisect` | stores a batch, and halves it when it fails because of one event |
//! | `receipts` | tells redirectors what is stored |

mod batch;
mod bisect;
mod dead_letter;
mod decode;
mod intake;
mod queue_consumer;
mod queues;
mod receipts;
mod session;
mod session_end;

pub use queue_consumer::ConsumerSettings;
pub use receipts::receipt_channel;
pub use session::Worker;
