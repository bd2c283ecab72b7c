//! The record of an offer.

use serde::{Deserialize, Serialize};

use crate::{
    id::{AccountId, OfferId},
    interstitial::Interstitial,
    postback::{PostbackMapping, PostbackMode, SigningKey},
};

/// An offer, and its settings for the clicks and postbacks of its links.
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
    /// Whether suspected bots see the preview page. Without a value the account's setting
    /// counts.
    // The field has no `default`, so that a record from before the field does not parse and is
    // loaded again.
    #[serde(deserialize_with = "Option::deserialize")]
    pub filter_bots: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interstitial: Option<Interstitial>,
    /// SHA-256, in hexadecimal digits, of the secret that postbacks for the offer must have.
    /// Without a secret no postback for the offer is accepted.
    #[serde(deserialize_with = "Option::deserialize")]
    pub postback_digest: Option<String>,
    /// The digests of all accepted secrets, with `postback_digest` among them. There are
    /// several while senders change from one secret to another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postback_digests: Vec<String>,
    /// What postbacks for links of the offer must prove. Without a value the account's mode
    /// counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postbacks: Option<PostbackMode>,
    /// The secrets that those postbacks are signed with. Empty unless `postbacks` is `signed`,
    /// so that redirectors hold no secret that they do not need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postback_keys: Vec<SigningKey>,
    /// How postbacks for the offer and its links are read; the account's mapping has the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postback_mapping: Option<PostbackMapping>,
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
