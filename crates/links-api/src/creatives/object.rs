//! The creative object.

use domain::{
    message::{self, SizeEstimate},
    sms::Encoding,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;

use super::fields::{CreativeFields, OfferLink};
use crate::fields::Timestamp;

#[derive(Debug, Serialize, JsonSchema)]
pub struct CreativeObject {
    id: i64,
    name: String,
    message: String,
    offer_links: Vec<OfferLink>,
    /// The distinct offer ids in the order of their first use.
    offers: Vec<String>,
    status: String,
    creative_type: String,
    character_count: usize,
    segment_count: usize,
    encoding: Encoding,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl CreativeObject {
    pub fn read(row: &Row) -> Self {
        let fields = CreativeFields::read(row);
        let SizeEstimate {
            character_count,
            segment_count,
            encoding,
        } = message::estimate_size(&fields.message);
        Self {
            id: row.get("id"),
            offers: offers(&fields),
            name: fields.name,
            message: fields.message,
            offer_links: fields.offer_links,
            status: fields.status,
            creative_type: fields.creative_type,
            character_count,
            segment_count,
            encoding,
            created_at: Timestamp(row.get("created_at")),
            updated_at: Timestamp(row.get("updated_at")),
        }
    }
}

/// Those of the placeholders in their order, then those of surplus entries.
fn offers(fields: &CreativeFields) -> Vec<String> {
    let links = &fields.offer_links;
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
        "created_at": "2025-06-10T12:00:00Z",
        "updated_at": "2025-06-10T12:00:00Z",
    })
}
