//! What of an offer can be sent, and its checks.

use std::collections::BTreeMap;

use domain::{
    id::random_base62,
    interstitial::Interstitial,
    macros::Template,
    money::{self, PAYOUT_DECIMALS},
};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_postgres::{Row, types::Json};

use super::{Kind, STATUS, STATUS_NAMES};
use crate::{
    body::{Choice, Text, change, change_url, given},
    error::{ApiError, CodedField},
    http::DecimalText,
    interstitial,
    links::request::slug,
    postbacks,
};

/// A create takes all of it, a change what is sent.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct OfferRequest {
    /// At most 255 characters. Required.
    #[schemars(length(max = 255))]
    name: Option<Text>,
    /// Unique in the account; made of the name where it is not sent.
    slug: Option<Text>,
    /// An SMS offer's URL, with macros. Required for SMS offers.
    tracking_url: Option<Text>,
    /// A partnership offer's URL, with macros. Required for partnership
    /// offers.
    destination_url_template: Option<Text>,
    /// tune or everflow.
    #[schemars(extend("enum" = ["tune", "everflow", "", null]))]
    external_platform: Option<Text>,
    /// An SMS offer's id there.
    external_id: Option<Text>,
    /// A partnership offer's id there.
    external_offer_id: Option<Text>,
    advertiser_id: Option<Text>,
    /// The value of `{affiliate_id}`.
    affiliate_id: Option<Text>,
    payout: Option<DecimalText>,
    /// cpa or cpc.
    #[schemars(extend("enum" = ["cpa", "cpc", "", null]))]
    payout_type: Option<Text>,
    /// True: suspected bots see a page first. False: they do not. Empty or
    /// never sent: as the account's `bot_filter_mode`.
    filter_bots: Option<Choice>,
    interstitial: Option<Interstitial>,
    /// For postbacks without a click, and for those of its links where `postbacks` says so:
    /// 16 to 255 characters.
    postback_secret: Option<Text>,
    /// At most 4 secrets that are taken beside `postback_secret`, while senders change to
    /// another one.
    previous_postback_secrets: Option<Vec<Text>>,
    /// What postbacks of its links must prove: nothing (open), a secret as their `token`
    /// (token), or the HMAC-SHA256 of their query as their `signature` (signed). Empty or
    /// never sent: as the account's `postbacks`, and by the account's secrets.
    #[schemars(extend("enum" = ["open", "token", "signed", "", null]))]
    postbacks: Option<Text>,
    /// Days after the click in which a conversion counts, 1 to 3650.
    click_window_days: Option<i64>,
    /// Where clicks go while the offer is not active.
    #[schemars(extend("format" = "uri"))]
    fallback_url: Option<Text>,
    /// active, paused or archived.
    #[schemars(extend("enum" = ["active", "paused", "archived", "", null]))]
    status: Option<Text>,
    /// Up to 100 texts of at most 1,000 characters, by names of at most 255.
    metadata: Option<BTreeMap<String, String>>,
}

const MAX_METADATA: usize = 100;

/// The columns that can be changed.
#[derive(Debug, Clone)]
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
    pub interstitial: Option<Interstitial>,
    pub postback_secret: Option<String>,
    pub previous_postback_secrets: Vec<String>,
    pub postbacks: Option<String>,
    pub click_window_days: i32,
    pub fallback_url: Option<String>,
    pub status: String,
    pub metadata: BTreeMap<String, String>,
}

impl OfferFields {
    pub fn new() -> Self {
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
            postback_secret: Some(format!("pbs_{}", random_base62(&mut rand::rng(), 32))),
            previous_postback_secrets: Vec::new(),
            postbacks: None,
            click_window_days: 90,
            fallback_url: None,
            status: "active".to_owned(),
            metadata: BTreeMap::new(),
        }
    }

    pub fn read(row: &Row) -> Self {
        let interstitial: Option<Json<Interstitial>> = row.get("interstitial");
        let Json(metadata) = row.get("metadata");
        Self {
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
            interstitial: interstitial.map(|Json(interstitial)| interstitial),
            postback_secret: row.get("postback_secret"),
            previous_postback_secrets: row.get("previous_postback_secrets"),
            postbacks: row.get("postbacks"),
            click_window_days: row.get("click_window_days"),
            fallback_url: row.get("fallback_url"),
            status: row.get("status"),
            metadata,
        }
    }

    /// Takes what is sent; the checks run in the order of the error table.
    pub fn apply(&mut self, sent: OfferRequest, kind: Kind) -> Result<(), ApiError> {
        let (template, external_id, external_field) = match kind {
            Kind::Sms => (&sent.tracking_url, &sent.external_id, "external_id"),
            Kind::Partnership => (
                &sent.destination_url_template,
                &sent.external_offer_id,
                "external_offer_id",
            ),
        };
        self.name = name(&sent.name, &self.name)?;
        self.template = required(template, &self.template)
            .ok_or(ApiError::MissingField(kind.template_field()))?
            .trim()
            .to_owned();
        Template::parse(&self.template)
            .map_err(|reason| ApiError::InvalidTemplate(kind.template_field(), reason))?;
        if let Some(platform) = &sent.external_platform {
            self.external_platform =
                choice(platform, &["tune", "everflow"]).ok_or(ApiError::InvalidExternalPlatform)?;
        }
        if let Some(DecimalText(payout)) = &sent.payout {
            self.payout = match payout.as_str() {
                "" => None,
                payout => {
                    Some(money::parse(payout, PAYOUT_DECIMALS).ok_or(ApiError::InvalidPayout)?)
                }
            };
        }
        if let Some(payout_type) = &sent.payout_type {
            self.payout_type =
                choice(payout_type, &["cpa", "cpc"]).ok_or(ApiError::InvalidPayoutType)?;
        }
        if let Some(status) = given(&sent.status) {
            if !STATUS.contains(&status) {
                return Err(ApiError::InvalidStatus(STATUS_NAMES));
            }
            self.status = status.to_owned();
        }
        if let Some(slug) = slug(&sent.slug)? {
            self.slug = Some(slug.to_string());
        }
        change_url(
            &mut self.fallback_url,
            &sent.fallback_url,
            CodedField::FallbackUrl,
        )?;
        change(&mut self.external_id, external_id, external_field, 255)?;
        change(
            &mut self.advertiser_id,
            &sent.advertiser_id,
            "advertiser_id",
            255,
        )?;
        change(
            &mut self.affiliate_id,
            &sent.affiliate_id,
            "affiliate_id",
            255,
        )?;
        if let Some(Choice(filter_bots)) = sent.filter_bots {
            self.filter_bots = filter_bots;
        }
        if let Some(interstitial) = sent.interstitial {
            interstitial::check(&interstitial)?;
            self.interstitial = Some(interstitial);
        }
        if let Some(secret) = postbacks::secret("postback_secret", &sent.postback_secret)? {
            self.postback_secret = Some(secret);
        }
        if let Some(secrets) = &sent.previous_postback_secrets {
            let field = "previous_postback_secrets";
            let max = postbacks::MAX_SECRETS - 1;
            self.previous_postback_secrets = postbacks::secrets(field, secrets, max)?;
        }
        if let Some(mode) = &sent.postbacks {
            self.postbacks = postbacks::mode(mode)?;
        }
        if let Some(days) = sent.click_window_days {
            let days = i32::try_from(days)
                .ok()
                .filter(|days| (1..=3650).contains(days));
            self.click_window_days = days.ok_or_else(|| {
                ApiError::invalid_field("click_window_days", "it is not from 1 to 3650")
            })?;
        }
        self.merge_metadata(sent.metadata.unwrap_or_default())
    }

    fn merge_metadata(&mut self, sent: BTreeMap<String, String>) -> Result<(), ApiError> {
        for (name, value) in sent {
            if name.contains('\0') || value.contains('\0') {
                return Err(ApiError::invalid_field("metadata", "U+0000 is not allowed"));
            }
            if name.chars().count() > 255 || value.chars().count() > 1_000 {
                return Err(ApiError::invalid_field(
                    "metadata",
                    "a name exceeds 255 characters or a value 1,000",
                ));
            }
            if value.is_empty() {
                self.metadata.remove(&name);
            } else {
                self.metadata.insert(name, value);
            }
        }
        if self.metadata.len() > MAX_METADATA {
            return Err(ApiError::invalid_field(
                "metadata",
                "it has more than 100 entries",
            ));
        }
        Ok(())
    }
}

/// A name that is sent or there, of at most 255 characters.
pub fn name(sent: &Option<Text>, there: &str) -> Result<String, ApiError> {
    let name = required(sent, there).ok_or(ApiError::MissingField(CodedField::Name))?;
    if name.chars().count() > 255 {
        return Err(ApiError::NameTooLong);
    }
    Ok(name.to_owned())
}

/// What is sent, else what is there; a blank text is neither.
pub fn required<'t>(sent: &'t Option<Text>, there: &'t str) -> Option<&'t str> {
    let text = sent.as_ref().map_or(there, Text::as_str);
    Some(text).filter(|text| !text.trim().is_empty())
}

/// One of the choices, or an empty text that takes it away. `None`: neither.
fn choice(sent: &Text, choices: &[&str]) -> Option<Option<String>> {
    match sent.as_str() {
        "" => Some(None),
        text if choices.contains(&text) => Some(Some(text.to_owned())),
        _ => None,
    }
}

/// A slug of the name's letters and digits, if it has enough of them.
pub fn slug_of(name: &str) -> Option<String> {
    let words = name.to_lowercase();
    let words: Vec<_> = words
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let slug: String = words.join("-").chars().take(55).collect();
    (slug.len() >= 3).then_some(slug)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Summer Sale -- 50% off!", Some("summer-sale-50-off"))]
    #[case("Ünïcode ABC", Some("n-code-abc"))]
    #[case("日本", None)]
    #[case("a", None)]
    fn a_slug_is_made_of_a_name(#[case] name: &str, #[case] expected: Option<&str>) {
        assert_eq!(slug_of(name).as_deref(), expected);
    }
}
