//! A sending list as JSON.

use domain::interstitial::InterstitialPage;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    db::lists::{ListRow, ListStatus},
    fields::Timestamp,
    http::ListPage,
};

#[derive(Debug, Serialize, JsonSchema)]
pub struct Lists {
    pub lists: Vec<ListObject>,
    #[serde(flatten)]
    pub page: ListPage,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct ListObject {
    id: i64,
    phone_number: String,
    list_name: String,
    brand_name: Option<String>,
    #[schemars(with = "String")]
    status: ListStatus,
    short_domain: Option<String>,
    click_domain: Option<String>,
    collapse_hops: bool,
    interstitial: Option<InterstitialPage>,
    fallback_url: Option<String>,
    prepend_text: Option<String>,
    append_text: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<ListRow> for ListObject {
    fn from(row: ListRow) -> Self {
        let fields = row.fields;
        Self {
            id: row.id.0,
            phone_number: fields.phone_number,
            list_name: fields.list_name,
            brand_name: fields.brand_name,
            status: fields.status,
            short_domain: fields.short_domain,
            click_domain: fields.click_domain,
            collapse_hops: fields.collapse_hops,
            interstitial: fields.interstitial.map(|page| page.0),
            fallback_url: fields.fallback_url,
            prepend_text: fields.prepend_text,
            append_text: fields.append_text,
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
        }
    }
}

impl ListObject {
    pub fn example() -> Value {
        json!({
            "id": 42,
            "phone_number": "+18005551234",
            "list_name": "Spring",
            "brand_name": "Your Brand",
            "status": "active",
            "short_domain": "yourdomain.com",
            "click_domain": "ct.yourdomain.click",
            "collapse_hops": false,
            "interstitial": null,
            "fallback_url": null,
            "prepend_text": null,
            "append_text": "Reply STOP to opt out.",
            "created_at": "2026-03-10T08:15:00.000Z",
            "updated_at": "2026-03-10T08:15:00.000Z",
        })
    }
}

impl Lists {
    pub fn example() -> Value {
        json!({
            "lists": [ListObject::example()],
            "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
            "next_cursor": null,
            "has_more": false,
        })
    }
}
