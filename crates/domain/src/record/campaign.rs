//! The record of a campaign.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, CampaignId};

/// A campaign: an affiliate program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignRecord {
    pub campaign_id: CampaignId,
    pub account_id: AccountId,
    /// The destination template of the campaign's links that have none of their own.
    pub landing_page_url: String,
    /// The query parameter in which the destination receives the click id.
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
