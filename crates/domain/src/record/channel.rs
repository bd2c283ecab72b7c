//! The messages by which links-api tells redirectors which records have changed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The Redis channel on which links-api publishes [`ChannelMessage`]s to the redirectors. Its
/// name follows the key prefix, as keys do.
pub const CHANGES_CHANNEL: &str = "changes";

/// A message on the channel. The relay's deliveries of record changes are numbered, and Redis
/// stores the number of the last one. Numbers ascend; gaps between them mean nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelMessage {
    /// A record has changed. The key is not parsed, since a later version may name kinds of
    /// records that this version does not know.
    Changed { record_key: String },
    /// The delivery with the number `last` is complete, and the one before it had the number
    /// `after`. A redirector whose last number is another one has missed a delivery.
    Delivered { after: i64, last: i64 },
    /// Every change that is older than a second is delivered, and the last delivery had the
    /// number `last`. It is sent every second.
    Heartbeat { last: i64 },
}

impl fmt::Display for ChannelMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { record_key } => f.write_str(record_key),
            Self::Delivered { after, last } => write!(f, "delivered/{after}/{last}"),
            Self::Heartbeat { last } => write!(f, "heartbeat/{last}"),
        }
    }
}

impl ChannelMessage {
    /// The inverse of `Display`. Any other text is the key of a changed record.
    pub fn parse(text: &str) -> Self {
        let parse_delivered = || {
            let (after, last) = text.strip_prefix("delivered/")?.split_once('/')?;
            Some(Self::Delivered {
                after: after.parse().ok()?,
                last: last.parse().ok()?,
            })
        };
        let parse_heartbeat = || {
            let last = text.strip_prefix("heartbeat/")?.parse().ok()?;
            Some(Self::Heartbeat { last })
        };
        parse_delivered()
            .or_else(parse_heartbeat)
            .unwrap_or_else(|| Self::Changed {
                record_key: text.to_owned(),
            })
    }
}

/// A changed record, as the origin lists it for a redirector that has lost the channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordChange {
    /// Unique. Its order is not that of the changes.
    pub id: i64,
    pub record_key: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_message_is_parsed_from_its_text() {
        let changed = |key: &str| ChannelMessage::Changed {
            record_key: key.to_owned(),
        };
        let table = [
            ("heartbeat/0", ChannelMessage::Heartbeat { last: 0 }),
            (
                "delivered/7/9",
                ChannelMessage::Delivered { after: 7, last: 9 },
            ),
            (
                "link/go.example.com/abc",
                changed("link/go.example.com/abc"),
            ),
            (
                "offer/6789abcd1234ef5678901234",
                changed("offer/6789abcd1234ef5678901234"),
            ),
            // Texts of a later version.
            ("heartbeat/", changed("heartbeat/")),
            ("heartbeat/x", changed("heartbeat/x")),
            ("delivered/7", changed("delivered/7")),
            ("delivered/7/9/11", changed("delivered/7/9/11")),
            ("", changed("")),
        ];
        for (text, message) in table {
            assert_eq!(ChannelMessage::parse(text), message, "{text}");
            assert_eq!(message.to_string(), text);
        }
    }
}
