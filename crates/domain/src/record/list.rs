//! The record of a sending list.

use serde::{Deserialize, Serialize};

use crate::{
    id::{AccountId, ListId},
    interstitial::InterstitialPage,
};

/// A sending list, and its settings for the links that are sent to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRecord {
    pub list_id: ListId,
    pub account_id: AccountId,
    /// Whether the short link records the click and redirects straight to the destination, without
    /// the hop to the click tracker URL.
    pub collapse_hops: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_url: Option<String>,
    /// The page that offers with the interstitial mode `list_default` show.
    #[serde(deserialize_with = "Option::deserialize")]
    pub interstitial: Option<InterstitialPage>,
    #[serde(default)]
    pub version: i64,
}
