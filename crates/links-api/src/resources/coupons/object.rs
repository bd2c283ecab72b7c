//! A coupon as JSON.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    db::coupons::{CouponRow, CouponStatus},
    fields::Timestamp,
    http::ListPage,
};

#[derive(Debug, Serialize, JsonSchema)]
pub struct Coupons {
    pub coupons: Vec<CouponObject>,
    #[serde(flatten)]
    pub page: ListPage,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Coupon")]
pub struct CouponObject {
    id: i64,
    /// The code in upper case, however it was written.
    code: String,
    /// The offer of its conversions; null if it is that of the link.
    offer_id: Option<String>,
    /// The link that its conversions are of: its short id, or the lnk_... of a campaign link.
    link_id: Option<String>,
    /// The short domain of the link.
    domain: Option<String>,
    /// The contact of its conversions; null if it is that of the link.
    contact_phone: Option<String>,
    #[schemars(with = "String")]
    status: CouponStatus,
    valid_from: Option<Timestamp>,
    /// The time from which on it is not valid any more.
    valid_until: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<CouponRow> for CouponObject {
    fn from(row: CouponRow) -> Self {
        let fields = row.fields;
        let (link_id, domain) = match row.link {
            Some(link) => (Some(link.link_id), Some(link.short_domain)),
            None => (None, None),
        };
        Self {
            id: row.id.0,
            code: fields.code,
            offer_id: fields.offer_id,
            link_id,
            domain,
            contact_phone: fields.contact_phone,
            status: fields.status,
            valid_from: fields.valid_from.map(Timestamp),
            valid_until: fields.valid_until.map(Timestamp),
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
        }
    }
}

impl CouponObject {
    pub fn example() -> Value {
        json!({
            "id": 5,
            "code": "SUMMER10",
            "offer_id": "6789abcd1234ef5678901234",
            "link_id": null,
            "domain": null,
            "contact_phone": null,
            "status": "active",
            "valid_from": null,
            "valid_until": "2026-09-01T00:00:00.000Z",
            "created_at": "2026-03-10T08:15:00.000Z",
            "updated_at": "2026-03-10T08:15:00.000Z",
        })
    }
}

impl Coupons {
    pub fn example() -> Value {
        json!({
            "coupons": [CouponObject::example()],
            "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
            "next_cursor": null,
            "has_more": false,
        })
    }
}
