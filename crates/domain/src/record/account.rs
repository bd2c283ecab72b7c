//! The record of an account.

use serde::{Deserialize, Serialize};

use crate::{
    bot::CountryFilter,
    cost::ClickCostRule,
    id::AccountId,
    postback::{PostbackMapping, PostbackMode, SigningKey},
};

/// An account, and its settings for the clicks and postbacks of its links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    pub account_id: AccountId,
    pub status: AccountStatus,
    /// Whether suspected bots see the preview page, for offers without a setting of their own.
    pub filters_bots: bool,
    pub countries: CountryFilter,
    /// What postbacks that name a link or a click must prove.
    #[serde(default)]
    pub postbacks: PostbackMode,
    /// SHA-256, in hexadecimal digits, of each secret that such postbacks may have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postback_digests: Vec<String>,
    /// The secrets that such postbacks are signed with. Empty unless `postbacks` is `signed`, so
    /// that redirectors hold no secret that they do not need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postback_keys: Vec<SigningKey>,
    /// The largest amount that is accepted from a postback without a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postback_max_amount: Option<rust_decimal::Decimal>,
    /// How postbacks are read, for offers without an entry of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postback_mapping: Option<PostbackMapping>,
    /// The currency of amounts without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_currency: Option<String>,
    /// Which parameter of clicks is their cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_cost: Option<ClickCostRule>,
    #[serde(default)]
    pub version: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    Active,
    Suspended,
}
