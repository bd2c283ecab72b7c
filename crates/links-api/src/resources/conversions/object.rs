//! A recorded conversion as JSON of the affiliate API.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    db::conversions::{Attribution, TrackedRow},
    fields::WholeSeconds,
};

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Tracked")]
pub struct TrackConversionResponse {
    data: TrackedConversion,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TrackedConversion {
    conversion_id: String,
    click_id: String,
    /// The campaign that it is credited to.
    campaign_id: Option<String>,
    /// attributed; pending while the click has not arrived; or unattributed.
    status: &'static str,
    created_at: WholeSeconds,
}

impl From<TrackedRow> for TrackConversionResponse {
    fn from(row: TrackedRow) -> Self {
        let status = match row.attribution {
            Attribution::None if row.is_unmatched => "pending",
            Attribution::None => "unattributed",
            Attribution::Click | Attribution::Offer => "attributed",
        };
        Self {
            data: TrackedConversion {
                conversion_id: row.conversion_id,
                click_id: row.click_id,
                campaign_id: row.campaign_id,
                status,
                created_at: WholeSeconds(row.converted_at),
            },
        }
    }
}

impl TrackConversionResponse {
    pub fn example() -> Value {
        json!({ "data": {
            "conversion_id": "01a11d5d-1e7b-7123-8123-456789abcdef",
            "click_id": "01a11d5c-1e7b-7123-8123-456789abcdef",
            "campaign_id": "camp_abc123",
            "status": "attributed",
            "created_at": "2026-03-10T09:00:00Z",
        }})
    }
}
