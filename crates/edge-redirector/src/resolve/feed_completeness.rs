//! Decides by the numbers of the deliveries whether the channel of record changes is
//! complete, that is, whether this process received every message.

use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct FeedCompleteness {
    /// Number of the last delivery; `None` before the first message with one.
    last_delivery: Option<i64>,
    /// How long the channel is complete after a heartbeat, which arrive every second.
    heartbeat_timeout: Duration,
    complete_until: Instant,
}

impl FeedCompleteness {
    /// A channel that is not complete before its first heartbeat.
    pub fn new(now: Instant, heartbeat_timeout: Duration) -> Self {
        Self {
            last_delivery: None,
            heartbeat_timeout,
            complete_until: now,
        }
    }

    pub fn is_complete(&self, now: Instant) -> bool {
        now < self.complete_until
    }

    /// When the channel stops being complete unless another heartbeat arrives.
    pub fn complete_until(&self) -> Instant {
        self.complete_until
    }

    /// Adds a delivery with the number `last` that follows the delivery `after`. Returns
    /// false if deliveries before it are missing.
    pub fn add_delivery(&mut self, after: i64, last: i64, now: Instant) -> bool {
        let is_next = self.last_delivery.is_none_or(|received| received == after);
        self.last_delivery = Some(last);
        if !is_next {
            self.complete_until = self.complete_until.min(now);
        }
        is_next
    }

    /// Adds a heartbeat with the number of the last delivery. Returns false if deliveries
    /// before it are missing.
    pub fn add_heartbeat(&mut self, last: i64, now: Instant) -> bool {
        let has_all = self.last_delivery.is_none_or(|received| received == last);
        self.last_delivery = Some(last);
        self.complete_until = match has_all {
            true => now + self.heartbeat_timeout,
            false => now,
        };
        has_all
    }
}

#[cfg(test)]
mod tests {
    use domain::record::ChannelMessage;

    use super::*;

    /// Each case has the messages, the time of each in milliseconds after the start, and
    /// whether the feed is complete right after it.
    #[test]
    fn the_feed_is_complete_while_heartbeats_arrive_and_no_number_is_missing() {
        let delivered = |after, last| ChannelMessage::Delivered { after, last };
        let heartbeat = |last| ChannelMessage::Heartbeat { last };
        let change = || ChannelMessage::Changed {
            record_key: "account/1".to_owned(),
        };
        let table = [
            ("before the first heartbeat", vec![(0, change(), false)]),
            (
                "a delivery is not a heartbeat",
                vec![(0, delivered(3, 4), false)],
            ),
            (
                "heartbeats arrive in time",
                vec![
                    (0, heartbeat(4), true),
                    (1_000, heartbeat(4), true),
                    (2_999, change(), true),
                ],
            ),
            (
                "heartbeats stop",
                vec![
                    (0, heartbeat(4), true),
                    (1_999, change(), true),
                    (2_000, change(), false),
                    (60_000, heartbeat(4), true),
                ],
            ),
            (
                "deliveries in order",
                vec![
                    (0, heartbeat(4), true),
                    (10, delivered(4, 9), true),
                    (20, delivered(9, 9), true),
                    (1_000, heartbeat(9), true),
                ],
            ),
            (
                "a delivery is missing",
                vec![
                    (0, heartbeat(4), true),
                    (10, delivered(5, 9), false),
                    (20, delivered(9, 12), false),
                    (1_000, heartbeat(12), true),
                ],
            ),
            (
                "a delivery before a heartbeat is missing",
                vec![
                    (0, heartbeat(4), true),
                    (1_000, heartbeat(5), false),
                    (2_000, heartbeat(5), true),
                ],
            ),
            (
                "Redis has come back with an old number",
                vec![
                    (0, heartbeat(90), true),
                    (10, delivered(40, 60), false),
                    (20, delivered(60, 90), false),
                    (30, heartbeat(90), true),
                ],
            ),
        ];
        for (name, messages) in table {
            let start = Instant::now();
            let mut feed = FeedCompleteness::new(start, Duration::from_secs(2));
            for (ms, message, is_complete) in messages {
                let now = start + Duration::from_millis(ms);
                match message {
                    ChannelMessage::Delivered { after, last } => {
                        feed.add_delivery(after, last, now);
                    }
                    ChannelMessage::Heartbeat { last } => {
                        feed.add_heartbeat(last, now);
                    }
                    ChannelMessage::Changed { .. } => {}
                }
                assert_eq!(feed.is_complete(now), is_complete, "{name}, {ms} ms");
            }
        }
    }
}
