//! What the redirector must know, as links-api caches it in Redis and answers
//! it as the origin: one record per link, offer, list and account, so that a
//! change to an offer is one record and not a million.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, CreativeId, LinkKey, ListId, OfferId, ShortId, TrackerToken};

/// The name of a record, the same in Redis (behind the key prefix) and in the
/// origin's path. A partnership link is stored under both of its names, so
/// that either of its hops costs one look-up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RecordKey {
    /// By short domain (normalised, see [`crate::host`]) and short id.
    Link {
        host: String,
        id: ShortId,
    },
    /// By click tracker token.
    Tracker(TrackerToken),
    Offer(OfferId),
    List(ListId),
    Account(AccountId),
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link { host, id } => write!(f, "link/{host}/{id}"),
            Self::Tracker(token) => write!(f, "tracker/{token}"),
            Self::Offer(id) => write!(f, "offer/{id}"),
            Self::List(id) => write!(f, "list/{id}"),
            Self::Account(id) => write!(f, "account/{id}"),
        }
    }
}

/// A link and all that is bound to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    pub link_key: LinkKey,
    pub account_id: AccountId,
    /// The short domain's host, normalised.
    pub short_host: String,
    pub link_id: ShortId,
    /// Where a partnership link's second hop goes; other links have one hop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracker: Option<Tracker>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_id: Option<ListId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer_id: Option<OfferId>,
    /// The destination template of a link without an offer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creative_id: Option<CreativeId>,
    #[serde(default)]
    pub bound: Bound,
    pub status: LinkStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<jiff::Timestamp>,
}

/// The click tracker URL of a link: `https://<host>/c/<token>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracker {
    /// Normalised.
    pub host: String,
    pub token: TrackerToken,
}

impl fmt::Display for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}/c/{}", self.host, self.token)
    }
}

/// Defaults for the parameters of a click, bound to its link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bound {
    pub subs: [Option<String>; 5],
    pub source: Option<String>,
    pub creative: Option<String>,
    pub cost: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkStatus {
    Active,
    Deactivated,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferRecord {
    pub offer_id: OfferId,
    pub account_id: AccountId,
    /// The destination template.
    pub destination: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affiliate_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_url: Option<String>,
    pub status: OfferStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferStatus {
    Active,
    Paused,
    Archived,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRecord {
    pub list_id: ListId,
    pub account_id: AccountId,
    /// The short link records the click and goes straight to the destination.
    pub collapse_hops: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    pub account_id: AccountId,
    pub status: AccountStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    Active,
    Suspended,
}
