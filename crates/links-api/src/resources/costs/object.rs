//! A cost as JSON.

use domain::{id::LinkCode, money};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    db::costs::{CostRow, CostTargetKind},
    fields::Timestamp,
    http::ListPage,
};

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Costs")]
pub struct Costs {
    pub costs: Vec<CostObject>,
    #[serde(flatten)]
    pub page: ListPage,
}

/// What the traffic of one link, offer, list or campaign costs for a time.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Cost")]
pub struct CostObject {
    id: i64,
    link_id: Option<String>,
    offer_id: Option<String>,
    list_id: Option<i64>,
    campaign_id: Option<String>,
    /// cpc, cpa or per_day.
    model: &'static str,
    /// The first moment.
    from: Timestamp,
    /// The moment after the last.
    until: Timestamp,
    /// For a click, a conversion or a day.
    amount: String,
    currency: String,
    updated_at: Timestamp,
}

impl From<CostRow> for CostObject {
    fn from(row: CostRow) -> Self {
        let fields = row.fields;
        let target = fields.target;
        let id_of = |kind| (target.kind == kind).then(|| target.id.clone());
        let code = row.code.and_then(|code| LinkCode::parse(&code).ok());
        let link_id = code.map(|code| code.link_id()).or(row.short_id);
        Self {
            id: row.id.0,
            link_id: link_id.filter(|_| target.kind == CostTargetKind::Link),
            offer_id: id_of(CostTargetKind::Offer),
            list_id: id_of(CostTargetKind::List).and_then(|id| id.parse().ok()),
            campaign_id: id_of(CostTargetKind::Campaign),
            model: fields.range.model.as_str(),
            from: Timestamp(fields.range.starts_at),
            until: Timestamp(fields.range.ends_at),
            amount: money::format(fields.range.amount),
            currency: fields.currency,
            updated_at: Timestamp(row.updated_at),
        }
    }
}

impl Costs {
    pub fn example() -> Value {
        json!({
            "costs": [{
                "id": 12,
                "link_id": null,
                "offer_id": "6789abcd1234ef5678901234",
                "list_id": null,
                "campaign_id": null,
                "model": "cpc",
                "from": "2026-03-01T00:00:00.000Z",
                "until": "2026-04-01T00:00:00.000Z",
                "amount": "0.05",
                "currency": "USD",
                "updated_at": "2026-04-02T09:00:00.000Z",
            }],
            "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
            "next_cursor": null,
            "has_more": false,
        })
    }
}
