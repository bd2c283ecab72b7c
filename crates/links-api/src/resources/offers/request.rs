//! The body of an offer, and the rules of its fields.

use std::collections::BTreeMap;

use domain::{
    interstitial::Interstitial,
    macros::Template,
    money::{self, PAYOUT_DECIMALS},
    postback::PostbackMapping,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_postgres::types::Json;

use super::metadata::merge_metadata;
use crate::{
    db::offers::{OfferFields, OfferKind},
    error::{ApiError, CodedField},
    fields::{
        ClearableBool, DecimalText, Text, interstitial, name, parse_slug, postbacks, required,
        update_status, update_text, update_url,
    },
    http::RequestBody,
};

/// Creating an offer takes all fields into account, updating it those that are given.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct OfferRequest {
    /// At most 255 characters. Required.
    #[schemars(length(max = 255))]
    name: Option<Text>,
    /// Unique in the account; by default made of the name.
    slug: Option<Text>,
    /// An SMS offer's URL, with macros. Required for SMS offers.
    tracking_url: Option<Text>,
    /// A partnership offer's URL, with macros. Required for partnership
    /// offers.
    destination_url_template: Option<Text>,
    /// tune or everflow.
    #[schemars(extend("enum" = ["tune", "everflow", "", null]))]
    external_platform: Option<Text>,
    /// The id of an SMS offer on the external platform.
    external_id: Option<Text>,
    /// The id of a partnership offer on the external platform.
    external_offer_id: Option<Text>,
    advertiser_id: Option<Text>,
    /// The value of `{affiliate_id}`.
    affiliate_id: Option<Text>,
    payout: Option<DecimalText>,
    /// cpa or cpc.
    #[schemars(extend("enum" = ["cpa", "cpc", "", null]))]
    payout_type: Option<Text>,
    /// Whether suspected bots get a page first. By default, or if it is empty, the account's
    /// `bot_filter_mode` decides.
    filter_bots: Option<ClearableBool>,
    interstitial: Option<Interstitial>,
    /// The secret of postbacks without a click, and of those of its links if `postbacks`
    /// requires one: 16 to 255 characters.
    postback_secret: Option<Text>,
    /// At most 4 secrets that are accepted beside `postback_secret`, while senders change to
    /// another one.
    previous_postback_secrets: Option<Vec<Text>>,
    /// What postbacks of its links must prove: nothing (open), a secret as their `token`
    /// (token), or the HMAC-SHA256 of their query as their `signature` (signed). By default,
    /// or if it is empty, the account's `postbacks` and secrets decide.
    #[schemars(extend("enum" = ["open", "token", "signed", "", null]))]
    postbacks: Option<Text>,
    /// How postbacks for it and its links are read, for senders with names and values of their
    /// own; an empty object clears it. What is not set is as the account's.
    postback_mapping: Option<PostbackMapping>,
    /// A conversion counts within this many days after the click, 1 to 3650.
    click_window_days: Option<i64>,
    /// Where visitors are redirected while the offer is not active.
    #[schemars(extend("format" = "uri"))]
    fallback_url: Option<Text>,
    /// active, paused or archived.
    #[schemars(extend("enum" = ["active", "paused", "archived", "", null]))]
    status: Option<Text>,
    /// Up to 100 texts of at most 1,000 characters, by names of at most 255.
    metadata: Option<BTreeMap<String, String>>,
}

impl RequestBody for OfferRequest {}

/// The field that holds the template.
pub fn template_field(kind: OfferKind) -> CodedField {
    match kind {
        OfferKind::Sms => CodedField::TrackingUrl,
        OfferKind::Partnership => CodedField::DestinationUrlTemplate,
    }
}

/// The field that holds the id on the external platform.
fn external_id_field(kind: OfferKind) -> &'static str {
    match kind {
        OfferKind::Sms => "external_id",
        OfferKind::Partnership => "external_offer_id",
    }
}

impl OfferRequest {
    /// Updates the fields that are given, and validates all that are required, in the order of
    /// the documented errors.
    pub fn apply(self, fields: &mut OfferFields, kind: OfferKind) -> Result<(), ApiError> {
        let (template, external_id) = match kind {
            OfferKind::Sms => (&self.tracking_url, &self.external_id),
            OfferKind::Partnership => (&self.destination_url_template, &self.external_offer_id),
        };
        let template_field = template_field(kind);
        fields.name = name(&self.name, &fields.name)?;
        fields.template = required(template, &fields.template)
            .ok_or(ApiError::MissingField(template_field))?
            .trim()
            .to_owned();
        Template::parse(&fields.template)
            .map_err(|reason| ApiError::InvalidTemplate(template_field, reason))?;
        update_choice(
            &mut fields.external_platform,
            &self.external_platform,
            &["tune", "everflow"],
            ApiError::InvalidExternalPlatform,
        )?;
        if let Some(DecimalText(payout)) = &self.payout {
            fields.payout = match payout.as_str() {
                "" => None,
                payout => {
                    Some(money::parse(payout, PAYOUT_DECIMALS).ok_or(ApiError::InvalidPayout)?)
                }
            };
        }
        update_choice(
            &mut fields.payout_type,
            &self.payout_type,
            &["cpa", "cpc"],
            ApiError::InvalidPayoutType,
        )?;
        update_status(&mut fields.status, &self.status)?;
        if let Some(slug) = parse_slug(&self.slug)? {
            fields.slug = Some(slug.to_string());
        }
        update_url(
            &mut fields.fallback_url,
            &self.fallback_url,
            CodedField::FallbackUrl,
        )?;
        update_text(
            &mut fields.external_id,
            external_id,
            external_id_field(kind),
            255,
        )?;
        update_text(
            &mut fields.advertiser_id,
            &self.advertiser_id,
            "advertiser_id",
            255,
        )?;
        update_text(
            &mut fields.affiliate_id,
            &self.affiliate_id,
            "affiliate_id",
            255,
        )?;
        if let Some(ClearableBool(filter_bots)) = self.filter_bots {
            fields.filter_bots = filter_bots;
        }
        if let Some(interstitial) = self.interstitial {
            interstitial::validate(&interstitial)?;
            fields.interstitial = Some(Json(interstitial));
        }
        if let Some(secret) = postbacks::parse_secret("postback_secret", &self.postback_secret)? {
            fields.postback_secret = Some(secret);
        }
        if let Some(secrets) = &self.previous_postback_secrets {
            let field = "previous_postback_secrets";
            let max = postbacks::MAX_SECRETS - 1;
            fields.previous_postback_secrets = postbacks::parse_secrets(field, secrets, max)?;
        }
        if let Some(mode) = &self.postbacks {
            fields.postbacks = postbacks::parse_mode(mode)?;
        }
        if let Some(mapping) = &self.postback_mapping {
            fields.postback_mapping = postbacks::check_mapping(mapping)?;
        }
        if let Some(days) = self.click_window_days {
            let days = i32::try_from(days).ok();
            let days = days.filter(|days| (1..=3650).contains(days));
            fields.click_window_days = days.ok_or_else(|| {
                ApiError::invalid_field("click_window_days", "it is not from 1 to 3650")
            })?;
        }
        merge_metadata(&mut fields.metadata.0, self.metadata.unwrap_or_default())
    }
}

/// Updates an optional text that must be one of the choices. An empty text clears it.
fn update_choice(
    current: &mut Option<String>,
    new: &Option<Text>,
    choices: &[&str],
    error: ApiError,
) -> Result<(), ApiError> {
    match new.as_ref().map(Text::as_str) {
        None => {}
        Some("") => *current = None,
        Some(text) if choices.contains(&text) => *current = Some(text.to_owned()),
        Some(_) => return Err(error),
    }
    Ok(())
}

pub fn request_example(kind: OfferKind) -> Value {
    let example = json!({
        "name": "Summer Sale",
        "external_platform": "tune",
        "affiliate_id": "aff42",
        "payout": "12.50",
        "payout_type": "cpa",
        "metadata": { "team": "a" },
    });
    with_field_names(kind, example)
}

/// Adds the two fields whose names depend on the kind to an example.
pub fn with_field_names(kind: OfferKind, mut example: Value) -> Value {
    example[template_field(kind).name()] = json!("https://example.com/offer?c={click_id}");
    example[external_id_field(kind)] = json!("12345");
    example
}
