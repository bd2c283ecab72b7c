//! A campaign link as JSON.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    db::{
        link_totals::LinkCounts,
        links::{CampaignLinkRow, LinkState},
    },
    fields::WholeSeconds,
    http::AffiliatePageMeta,
};

#[derive(Debug, Serialize, JsonSchema)]
pub struct AffiliateLinks {
    pub data: Vec<AffiliateLink>,
    pub meta: AffiliatePageMeta,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct AffiliateLink {
    /// `lnk_` and 8 characters.
    id: String,
    campaign_id: String,
    url: String,
    short_url: String,
    landing_page_url: String,
    sub_id_1: Option<String>,
    sub_id_2: Option<String>,
    sub_id_3: Option<String>,
    /// All clicks.
    clicks: i64,
    /// Visitors that are not bots.
    unique_clicks: i64,
    /// Attributed conversions.
    conversions: i64,
    status: LinkState,
    created_at: WholeSeconds,
}

impl AffiliateLink {
    pub fn new(row: CampaignLinkRow, counts: LinkCounts) -> Self {
        let CampaignLinkRow {
            record,
            campaign_page,
            created_at,
        } = row;
        let code = record.code.as_ref();
        let short_url = record.short_url();
        let [sub_id_1, sub_id_2, sub_id_3, ..] = record.default_parameters.subs;
        let campaign_id = record.campaign_id.as_ref().map(ToString::to_string);
        Self {
            id: code.map(|url| url.code.link_id()).unwrap_or_default(),
            campaign_id: campaign_id.unwrap_or_default(),
            url: code.map(ToString::to_string).unwrap_or_default(),
            short_url,
            landing_page_url: record.destination.unwrap_or(campaign_page),
            sub_id_1,
            sub_id_2,
            sub_id_3,
            clicks: counts.clicks,
            unique_clicks: counts.unique_clicks,
            conversions: counts.conversions,
            status: record.status.into(),
            created_at: WholeSeconds(created_at),
        }
    }

    pub fn example() -> Value {
        json!({
            "id": "lnk_x7kQ2mNp",
            "campaign_id": "camp_abc123",
            "url": "https://track.affilync.com/c/x7kQ2mNp",
            "short_url": "https://afl.ink/x7kQ2aB",
            "landing_page_url": "https://example.com/spring",
            "sub_id_1": "blog-header",
            "sub_id_2": "march-2026",
            "sub_id_3": null,
            "clicks": 1423,
            "unique_clicks": 1102,
            "conversions": 87,
            "status": "active",
            "created_at": "2026-03-10T08:15:00Z",
        })
    }
}

impl AffiliateLinks {
    pub fn example() -> Value {
        json!({
            "data": [AffiliateLink::example()],
            "meta": { "page": 1, "per_page": 20, "total": 156 },
        })
    }
}
