//! A creative as JSON.

use domain::{
    message::{self, SizeEstimate},
    sms::{Encoding, SmsSize},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    db::creatives::{CreativeFields, CreativeRow, CreativeStatus, CreativeType, OfferLink},
    fields::WholeSeconds,
    http::ListPage,
    objects::finding::FindingObject,
};

#[derive(Debug, Serialize, JsonSchema)]
pub struct CreativeObject {
    id: i64,
    name: String,
    message: String,
    offer_links: Vec<OfferLink>,
    /// The distinct offer ids in the order of their first use.
    offers: Vec<String>,
    #[schemars(with = "String")]
    status: CreativeStatus,
    #[schemars(with = "String")]
    creative_type: CreativeType,
    /// The characters of the message, with each link as 23, and 34 more.
    character_count: usize,
    /// 1 up to 160 characters, else one for each begun 153.
    segment_count: usize,
    encoding: Encoding,
    exact: ExactSize,
    created_at: WholeSeconds,
    updated_at: WholeSeconds,
}

/// The size of the estimated text as an SMS, by its encoding.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExactSize {
    encoding: Encoding,
    /// In septets or UTF-16 units, as the encoding has them.
    length: usize,
    segments: usize,
}

impl From<SmsSize> for ExactSize {
    fn from(size: SmsSize) -> Self {
        Self {
            encoding: size.encoding,
            length: size.length,
            segments: size.segments,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Creatives {
    pub creatives: Vec<CreativeObject>,
    #[serde(flatten)]
    pub page: ListPage,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct CreatedCreative {
    success: bool,
    creative: CreativeObject,
    /// Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingObject>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct UpdatedCreative {
    #[serde(flatten)]
    creative: CreativeObject,
    /// Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingObject>,
}

impl From<CreativeRow> for CreativeObject {
    fn from(row: CreativeRow) -> Self {
        let fields = row.fields;
        let SizeEstimate {
            character_count,
            segment_count,
            exact,
        } = message::estimate_size(&fields.message);
        Self {
            id: row.id.0,
            offers: offers(&fields),
            name: fields.name,
            message: fields.message,
            offer_links: fields.offer_links.0,
            status: fields.status,
            creative_type: fields.creative_type,
            character_count,
            segment_count,
            encoding: exact.encoding,
            exact: exact.into(),
            created_at: WholeSeconds(row.created_at),
            updated_at: WholeSeconds(row.updated_at),
        }
    }
}

impl From<CreativeRow> for CreatedCreative {
    fn from(row: CreativeRow) -> Self {
        Self {
            success: true,
            findings: findings(&row.fields.message),
            creative: CreativeObject::from(row),
        }
    }
}

impl From<CreativeRow> for UpdatedCreative {
    fn from(row: CreativeRow) -> Self {
        Self {
            findings: findings(&row.fields.message),
            creative: CreativeObject::from(row),
        }
    }
}

/// The offers of the placeholders in the order of the message, then those of further entries.
fn offers(fields: &CreativeFields) -> Vec<String> {
    let links = &fields.offer_links.0;
    let placeholders = message::link_placeholders(&fields.message);
    let used = placeholders
        .iter()
        .filter_map(|name| links.iter().find(|link| link.key == *name));
    let mut offers: Vec<String> = Vec::new();
    for link in used.chain(links) {
        if !offers.contains(&link.offer_id) {
            offers.push(link.offer_id.clone());
        }
    }
    offers
}

/// What the linter finds in the text of a message.
pub fn findings(message: &str) -> Vec<FindingObject> {
    let findings = message::lint(message).into_iter();
    findings.map(FindingObject::from).collect()
}

impl CreativeObject {
    pub fn example() -> Value {
        json!({
            "id": 101,
            "name": "Summer Sale Promo",
            "message": "Hot deals just for you! Shop now: {{link1}} Reply STOP to opt out.",
            "offer_links": [{
                "key": "link1",
                "offer_id": "6789abcd1234ef5678901234",
                "url": null,
                "url_params": { "sub1": "sms" },
            }],
            "offers": ["6789abcd1234ef5678901234"],
            "status": "active",
            "creative_type": "automated",
            "character_count": 114,
            "segment_count": 1,
            "encoding": "GSM-7",
            "exact": { "encoding": "GSM-7", "length": 114, "segments": 1 },
            "created_at": "2025-06-10T12:00:00Z",
            "updated_at": "2025-06-10T12:00:00Z",
        })
    }
}

impl Creatives {
    pub fn example() -> Value {
        json!({
            "creatives": [CreativeObject::example()],
            "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
            "next_cursor": null,
            "has_more": false,
        })
    }
}

impl CreatedCreative {
    pub fn example() -> Value {
        json!({ "success": true, "creative": CreativeObject::example() })
    }
}
