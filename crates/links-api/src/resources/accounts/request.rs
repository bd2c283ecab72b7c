//! The body of an account, and the rules of its fields.

use domain::{
    conversion::parse_currency,
    money::{self, PAYOUT_DECIMALS},
    postback::PostbackMapping,
};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_postgres::types::Json;

use crate::{
    auth::Product,
    db::accounts::AccountFields,
    enumeration::Enumeration as _,
    error::ApiError,
    fields::{
        ClickCostField, DecimalText, Text, name, non_empty, postbacks, update_countries,
        update_status, update_text,
    },
    http::RequestBody,
};

/// Creating an account takes all fields into account, updating it those that are given.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct AccountRequest {
    /// At most 255 characters. Required.
    #[schemars(length(max = 255))]
    name: Option<Text>,
    /// active or suspended.
    #[schemars(extend("enum" = ["active", "suspended", "", null]))]
    status: Option<Text>,
    /// sms, offer_management.
    products: Option<Vec<Text>>,
    /// no_filter or filter, unless an offer decides otherwise.
    #[schemars(extend("enum" = ["no_filter", "filter", "", null]))]
    bot_filter_mode: Option<Text>,
    /// ISO 3166-1 alpha-2. If there are any, clicks from other countries are suspected to be
    /// bots' clicks, but not those from an unknown country.
    allowed_countries: Option<Vec<Text>>,
    /// Clicks from these countries are suspected to be bots' clicks.
    blocked_countries: Option<Vec<Text>>,
    /// Put before each message of lists that have no text of their own, at most
    /// 320 characters; `{{brand_name}}` is the list's.
    prepend_text: Option<Text>,
    /// Put behind each message of lists that have no text of their own.
    append_text: Option<Text>,
    /// Days after which clicks, message clicks, conversions and messages are deleted, 1 to
    /// 3650; 0 is never. Totals are kept.
    #[schemars(range(min = 0, max = 3650))]
    retention_days: Option<i32>,
    /// What is stored of the IP addresses of new clicks: full, truncated (to the network: 24
    /// bits of IPv4, 48 of IPv6) or none.
    #[schemars(extend("enum" = ["full", "truncated", "none", "", null]))]
    ip_storage: Option<Text>,
    /// What postbacks that name a link or a click must prove: nothing (open), a secret as
    /// their `token` (token), or the HMAC-SHA256 of their query by a secret as their
    /// `signature` (signed). An offer can decide otherwise for its links.
    #[schemars(extend("enum" = ["open", "token", "signed", "", null]))]
    postbacks: Option<Text>,
    /// At most 5 secrets of 16 to 255 characters, all of which are valid: add one, change
    /// the senders, and leave the old one out.
    postback_secrets: Option<Vec<Text>>,
    /// The largest amount of a postback that comes without a secret; empty is any.
    postback_max_amount: Option<DecimalText>,
    /// How postbacks are read, for senders with names and values of their own; an empty object
    /// clears it. An offer can say otherwise for its links.
    postback_mapping: Option<PostbackMapping>,
    /// The currency of amounts that come without one, by ISO 4217 or a cryptocurrency's code;
    /// empty is USD.
    default_currency: Option<Text>,
    /// Which parameter of clicks' URLs is what the click costs, where traffic sources write the
    /// price of each click; an empty object clears it, and then no cost is read. Links can have
    /// a setting of their own.
    click_cost: Option<ClickCostField>,
}

impl RequestBody for AccountRequest {}

impl AccountRequest {
    /// Updates the fields that are given, and validates all that are required.
    pub fn apply(self, fields: &mut AccountFields) -> Result<(), ApiError> {
        fields.name = name(&self.name, &fields.name)?;
        update_status(&mut fields.status, &self.status)?;
        self.apply_postbacks(fields)?;
        if let Some(products) = self.products {
            let mut products: Vec<_> = products.iter().map(|p| p.as_str().to_owned()).collect();
            products.sort();
            products.dedup();
            if !products.iter().all(|p| Product::parse(p).is_some()) {
                return Err(ApiError::invalid_field(
                    "products",
                    "a product is neither sms nor offer_management",
                ));
            }
            fields.products = products;
        }
        if let Some(mode) = non_empty(&self.bot_filter_mode) {
            if !["no_filter", "filter"].contains(&mode) {
                return Err(ApiError::invalid_field(
                    "bot_filter_mode",
                    "it is neither no_filter nor filter",
                ));
            }
            fields.bot_filter_mode = mode.to_owned();
        }
        match self.retention_days {
            None => {}
            Some(0) => fields.retention_days = None,
            Some(days @ 1..=3650) => fields.retention_days = Some(days),
            Some(_) => {
                return Err(ApiError::invalid_field(
                    "retention_days",
                    "it is not 0 to 3650",
                ));
            }
        }
        if let Some(storage) = non_empty(&self.ip_storage) {
            if !["full", "truncated", "none"].contains(&storage) {
                return Err(ApiError::invalid_field(
                    "ip_storage",
                    "it is not full, truncated or none",
                ));
            }
            fields.ip_storage = storage.to_owned();
        }
        update_countries(
            &mut fields.allowed_countries,
            &self.allowed_countries,
            "allowed_countries",
        )?;
        update_countries(
            &mut fields.blocked_countries,
            &self.blocked_countries,
            "blocked_countries",
        )?;
        let max = 320;
        update_text(
            &mut fields.prepend_text,
            &self.prepend_text,
            "prepend_text",
            max,
        )?;
        update_text(
            &mut fields.append_text,
            &self.append_text,
            "append_text",
            max,
        )
    }

    fn apply_postbacks(&self, fields: &mut AccountFields) -> Result<(), ApiError> {
        if let Some(mode) = &self.postbacks
            && let Some(mode) = postbacks::parse_mode(mode)?
        {
            fields.postbacks = mode;
        }
        if let Some(secrets) = &self.postback_secrets {
            let field = "postback_secrets";
            fields.postback_secrets =
                postbacks::parse_secrets(field, secrets, postbacks::MAX_SECRETS)?;
        }
        if fields.postbacks != "open" && fields.postback_secrets.is_empty() {
            let problem = "token and signed need a secret in postback_secrets";
            return Err(ApiError::invalid_field("postbacks", problem));
        }
        if let Some(mapping) = &self.postback_mapping {
            fields.postback_mapping = postbacks::check_mapping(mapping)?;
        }
        if let Some(currency) = &self.default_currency {
            fields.default_currency = match currency.as_str() {
                "" => None,
                text => Some(parse_currency(text).ok_or_else(|| {
                    ApiError::invalid_field("default_currency", "it is not a code as in USD")
                })?),
            };
        }
        if let Some(click_cost) = &self.click_cost {
            fields.click_cost = click_cost.rule("click_cost")?.map(Json);
        }
        if let Some(DecimalText(amount)) = &self.postback_max_amount {
            fields.postback_max_amount = match amount.as_str() {
                "" => None,
                amount => {
                    let amount = money::parse(amount, PAYOUT_DECIMALS);
                    let amount = amount.filter(|amount| !amount.is_zero());
                    let problem = "it is not a decimal number over 0 with at most 4 decimals";
                    let error = || ApiError::invalid_field("postback_max_amount", problem);
                    Some(amount.ok_or_else(error)?)
                }
            };
        }
        Ok(())
    }
}
