//! The record of a link.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::key::RecordKey;
use crate::{
    cost::ClickCostRule,
    host,
    id::{
        AccountId, CampaignId, CreativeId, LinkCode, LinkKey, ListId, OfferId, ShortId,
        TrackerToken,
    },
};

/// A link, and the values that belong to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    pub link_key: LinkKey,
    pub account_id: AccountId,
    /// The host of the short domain, normalised.
    pub short_host: String,
    pub link_id: ShortId,
    /// The click tracker URL of a partnership link: its second hop. Other links have one hop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracker: Option<TrackerUrl>,
    /// The full URL of a campaign link: its second name. By either name it has one hop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<CodeUrl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_id: Option<ListId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer_id: Option<OfferId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<CampaignId>,
    /// The destination template of a link without an offer, or the landing page of a campaign
    /// link that does not use the campaign's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The phone number of the contact in E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creative_id: Option<CreativeId>,
    #[serde(default, rename = "bound")]
    pub default_parameters: DefaultParameters,
    /// Whether the query of the click is appended to the destination.
    #[serde(default)]
    pub forward_query: bool,
    /// Which parameter of clicks is their cost, if the account's setting does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_cost: Option<ClickCostRule>,
    pub status: LinkStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<jiff::Timestamp>,
    /// The number of changes: a record is replaced only by one with a higher version.
    #[serde(default)]
    pub version: i64,
}

impl LinkRecord {
    /// Every name under which the link is stored.
    pub fn record_keys(&self) -> Vec<RecordKey> {
        let keys = [Some(self.short_key()), self.tracker_key(), self.code_key()];
        keys.into_iter().flatten().collect()
    }

    /// The short link: `https://<short domain>/<short id>`.
    pub fn short_url(&self) -> String {
        format!("{}/{}", host::origin(&self.short_host), self.link_id)
    }

    pub fn short_key(&self) -> RecordKey {
        RecordKey::Link {
            host: self.short_host.clone(),
            id: self.link_id.clone(),
        }
    }

    pub fn tracker_key(&self) -> Option<RecordKey> {
        let tracker_url = self.tracker.as_ref()?;
        Some(RecordKey::Tracker(tracker_url.token))
    }

    pub fn code_key(&self) -> Option<RecordKey> {
        let code_url = self.code.as_ref()?;
        Some(RecordKey::Code(code_url.code.clone()))
    }
}

/// The click tracker URL of a link: `https://<host>/c/<token>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackerUrl {
    /// The click host, normalised.
    pub host: String,
    pub token: TrackerToken,
}

impl fmt::Display for TrackerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/c/{}", host::origin(&self.host), self.token)
    }
}

/// The full URL of a campaign link: `https://<host>/c/<code>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeUrl {
    /// The click host, normalised.
    pub host: String,
    pub code: LinkCode,
}

impl fmt::Display for CodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/c/{}", host::origin(&self.host), self.code)
    }
}

/// Default values for the query parameters of a link's clicks.
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
