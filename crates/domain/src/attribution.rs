//! Which click becomes the message click: per message and contact the
//! earliest one that is not a bot's.
//!
//! The rule is a merge that does not depend on order: it takes the smaller
//! click id, and a click id starts with its time. So it gives the same result
//! whatever comes first, late or twice, and it can be rebuilt from the clicks
//! at any time.

use std::{collections::BTreeMap, fmt, net::IpAddr};

use hmac::{Hmac, KeyInit, Mac};
use jiff::{Timestamp, tz::TimeZone};
use sha2::Sha256;

use crate::{
    click::ClickEvent,
    id::{AccountId, ClickId, LinkKey},
};

/// What has at most one message click.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageClickKey {
    pub account_id: AccountId,
    /// `m:<message id>`; a link with no message is its own: `l:<link key>`.
    pub message_key: String,
    /// `c:<phone>`; with no contact it is the visitor: `v:<hash>`.
    pub contact_key: String,
}

impl MessageClickKey {
    /// Whose message click this click may become.
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
}

impl MessageClickKey {
    /// Whether the contact is a visitor, who is another one every day (UTC).
    pub fn is_for_visitor(&self) -> bool {
        self.contact_key.starts_with(VISITOR_PREFIX)
    }
}

const VISITOR_PREFIX: &str = "v:";

/// `m:<message id>`, or `l:<link key>`.
pub fn message_key(message_id: Option<&str>, link_key: LinkKey) -> String {
    match message_id {
        Some(message_id) => format!("m:{message_id}"),
        None => format!("l:{link_key}"),
    }
}

/// `c:<phone>`
pub fn phone_contact_key(phone: &str) -> String {
    format!("c:{phone}")
}

/// `v:<hash>`
pub fn visitor_contact_key(visitor: &impl fmt::Display) -> String {
    format!("{VISITOR_PREFIX}{visitor}")
}

/// The secret behind every visitor hash: without it, addresses could be
/// found from hashes by trying them all.
#[derive(Clone)]
pub struct VisitorHashKey(Vec<u8>);

impl VisitorHashKey {
    pub const MIN_BYTES: usize = 16;

    /// `None` if the key is shorter than [`Self::MIN_BYTES`].
    pub fn new(key: &[u8]) -> Option<Self> {
        (key.len() >= Self::MIN_BYTES).then(|| Self(key.to_vec()))
    }
}

impl fmt::Debug for VisitorHashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VisitorHashKey(secret)")
    }
}

/// Who clicked, where no contact is known: a keyed hash of address and user
/// agent that is another one every day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VisitorHash([u8; 16]);

impl VisitorHash {
    pub fn new(
        key: &VisitorHashKey,
        time: Timestamp,
        ip: IpAddr,
        user_agent: Option<&str>,
    ) -> Self {
        let day = time.to_zoned(TimeZone::UTC).date();
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&key.0).expect("HMAC takes keys of any length");
        mac.update(format!("{day}\n{}\n", ip.to_canonical()).as_bytes());
        mac.update(user_agent.unwrap_or_default().as_bytes());
        let digest = mac.finalize().into_bytes();
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest[..16]);
        Self(hash)
    }
}

impl fmt::Display for VisitorHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The earlier of two clicks, by time and then by the rest of the id.
pub fn earlier_click(one: ClickId, other: ClickId) -> ClickId {
    one.min(other)
}

/// The message clicks of some clicks, in the order of their keys; the index is
/// the click's place in `clicks`. Bots have none.
pub fn earliest_click_per_key<'e>(
    clicks: impl Iterator<Item = (&'e ClickEvent<'static>, MessageClickKey)>,
) -> BTreeMap<MessageClickKey, (usize, ClickId)> {
    let mut earliest = BTreeMap::new();
    for (index, (event, key)) in clicks.enumerate() {
        if event.is_bot() {
            continue;
        }
        let candidate = (index, event.click_id);
        earliest
            .entry(key)
            .and_modify(|current: &mut (usize, ClickId)| {
                if earlier_click(candidate.1, current.1) != current.1 {
                    *current = candidate;
                }
            })
            .or_insert(candidate);
    }
    earliest
}

#[cfg(test)]
mod tests;
