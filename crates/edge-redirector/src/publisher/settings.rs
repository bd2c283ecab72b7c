//! The publisher's part of the settings.

use std::time::Duration;

use platform::amqp::{BrokerAddresses, Topology};

use crate::settings::Settings;

pub struct PublisherSettings {
    pub addresses: BrokerAddresses,
    pub topology: Topology,
    pub confirm_timeout: Duration,
    pub drain_timeout: Duration,
    /// How long an event may have no store receipt while a later one has.
    pub resend_after: Duration,
    /// While the spool has at most this many bytes, it keeps confirmed events that no
    /// worker has stored yet.
    pub keep_confirmed_bytes: u64,
}

impl PublisherSettings {
    /// Fails if two settings contradict each other.
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        anyhow::ensure!(
            settings.spool_segment_bytes <= settings.spool_max_bytes,
            "SPOOL_SEGMENT_BYTES is larger than SPOOL_MAX_BYTES"
        );
        let keep_confirmed_bytes = settings
            .spool_keep_confirmed_bytes
            .unwrap_or(settings.spool_max_bytes / 2);
        anyhow::ensure!(
            keep_confirmed_bytes <= settings.spool_max_bytes,
            "SPOOL_KEEP_CONFIRMED_BYTES is larger than SPOOL_MAX_BYTES"
        );
        Ok(Self {
            addresses: settings.amqp.amqp_url.clone(),
            topology: settings.amqp.topology(),
            confirm_timeout: Duration::from_millis(settings.confirm_timeout_ms),
            drain_timeout: settings.drain_timeout(),
            resend_after: Duration::from_millis(settings.resend_after_ms),
            keep_confirmed_bytes,
        })
    }
}
