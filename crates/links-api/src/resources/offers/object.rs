//! An offer as JSON.

use std::collections::BTreeMap;

use domain::{
    interstitial::Interstitial,
    macros::{Severity, lint},
    money,
    postback::PostbackMapping,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::request::with_field_names;
use crate::{
    db::offers::{OfferKind, OfferRow, OfferStatus},
    fields::Timestamp,
    http::ListPage,
    objects::finding::FindingObject,
};

#[derive(Debug, Serialize, JsonSchema)]
pub struct Offers {
    pub offers: Vec<OfferObject>,
    #[serde(flatten)]
    pub page: ListPage,
}

/// The offer, and what the linter found in its template.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SavedOffer {
    #[serde(flatten)]
    offer: OfferObject,
    findings: Vec<FindingObject>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct OfferObject {
    id: String,
    slug: Option<String>,
    name: String,
    /// Only SMS offers have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_url: Option<String>,
    /// Only partnership offers have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_url_template: Option<String>,
    external_platform: Option<String>,
    /// Only SMS offers have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<Option<String>>,
    /// Only partnership offers have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_offer_id: Option<Option<String>>,
    advertiser_id: Option<String>,
    affiliate_id: Option<String>,
    /// A decimal number, as text.
    payout: Option<String>,
    payout_type: Option<String>,
    filter_bots: Option<bool>,
    interstitial: Option<Interstitial>,
    postback_secret: Option<String>,
    previous_postback_secrets: Vec<String>,
    /// open, token or signed; null is as the account's.
    postbacks: Option<String>,
    postback_mapping: Option<PostbackMapping>,
    click_window_days: i32,
    fallback_url: Option<String>,
    #[schemars(with = "String")]
    status: OfferStatus,
    metadata: BTreeMap<String, String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<OfferRow> for OfferObject {
    fn from(row: OfferRow) -> Self {
        let fields = row.fields;
        let names = (fields.template, fields.external_id);
        let (sms, partnership) = match row.kind {
            OfferKind::Sms => (Some(names), None),
            OfferKind::Partnership => (None, Some(names)),
        };
        let (tracking_url, external_id) = sms.unzip();
        let (destination_url_template, external_offer_id) = partnership.unzip();
        Self {
            id: row.id,
            slug: fields.slug,
            name: fields.name,
            tracking_url,
            destination_url_template,
            external_platform: fields.external_platform,
            external_id,
            external_offer_id,
            advertiser_id: fields.advertiser_id,
            affiliate_id: fields.affiliate_id,
            payout: fields.payout.map(money::format),
            payout_type: fields.payout_type,
            filter_bots: fields.filter_bots,
            interstitial: fields.interstitial.map(|interstitial| interstitial.0),
            postback_secret: fields.postback_secret,
            previous_postback_secrets: fields.previous_postback_secrets,
            postbacks: fields.postbacks,
            postback_mapping: fields.postback_mapping.map(|mapping| mapping.0),
            click_window_days: fields.click_window_days,
            fallback_url: fields.fallback_url,
            status: fields.status,
            metadata: fields.metadata.0,
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
        }
    }
}

impl From<OfferRow> for SavedOffer {
    fn from(row: OfferRow) -> Self {
        let findings = lint(&row.fields.template).into_iter();
        let findings = findings.filter(|finding| finding.severity > Severity::Info);
        Self {
            findings: findings.map(FindingObject::from).collect(),
            offer: OfferObject::from(row),
        }
    }
}

impl OfferObject {
    pub fn example(kind: OfferKind) -> Value {
        let example = json!({
            "id": "6789abcd1234ef5678901234",
            "slug": "summer-sale",
            "name": "Summer Sale",
            "external_platform": "tune",
            "advertiser_id": "77",
            "affiliate_id": "aff42",
            "payout": "12.50",
            "payout_type": "cpa",
            "filter_bots": null,
            "interstitial": null,
            "postback_secret": "pbs_x7kQ2mNpx7kQ2mNpx7kQ2mNpx7kQ2mNp",
            "previous_postback_secrets": [],
            "postbacks": null,
            "postback_mapping": null,
            "click_window_days": 90,
            "fallback_url": null,
            "status": "active",
            "metadata": { "team": "a" },
            "created_at": "2026-03-10T08:15:00.000Z",
            "updated_at": "2026-03-10T08:15:00.000Z",
        });
        with_field_names(kind, example)
    }
}

impl SavedOffer {
    pub fn example(kind: OfferKind) -> Value {
        let mut example = OfferObject::example(kind);
        example["findings"] = json!([]);
        example
    }
}

impl Offers {
    pub fn example(kind: OfferKind) -> Value {
        json!({
            "offers": [OfferObject::example(kind)],
            "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
            "next_cursor": null,
            "has_more": false,
        })
    }
}
