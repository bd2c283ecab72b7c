//! How far publishing has come. It outlives the sessions.

use std::time::Instant;

use super::{settings::PublisherSettings, unacknowledged::UnacknowledgedByPartition};
use crate::spool::Position;

pub struct Progress {
    /// Identifies this process in receipts.
    pub process_id: String,
    /// End of the events that are on a queue for certain.
    pub confirmed_end: Position,
    pub unacknowledged: UnacknowledgedByPartition,
}

impl Progress {
    pub fn new(settings: &PublisherSettings) -> Self {
        Self {
            process_id: format!("{:016x}", rand::random::<u64>()),
            confirmed_end: Position::default(),
            unacknowledged: UnacknowledgedByPartition::new(
                settings.topology.n_partitions,
                settings.resend_after,
                Instant::now(),
            ),
        }
    }
}
