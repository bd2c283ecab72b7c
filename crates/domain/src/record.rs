//! What the redirector must know, as links-api caches it in Redis and answers
//! it as the origin: one record per link, offer, list and account, so that a
//! change to an offer is one record and not a million.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    bot::CountryFilter,
    id::{
        AccountId, CampaignId, CreativeId, LinkCode, LinkKey, ListId, OfferId, ShortId,
        TrackerToken,
    },
    interstitial::{Interstitial, InterstitialPage},
    postback::{PostbackMode, SigningKey},
};

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
    /// By a campaign link's code.
    Code(LinkCode),
    Offer(OfferId),
    Campaign(CampaignId),
    List(ListId),
    Account(AccountId),
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link { host, id } => write!(f, "link/{host}/{id}"),
            Self::Tracker(token) => write!(f, "tracker/{token}"),
            Self::Code(code) => write!(f, "code/{code}"),
            Self::Offer(id) => write!(f, "offer/{id}"),
            Self::Campaign(id) => write!(f, "campaign/{id}"),
            Self::List(id) => write!(f, "list/{id}"),
            Self::Account(id) => write!(f, "account/{id}"),
        }
    }
}

impl RecordKey {
    /// The inverse of `Display`. `None` where it is no record's name.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('/')?;
        Some(match kind {
            "link" => {
                let (host, id) = rest.split_once('/')?;
                Self::Link {
                    host: crate::host::normalise(host)?,
                    id: ShortId::parse(id).ok()?,
                }
            }
            "tracker" => Self::Tracker(TrackerToken::parse(rest).ok()?),
            "code" => Self::Code(LinkCode::parse(rest).ok()?),
            "offer" => Self::Offer(OfferId::parse(rest).ok()?),
            "campaign" => Self::Campaign(CampaignId::parse(rest).ok()?),
            "list" => Self::List(ListId(rest.parse().ok()?)),
            "account" => Self::Account(AccountId(rest.parse().ok()?)),
            _ => return None,
        })
    }
}

/// The channel of [`ChannelMessage`]s from links-api to the redirectors. Behind the key
/// prefix, as keys.
pub const CHANGES_CHANNEL: &str = "changes";

/// What links-api says on the channel. Deliveries of changes are numbered, and Redis has
/// the number of the last one; holes between numbers mean nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelMessage {
    /// This record has changed. Not parsed: a later version may name other kinds.
    Changed { record_key: String },
    /// A delivery is complete: the one before it had the number `after`. A redirector that
    /// has heard of another number last has missed something.
    Delivered { after: i64, last: i64 },
    /// Every change that is older than a second is delivered, and the last delivery had
    /// this number. Sent every second.
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
    /// The inverse of `Display`.
    pub fn parse(text: &str) -> Self {
        let delivered = || {
            let (after, last) = text.strip_prefix("delivered/")?.split_once('/')?;
            Some(Self::Delivered {
                after: after.parse().ok()?,
                last: last.parse().ok()?,
            })
        };
        let heartbeat = || {
            let last = text.strip_prefix("heartbeat/")?.parse().ok()?;
            Some(Self::Heartbeat { last })
        };
        delivered()
            .or_else(heartbeat)
            .unwrap_or_else(|| Self::Changed {
                record_key: text.to_owned(),
            })
    }
}

/// A record that has changed, as the origin tells a redirector that lost the
/// channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordChange {
    /// Unique; says nothing of the order.
    pub id: i64,
    pub record_key: String,
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
    pub tracker: Option<TrackerUrl>,
    /// A campaign link's second name; either of them has one hop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<CodeUrl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_id: Option<ListId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer_id: Option<OfferId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<CampaignId>,
    /// The destination template of a link without an offer, or a campaign
    /// link's own landing page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creative_id: Option<CreativeId>,
    #[serde(default, rename = "bound")]
    pub default_parameters: DefaultParameters,
    /// The click's query goes on to the destination.
    #[serde(default)]
    pub forward_query: bool,
    pub status: LinkStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<jiff::Timestamp>,
    /// Counts the changes of the link.
    #[serde(default)]
    pub version: i64,
}

impl LinkRecord {
    /// Every name that the link is stored under.
    pub fn record_keys(&self) -> Vec<RecordKey> {
        let keys = [Some(self.short_key()), self.tracker_key(), self.code_key()];
        keys.into_iter().flatten().collect()
    }

    pub fn short_key(&self) -> RecordKey {
        RecordKey::Link {
            host: self.short_host.clone(),
            id: self.link_id.clone(),
        }
    }

    pub fn tracker_key(&self) -> Option<RecordKey> {
        let tracker = self.tracker.as_ref();
        tracker.map(|tracker| RecordKey::Tracker(tracker.token))
    }

    pub fn code_key(&self) -> Option<RecordKey> {
        let code = self.code.as_ref();
        code.map(|code| RecordKey::Code(code.code.clone()))
    }
}

/// The click tracker URL of a link: `https://<host>/c/<token>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackerUrl {
    /// Normalised.
    pub host: String,
    pub token: TrackerToken,
}

impl fmt::Display for TrackerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}/c/{}", self.host, self.token)
    }
}

/// The full URL of a campaign link: `https://<host>/c/<code>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeUrl {
    /// Normalised.
    pub host: String,
    pub code: LinkCode,
}

impl fmt::Display for CodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}/c/{}", self.host, self.code)
    }
}

/// Defaults for the parameters of a click, bound to its link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DefaultParameters {
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
    /// Whether suspected bots see the preview page; else the account's mode.
    // Not `default`: a record from before this field is read anew.
    #[serde(deserialize_with = "Option::deserialize")]
    pub filter_bots: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interstitial: Option<Interstitial>,
    /// Of the secret that its postbacks are sent with: SHA-256, in hexadecimal
    /// digits. Without one none are taken.
    #[serde(deserialize_with = "Option::deserialize")]
    pub postback_digest: Option<String>,
    /// The same of every secret that is taken while senders change to another one; that
    /// of `postback_digest` is among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postback_digests: Vec<String>,
    /// What postbacks of its links must prove, where that is not what the account says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postbacks: Option<PostbackMode>,
    /// What they are signed with; there only if `postbacks` is `signed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postback_keys: Vec<SigningKey>,
    pub status: OfferStatus,
    #[serde(default)]
    pub version: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferStatus {
    Active,
    Paused,
    Archived,
}

/// An affiliate program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignRecord {
    pub campaign_id: CampaignId,
    pub account_id: AccountId,
    /// The destination template of its links that have none.
    pub landing_page_url: String,
    /// The query parameter in which the destination gets the click id.
    pub click_id_param: String,
    pub status: CampaignStatus,
    #[serde(default)]
    pub version: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignStatus {
    Draft,
    Active,
    Paused,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRecord {
    pub list_id: ListId,
    pub account_id: AccountId,
    /// The short link records the click and goes straight to the destination.
    pub collapse_hops: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_url: Option<String>,
    /// The page of offers whose mode is `list_default`.
    #[serde(deserialize_with = "Option::deserialize")]
    pub interstitial: Option<InterstitialPage>,
    #[serde(default)]
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    pub account_id: AccountId,
    pub status: AccountStatus,
    /// Suspected bots see the preview page, where the offer says nothing.
    pub filters_bots: bool,
    pub countries: CountryFilter,
    /// What postbacks must prove that name a link or a click.
    #[serde(default)]
    pub postbacks: PostbackMode,
    /// Of the secrets that they are sent with: SHA-256, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postback_digests: Vec<String>,
    /// What they are signed with; there only if `postbacks` is `signed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postback_keys: Vec<SigningKey>,
    /// The largest amount that is taken without a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postback_max_amount: Option<rust_decimal::Decimal>,
    #[serde(default)]
    pub version: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    Active,
    Suspended,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn a_channel_message_is_read_as_it_was_written() {
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
            // From a later version.
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

    /// An active offer with nothing that is optional.
    pub fn minimal_offer() -> OfferRecord {
        OfferRecord {
            offer_id: OfferId::parse("6789abcd1234ef5678901234").unwrap(),
            account_id: AccountId(1),
            destination: "https://e.com".into(),
            external_id: None,
            affiliate_id: None,
            fallback_url: None,
            filter_bots: None,
            interstitial: None,
            postback_digest: None,
            postback_digests: Vec::new(),
            postbacks: None,
            postback_keys: Vec::new(),
            status: OfferStatus::Active,
            version: 0,
        }
    }

    /// A list with nothing that is optional.
    pub fn minimal_list() -> ListRecord {
        ListRecord {
            list_id: ListId(42),
            account_id: AccountId(1),
            collapse_hops: false,
            fallback_url: None,
            interstitial: None,
            version: 0,
        }
    }

    #[test]
    fn every_key_is_read_back_from_its_text() {
        let keys = [
            "link/yourdomain.com/Ab3kX9q",
            "tracker/a1b2c3d4-e5f6-4890-abcd-ef1234567890",
            "code/x7kQ2mNp",
            "offer/6789abcd1234ef5678901234",
            "campaign/camp_abc123",
            "list/42",
            "account/1",
        ];
        for text in keys {
            let key = RecordKey::parse(text).expect(text);
            assert_eq!(key.to_string(), text);
        }
        for text in ["", "link", "link/x", "offer/x", "nothing/1", "list/1/2"] {
            assert_eq!(RecordKey::parse(text), None, "{text}");
        }
    }
}
