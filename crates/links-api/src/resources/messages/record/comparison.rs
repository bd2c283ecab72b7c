//! Whether a row says what is known of its message.

use domain::id::{CreativeId, ListId};
use jiff::Timestamp;

use super::request::ValidRow;
use crate::db::messages::{RecordedMessage, StoredMessage};

/// What is known of a message: by an earlier request, or by an earlier row of this one.
pub struct KnownMessage<'m> {
    contact_phone: &'m str,
    list_id: ListId,
    creative_id: Option<CreativeId>,
    link_keys: &'m [i64],
    /// `None` for a rendered message: its platform knows better what it sent, and when.
    recorded: Option<RecordedContent<'m>>,
}

struct RecordedContent<'m> {
    text: Option<&'m str>,
    sender: Option<&'m str>,
    sent_at: Timestamp,
}

impl<'m> KnownMessage<'m> {
    /// `link_keys` are those of a rendered message.
    pub fn from_stored(stored: &'m StoredMessage, link_keys: &'m [i64]) -> Self {
        let recorded = stored.link_keys.as_ref();
        Self {
            contact_phone: &stored.contact_phone,
            list_id: stored.list_id,
            creative_id: stored.creative_id,
            link_keys: recorded.map_or(link_keys, Vec::as_slice),
            recorded: recorded.map(|_| RecordedContent {
                text: stored.text.as_deref(),
                sender: stored.sender.as_deref(),
                sent_at: stored.sent_at,
            }),
        }
    }

    /// Whether a row with its resolved message says nothing else. What a row leaves out is the
    /// same as what is known.
    pub fn is_said_by(&self, row: &ValidRow, message: &RecordedMessage) -> bool {
        let is_same_content = self.recorded.as_ref().is_none_or(|content| {
            is_same(message.text.as_deref(), content.text)
                && is_same(message.sender.as_deref(), content.sender)
                && row.sent_at.is_none_or(|time| time == content.sent_at)
        });
        self.contact_phone == message.contact_phone
            && self.list_id == message.list_id
            && is_same(message.creative_id, self.creative_id)
            && (row.links.is_none() || message.link_keys == self.link_keys)
            && is_same_content
    }
}

impl<'m> From<&'m RecordedMessage> for KnownMessage<'m> {
    fn from(message: &'m RecordedMessage) -> Self {
        Self {
            contact_phone: &message.contact_phone,
            list_id: message.list_id,
            creative_id: message.creative_id,
            link_keys: &message.link_keys,
            recorded: Some(RecordedContent {
                text: message.text.as_deref(),
                sender: message.sender.as_deref(),
                sent_at: message.sent_at,
            }),
        }
    }
}

fn is_same<T: PartialEq>(said: Option<T>, known: Option<T>) -> bool {
    said.is_none() || said == known
}
