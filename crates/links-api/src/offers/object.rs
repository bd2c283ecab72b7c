//! The offer object.

use std::collections::BTreeMap;

use domain::{interstitial::Interstitial, money};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;

use super::{Kind, fields::OfferFields, with_names};
use crate::http::Timestamp;

#[derive(Debug, Serialize, JsonSchema)]
pub struct OfferObject {
    id: String,
    slug: Option<String>,
    name: String,
    /// Of SMS offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_url: Option<String>,
    /// Of partnership offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_url_template: Option<String>,
    external_platform: Option<String>,
    /// Of SMS offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<Option<String>>,
    /// Of partnership offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_offer_id: Option<Option<String>>,
    advertiser_id: Option<String>,
    affiliate_id: Option<String>,
    /// Decimal, as text.
    payout: Option<String>,
    payout_type: Option<String>,
    filter_bots: Option<bool>,
    interstitial: Option<Interstitial>,
    postback_secret: Option<String>,
    previous_postback_secrets: Vec<String>,
    /// open, token or signed; null: as the account's.
    postbacks: Option<String>,
    click_window_days: i32,
    fallback_url: Option<String>,
    status: String,
    metadata: BTreeMap<String, String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl OfferObject {
    pub fn read(kind: Kind, row: &Row) -> Self {
        let fields = OfferFields::read(row);
        let (sms, partnership) = match kind {
            Kind::Sms => (Some((fields.template, fields.external_id)), None),
            Kind::Partnership => (None, Some((fields.template, fields.external_id))),
        };
        let (tracking_url, external_id) = sms.unzip();
        let (destination_url_template, external_offer_id) = partnership.unzip();
        Self {
            id: row.get("id"),
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
            interstitial: fields.interstitial,
            postback_secret: fields.postback_secret,
            previous_postback_secrets: fields.previous_postback_secrets,
            postbacks: fields.postbacks,
            click_window_days: fields.click_window_days,
            fallback_url: fields.fallback_url,
            status: fields.status,
            metadata: fields.metadata,
            created_at: Timestamp(row.get("created_at")),
            updated_at: Timestamp(row.get("updated_at")),
        }
    }
}

pub fn example(kind: Kind) -> Value {
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
        "click_window_days": 90,
        "fallback_url": null,
        "status": "active",
        "metadata": { "team": "a" },
        "created_at": "2026-03-10T08:15:00Z",
        "updated_at": "2026-03-10T08:15:00Z",
    });
    with_names(
        kind,
        example,
        "https://example.com/offer?c={click_id}",
        "12345",
    )
}

pub fn request_example(kind: Kind) -> Value {
    let example = json!({
        "name": "Summer Sale",
        "external_platform": "tune",
        "affiliate_id": "aff42",
        "payout": "12.50",
        "payout_type": "cpa",
        "metadata": { "team": "a" },
    });
    with_names(
        kind,
        example,
        "https://example.com/offer?c={click_id}",
        "12345",
    )
}
