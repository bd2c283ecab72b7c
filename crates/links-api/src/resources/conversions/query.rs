//! The conversions that the parameters of a query select.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    db::{
        conversions::Attribution,
        facts::{FactFilter, FilterValues},
        filters::FilterTarget,
    },
    enumeration::Enumeration as _,
    error::ApiError,
    fields::{QueryDecimal, QueryEnd, QueryStart, filter_values::ValueKind},
    http::{QueryParameters, RequestContext},
    objects::conversion::AMOUNT,
};

const SOURCES: [&str; 6] = ["conv", "offer", "coupon", "pixel", "api", "import"];
const STATUSES: [&str; 4] = ["approved", "pending", "rejected", "reversed"];

#[derive(Debug, Deserialize, JsonSchema)]
pub struct ConversionsQuery {
    /// The first day (UTC), as in 2026-03-01, or the first time, as in 2026-03-01T00:00:00Z.
    from: Option<QueryStart>,
    /// The last day, or the time after the last.
    to: Option<QueryEnd>,
    /// Only these conversions.
    conversion_id: Option<String>,
    /// All but these conversions.
    #[serde(rename = "conversion_id.not")]
    conversion_id_not: Option<String>,
    /// Only these sources: one or several of conv, offer, coupon, pixel, api and import, separated by commas.
    source: Option<String>,
    /// All but these sources.
    #[serde(rename = "source.not")]
    source_not: Option<String>,
    /// Only these events, as in sale; `(none)` is what has no value.
    event: Option<String>,
    /// All but these events.
    #[serde(rename = "event.not")]
    event_not: Option<String>,
    /// Only these statuses: approved, pending, rejected, reversed.
    status: Option<String>,
    /// All but these statuses.
    #[serde(rename = "status.not")]
    status_not: Option<String>,
    /// Only conversions of these transactions.
    txn_id: Option<String>,
    /// All but conversions of these transactions.
    #[serde(rename = "txn_id.not")]
    txn_id_not: Option<String>,
    /// Only conversions that were sent with these clicks.
    click_id: Option<String>,
    /// All but conversions that were sent with these clicks.
    #[serde(rename = "click_id.not")]
    click_id_not: Option<String>,
    /// Only conversions that were sent with these links.
    sent_link_id: Option<String>,
    /// All but conversions that were sent with these links.
    #[serde(rename = "sent_link_id.not")]
    sent_link_id_not: Option<String>,
    /// Only conversions that were sent with these offers.
    sent_offer_id: Option<String>,
    /// All but conversions that were sent with these offers.
    #[serde(rename = "sent_offer_id.not")]
    sent_offer_id_not: Option<String>,
    /// Only conversions that were sent with these messages.
    sent_message_id: Option<String>,
    /// All but conversions that were sent with these messages.
    #[serde(rename = "sent_message_id.not")]
    sent_message_id_not: Option<String>,
    /// Only amounts in these currencies.
    currency: Option<String>,
    /// All but amounts in these currencies.
    #[serde(rename = "currency.not")]
    currency_not: Option<String>,
    /// Only conversions with these attributions: click, offer, none.
    attribution: Option<String>,
    /// All but conversions with these attributions.
    #[serde(rename = "attribution.not")]
    attribution_not: Option<String>,
    /// Only conversions that are credited to these clicks.
    credited_click_id: Option<String>,
    /// All but conversions that are credited to these clicks.
    #[serde(rename = "credited_click_id.not")]
    credited_click_id_not: Option<String>,
    /// Only conversions that are credited to these links.
    link_id: Option<String>,
    /// All but conversions that are credited to these links.
    #[serde(rename = "link_id.not")]
    link_id_not: Option<String>,
    /// Only conversions that are credited to these lists.
    list_id: Option<String>,
    /// All but conversions that are credited to these lists.
    #[serde(rename = "list_id.not")]
    list_id_not: Option<String>,
    /// Only conversions that are credited to these offers.
    offer_id: Option<String>,
    /// All but conversions that are credited to these offers.
    #[serde(rename = "offer_id.not")]
    offer_id_not: Option<String>,
    /// Only conversions that are credited to these creatives.
    creative_id: Option<String>,
    /// All but conversions that are credited to these creatives.
    #[serde(rename = "creative_id.not")]
    creative_id_not: Option<String>,
    /// Only conversions that are credited to these campaigns.
    campaign_id: Option<String>,
    /// All but conversions that are credited to these campaigns.
    #[serde(rename = "campaign_id.not")]
    campaign_id_not: Option<String>,
    /// Only conversions that are credited to these messages.
    message_id: Option<String>,
    /// All but conversions that are credited to these messages.
    #[serde(rename = "message_id.not")]
    message_id_not: Option<String>,
    /// Only conversions that are credited to these contacts (E.164).
    contact_phone: Option<String>,
    /// All but conversions that are credited to these contacts.
    #[serde(rename = "contact_phone.not")]
    contact_phone_not: Option<String>,
    /// Only conversions that are credited to clicks from these countries.
    country: Option<String>,
    /// All but conversions that are credited to clicks from these countries.
    #[serde(rename = "country.not")]
    country_not: Option<String>,
    /// Only conversions that are credited to clicks of these devices.
    device: Option<String>,
    /// All but conversions that are credited to clicks of these devices.
    #[serde(rename = "device.not")]
    device_not: Option<String>,
    /// Only these hashes of addresses.
    customer_email_hash: Option<String>,
    /// All but these hashes of addresses.
    #[serde(rename = "customer_email_hash.not")]
    customer_email_hash_not: Option<String>,
    /// Only these refunds.
    refund_id: Option<String>,
    /// All but these refunds.
    #[serde(rename = "refund_id.not")]
    refund_id_not: Option<String>,
    /// Only conversions with one of these flags.
    flag: Option<String>,
    /// All but conversions with one of these flags.
    #[serde(rename = "flag.not")]
    flag_not: Option<String>,
    /// Only conversions of these coupon codes, in upper or lower case.
    coupon: Option<String>,
    /// All but conversions of these coupon codes.
    #[serde(rename = "coupon.not")]
    coupon_not: Option<String>,
    /// Only amounts from this one on.
    min_amount: Option<QueryDecimal>,
    /// Only amounts up to this one.
    max_amount: Option<QueryDecimal>,
    /// Only conversions that are credited to clicks from this time on.
    credited_from: Option<QueryStart>,
    /// Only conversions that are credited to clicks before this time.
    credited_to: Option<QueryEnd>,
}

impl QueryParameters for ConversionsQuery {}

impl ConversionsQuery {
    pub async fn resolve(self, context: RequestContext<'_>) -> Result<FactFilter, ApiError> {
        let (db, account_id) = (context.db, context.caller.account_id);
        let mut filter =
            FactFilter::from_period(self.from.map(|time| time.0), self.to.map(|time| time.0));
        for (column, links) in [
            (
                "c.credited_link_key",
                FilterValues::new("link_id", &self.link_id, &self.link_id_not),
            ),
            (
                "c.link_key",
                FilterValues::new("sent_link_id", &self.sent_link_id, &self.sent_link_id_not),
            ),
        ] {
            filter.add_links(db, account_id, column, links).await?;
        }
        for (column, target, values) in [
            (
                "c.credited_offer_id",
                FilterTarget::Offer,
                FilterValues::new("offer_id", &self.offer_id, &self.offer_id_not),
            ),
            (
                "c.credited_list_id",
                FilterTarget::List,
                FilterValues::new("list_id", &self.list_id, &self.list_id_not),
            ),
            (
                "c.credited_creative_id",
                FilterTarget::Creative,
                FilterValues::new("creative_id", &self.creative_id, &self.creative_id_not),
            ),
            (
                "c.credited_campaign_id",
                FilterTarget::Campaign,
                FilterValues::new("campaign_id", &self.campaign_id, &self.campaign_id_not),
            ),
        ] {
            filter
                .add_known(db, account_id, (column, target), values)
                .await?;
        }
        let phones = FilterValues::new(
            "contact_phone",
            &self.contact_phone,
            &self.contact_phone_not,
        );
        filter.add_phones("c.credited_contact_phone", phones)?;
        for (column, kind, values) in [
            (
                "c.conversion_id",
                ValueKind::ConversionId,
                FilterValues::new(
                    "conversion_id",
                    &self.conversion_id,
                    &self.conversion_id_not,
                ),
            ),
            (
                "c.source",
                ValueKind::Name(&SOURCES),
                FilterValues::new("source", &self.source, &self.source_not),
            ),
            (
                "c.event",
                ValueKind::Text,
                FilterValues::new("event", &self.event, &self.event_not),
            ),
            (
                "c.status",
                ValueKind::Name(&STATUSES),
                FilterValues::new("status", &self.status, &self.status_not),
            ),
            (
                "c.txn_id",
                ValueKind::Text,
                FilterValues::new("txn_id", &self.txn_id, &self.txn_id_not),
            ),
            (
                "c.click_id",
                ValueKind::ClickId,
                FilterValues::new("click_id", &self.click_id, &self.click_id_not),
            ),
            (
                "c.offer_id",
                ValueKind::Text,
                FilterValues::new(
                    "sent_offer_id",
                    &self.sent_offer_id,
                    &self.sent_offer_id_not,
                ),
            ),
            (
                "c.message_id",
                ValueKind::Text,
                FilterValues::new(
                    "sent_message_id",
                    &self.sent_message_id,
                    &self.sent_message_id_not,
                ),
            ),
            (
                "c.attribution",
                ValueKind::Name(Attribution::NAMES),
                FilterValues::new("attribution", &self.attribution, &self.attribution_not),
            ),
            (
                "c.credited_click_id",
                ValueKind::ClickId,
                FilterValues::new(
                    "credited_click_id",
                    &self.credited_click_id,
                    &self.credited_click_id_not,
                ),
            ),
            (
                "c.credited_message_id",
                ValueKind::Text,
                FilterValues::new("message_id", &self.message_id, &self.message_id_not),
            ),
            (
                "c.credited_country",
                ValueKind::Country,
                FilterValues::new("country", &self.country, &self.country_not),
            ),
            (
                "c.credited_device",
                ValueKind::Text,
                FilterValues::new("device", &self.device, &self.device_not),
            ),
            (
                "c.customer_email_hash",
                ValueKind::Text,
                FilterValues::new(
                    "customer_email_hash",
                    &self.customer_email_hash,
                    &self.customer_email_hash_not,
                ),
            ),
            (
                "c.refund_id",
                ValueKind::Text,
                FilterValues::new("refund_id", &self.refund_id, &self.refund_id_not),
            ),
            (
                "c.coupon",
                ValueKind::Uppercase,
                FilterValues::new("coupon", &self.coupon, &self.coupon_not),
            ),
            (
                "c.currency",
                ValueKind::Uppercase,
                FilterValues::new("currency", &self.currency, &self.currency_not),
            ),
        ] {
            filter.add(column, kind, values)?;
        }
        filter.add_names(
            "c.flags",
            ValueKind::Text,
            FilterValues::new("flag", &self.flag, &self.flag_not),
        )?;
        if let Some(amount) = self.min_amount {
            filter.push_comparison(&format!("{AMOUNT} >="), amount.0);
        }
        if let Some(amount) = self.max_amount {
            filter.push_comparison(&format!("{AMOUNT} <="), amount.0);
        }
        if let Some(time) = self.credited_from {
            filter.push_comparison("c.credited_clicked_at >=", time.0);
        }
        if let Some(time) = self.credited_to {
            filter.push_comparison("c.credited_clicked_at <", time.0);
        }
        Ok(filter)
    }
}
