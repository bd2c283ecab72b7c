//! The columns of an offer.

use std::collections::BTreeMap;

use domain::{id::random_base62, interstitial::Interstitial, postback::PostbackMapping};
use jiff::Timestamp;
use rand::CryptoRng;
use rust_decimal::Decimal;
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use crate::enumeration::enumeration;

enumeration! {
    /// Where the links of an offer lead.
    pub enum OfferKind {
        /// Directly to the offer's tracking URL.
        Sms = "sms",
        /// Through the click tracker.
        Partnership = "partnership",
    }
}

impl OfferKind {
    /// The name in a sentence for people.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Sms => "offer",
            Self::Partnership => "partnership offer",
        }
    }
}

enumeration! {
    /// Only links of an active offer are available.
    pub enum OfferStatus {
        Active = "active",
        Paused = "paused",
        Archived = "archived",
    }
}

#[derive(Debug)]
pub struct OfferRow {
    /// 24 hexadecimal digits.
    pub id: String,
    pub kind: OfferKind,
    pub fields: OfferFields,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The columns that clients can update.
#[derive(Debug)]
pub struct OfferFields {
    pub slug: Option<String>,
    pub name: String,
    pub template: String,
    pub external_platform: Option<String>,
    pub external_id: Option<String>,
    pub advertiser_id: Option<String>,
    pub affiliate_id: Option<String>,
    pub payout: Option<Decimal>,
    pub payout_type: Option<String>,
    pub filter_bots: Option<bool>,
    pub interstitial: Option<Json<Interstitial>>,
    pub postback_secret: Option<String>,
    pub previous_postback_secrets: Vec<String>,
    /// What postbacks must prove; `None` is as the account says.
    pub postbacks: Option<String>,
    pub postback_mapping: Option<Json<PostbackMapping>>,
    pub click_window_days: i32,
    pub fallback_url: Option<String>,
    pub status: OfferStatus,
    pub metadata: Json<BTreeMap<String, String>>,
}

impl OfferFields {
    /// The fields of a new offer, with a new postback secret.
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        Self {
            slug: None,
            name: String::new(),
            template: String::new(),
            external_platform: None,
            external_id: None,
            advertiser_id: None,
            affiliate_id: None,
            payout: None,
            payout_type: None,
            filter_bots: None,
            interstitial: None,
            postback_secret: Some(format!("pbs_{}", random_base62(rng, 32))),
            previous_postback_secrets: Vec::new(),
            postbacks: None,
            postback_mapping: None,
            click_window_days: 90,
            fallback_url: None,
            status: OfferStatus::Active,
            metadata: Json(BTreeMap::new()),
        }
    }
}

/// The columns of [`OfferFields`]; the values are those of [`values`].
pub(super) const FIELD_COLUMNS: &str = "slug, name, url_template, external_platform, external_id,
    advertiser_id, affiliate_id, payout, payout_type, filter_bots, interstitial, postback_secret,
    previous_postback_secrets, postbacks, postback_mapping, click_window_days, fallback_url, status, metadata";

pub(super) fn values(fields: &OfferFields) -> [&(dyn ToSql + Sync); 19] {
    [
        &fields.slug,
        &fields.name,
        &fields.template,
        &fields.external_platform,
        &fields.external_id,
        &fields.advertiser_id,
        &fields.affiliate_id,
        &fields.payout,
        &fields.payout_type,
        &fields.filter_bots,
        &fields.interstitial,
        &fields.postback_secret,
        &fields.previous_postback_secrets,
        &fields.postbacks,
        &fields.postback_mapping,
        &fields.click_window_days,
        &fields.fallback_url,
        &fields.status,
        &fields.metadata,
    ]
}

impl From<&Row> for OfferRow {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            kind: row.get("kind"),
            fields: OfferFields {
                slug: row.get("slug"),
                name: row.get("name"),
                template: row.get("url_template"),
                external_platform: row.get("external_platform"),
                external_id: row.get("external_id"),
                advertiser_id: row.get("advertiser_id"),
                affiliate_id: row.get("affiliate_id"),
                payout: row.get("payout"),
                payout_type: row.get("payout_type"),
                filter_bots: row.get("filter_bots"),
                interstitial: row.get("interstitial"),
                postback_secret: row.get("postback_secret"),
                previous_postback_secrets: row.get("previous_postback_secrets"),
                postbacks: row.get("postbacks"),
                postback_mapping: row.get("postback_mapping"),
                click_window_days: row.get("click_window_days"),
                fallback_url: row.get("fallback_url"),
                status: row.get("status"),
                metadata: row.get("metadata"),
            },
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }
}
