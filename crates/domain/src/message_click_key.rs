//! The key of a message click: a message and a contact have at most one message click.
//!
//! Both halves of the key are texts whose prefix says what follows. This file writes and
//! reads all of these forms on the Rust side; SQL that writes them uses the same prefixes:
//!
//! | half | form | stands for |
//! |---|---|---|
//! | message key | `m:<message id>` | a message |
//! | | `l:<link key>` | a link without a message, which counts as a message of its own |
//! | contact key | `c:<phone>` | a contact, by phone number in E.164 |
//! | | `v:<hash>` | a visitor, where the link has no contact |

use std::fmt;

use crate::{
    click::ClickEvent,
    id::{AccountId, LinkKey},
    visitor::VisitorHash,
};

pub const MESSAGE_PREFIX: &str = "m:";
pub const LINK_PREFIX: &str = "l:";
pub const PHONE_PREFIX: &str = "c:";
pub const VISITOR_PREFIX: &str = "v:";

/// Identifies a message click.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageClickKey {
    pub account_id: AccountId,
    /// Written by [`message_key`].
    pub message_key: String,
    /// Written by [`phone_contact_key`] or [`visitor_contact_key`].
    pub contact_key: String,
}

impl MessageClickKey {
    /// The key of the message click that this click may become.
    pub fn for_click(event: &ClickEvent<'_>, visitor: &VisitorHash) -> Self {
        Self {
            account_id: event.account_id,
            message_key: message_key(event.message_id.as_deref(), event.link_key),
            contact_key: match &event.contact_phone {
                Some(phone) => phone_contact_key(phone),
                None => visitor_contact_key(visitor),
            },
        }
    }

    /// Whether the contact is a visitor. The hash of a visitor changes every day (UTC), so
    /// all clicks of this key are of one day.
    pub fn is_for_visitor(&self) -> bool {
        self.contact_key.starts_with(VISITOR_PREFIX)
    }
}

/// The key of a message, or of the link itself where it belongs to no message.
pub fn message_key(message_id: Option<&str>, link_key: LinkKey) -> String {
    match message_id {
        Some(message_id) => message_key_of_message(message_id),
        None => format!("{LINK_PREFIX}{link_key}"),
    }
}

pub fn message_key_of_message(message_id: &str) -> String {
    format!("{MESSAGE_PREFIX}{message_id}")
}

/// The key of a contact whose phone number is known.
pub fn phone_contact_key(phone: &str) -> String {
    format!("{PHONE_PREFIX}{phone}")
}

/// The key of a contact who is known only as a visitor. `visitor` displays the hash.
pub fn visitor_contact_key(visitor: &impl fmt::Display) -> String {
    format!("{VISITOR_PREFIX}{visitor}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{click::tests::click_event, visitor::tests::visitor_hash};

    #[rstest]
    #[case(None, "l:77")]
    #[case(Some("msg-1"), "m:msg-1")]
    #[case(Some("l:77"), "m:l:77")]
    fn a_link_without_a_message_counts_as_a_message_of_its_own(
        #[case] message_id: Option<&'static str>,
        #[case] expected: &str,
    ) {
        let mut event = click_event();
        event.link_key = LinkKey(77);
        event.message_id = message_id.map(Into::into);
        let key = MessageClickKey::for_click(&event, &visitor_hash());
        assert_eq!(key.message_key, expected);
    }

    #[test]
    fn a_contact_without_a_phone_number_is_the_visitor() {
        let visitor = visitor_hash();
        let mut event = click_event();
        event.contact_phone = Some("+18005551234".into());
        let key = MessageClickKey::for_click(&event, &visitor);
        assert_eq!(key.contact_key, "c:+18005551234");
        assert!(!key.is_for_visitor());

        event.contact_phone = None;
        let key = MessageClickKey::for_click(&event, &visitor);
        assert_eq!(key.contact_key, format!("v:{visitor}"));
        assert!(key.is_for_visitor());
    }
}
