//! A campaign as JSON.

use domain::id::CampaignId;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    db::campaigns::{CampaignRow, CampaignStatus},
    fields::WholeSeconds,
    http::AffiliatePageMeta,
};

#[derive(Debug, Serialize, JsonSchema)]
pub struct Campaigns {
    pub data: Vec<CampaignObject>,
    pub meta: AffiliatePageMeta,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct CampaignObject {
    id: CampaignId,
    name: String,
    description: Option<String>,
    landing_page_url: String,
    #[schemars(with = "String")]
    status: CampaignStatus,
    click_id_param: String,
    cookie_window_days: i32,
    created_at: WholeSeconds,
}

impl From<CampaignRow> for CampaignObject {
    fn from(row: CampaignRow) -> Self {
        let fields = row.fields;
        Self {
            id: row.id,
            name: fields.name,
            description: fields.description,
            landing_page_url: fields.landing_page_url,
            status: fields.status,
            click_id_param: fields.click_id_param,
            cookie_window_days: fields.cookie_window_days,
            created_at: WholeSeconds(row.created_at),
        }
    }
}

impl CampaignObject {
    pub fn example() -> Value {
        json!({
            "id": "camp_abc123",
            "name": "Spring",
            "description": null,
            "landing_page_url": "https://example.com/spring",
            "status": "active",
            "click_id_param": "afk_cid",
            "cookie_window_days": 30,
            "created_at": "2026-03-10T08:15:00Z",
        })
    }
}

impl Campaigns {
    pub fn example() -> Value {
        json!({
            "data": [CampaignObject::example()],
            "meta": { "page": 1, "per_page": 20, "total": 1 },
        })
    }
}
