//! The clicks that the parameters of a query select.

use domain::{id::ClickId, link_path::PathCorrection};
use ledger::keys::is_message_click;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    db::{
        facts::{FactFilter, FilterValues},
        filters::FilterTarget,
    },
    enumeration::enumeration,
    error::ApiError,
    fields::{
        QueryDecimal, QueryEnd, QueryStart,
        filter_values::{ValueKind, parse_filter_values},
    },
    http::{QueryParameters, RequestContext},
};

const PATH_CORRECTIONS: [&str; 4] = [
    PathCorrection::EscapesDecoded.as_str(),
    PathCorrection::PrefixIgnored.as_str(),
    PathCorrection::SuffixIgnored.as_str(),
    PathCorrection::CaseIgnored.as_str(),
];

enumeration! {
    /// Who made a click.
    pub enum Verdict {
        Bot = "bot",
        Human = "human",
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
pub struct ClicksQuery {
    /// The first day (UTC), as in 2026-03-01, or the first time, as in 2026-03-01T00:00:00Z.
    from: Option<QueryStart>,
    /// The last day, or the time after the last.
    to: Option<QueryEnd>,
    /// Only these clicks.
    click_id: Option<String>,
    /// All but these clicks.
    #[serde(rename = "click_id.not")]
    click_id_not: Option<String>,
    /// Only clicks of these links: short ids, or lnk_...
    link_id: Option<String>,
    /// All but clicks of these links.
    #[serde(rename = "link_id.not")]
    link_id_not: Option<String>,
    /// Only clicks of these lists: one or several, separated by commas; `(none)` is what has no value.
    list_id: Option<String>,
    /// All but clicks of these lists.
    #[serde(rename = "list_id.not")]
    list_id_not: Option<String>,
    /// Only clicks of these offers.
    offer_id: Option<String>,
    /// All but clicks of these offers.
    #[serde(rename = "offer_id.not")]
    offer_id_not: Option<String>,
    /// Only clicks of these creatives.
    creative_id: Option<String>,
    /// All but clicks of these creatives.
    #[serde(rename = "creative_id.not")]
    creative_id_not: Option<String>,
    /// Only clicks of these campaigns.
    campaign_id: Option<String>,
    /// All but clicks of these campaigns.
    #[serde(rename = "campaign_id.not")]
    campaign_id_not: Option<String>,
    /// Only clicks of these messages.
    message_id: Option<String>,
    /// All but clicks of these messages.
    #[serde(rename = "message_id.not")]
    message_id_not: Option<String>,
    /// Only clicks of these contacts (E.164).
    contact_phone: Option<String>,
    /// All but clicks of these contacts.
    #[serde(rename = "contact_phone.not")]
    contact_phone_not: Option<String>,
    /// Only these visitors.
    visitor: Option<String>,
    /// All but these visitors.
    #[serde(rename = "visitor.not")]
    visitor_not: Option<String>,
    /// Only these addresses, or networks as in 203.0.113.0/24.
    ip: Option<String>,
    /// All but these addresses or networks.
    #[serde(rename = "ip.not")]
    ip_not: Option<String>,
    /// A part of the user agent, in either case.
    user_agent: Option<String>,
    /// User agents without this part.
    #[serde(rename = "user_agent.not")]
    user_agent_not: Option<String>,
    /// A part of the referrer, in either case.
    referrer: Option<String>,
    /// Referrers without this part.
    #[serde(rename = "referrer.not")]
    referrer_not: Option<String>,
    /// Only these countries (ISO 3166-1 alpha-2).
    country: Option<String>,
    /// All but these countries.
    #[serde(rename = "country.not")]
    country_not: Option<String>,
    /// Only these regions (ISO 3166-2).
    region: Option<String>,
    /// All but these regions.
    #[serde(rename = "region.not")]
    region_not: Option<String>,
    /// Only these cities.
    city: Option<String>,
    /// All but these cities.
    #[serde(rename = "city.not")]
    city_not: Option<String>,
    /// Only these languages of browsers (ISO 639).
    language: Option<String>,
    /// All but these languages of browsers.
    #[serde(rename = "language.not")]
    language_not: Option<String>,
    /// Only these networks (numbers of autonomous systems).
    asn: Option<String>,
    /// All but these networks.
    #[serde(rename = "asn.not")]
    asn_not: Option<String>,
    /// Only these classes of devices.
    device: Option<String>,
    /// All but these classes of devices.
    #[serde(rename = "device.not")]
    device_not: Option<String>,
    /// Only these operating systems.
    os: Option<String>,
    /// All but these operating systems.
    #[serde(rename = "os.not")]
    os_not: Option<String>,
    /// Only these browsers.
    browser: Option<String>,
    /// All but these browsers.
    #[serde(rename = "browser.not")]
    browser_not: Option<String>,
    /// Only these values of sub1.
    sub1: Option<String>,
    /// All but these values of sub1.
    #[serde(rename = "sub1.not")]
    sub1_not: Option<String>,
    /// Only these values of sub2.
    sub2: Option<String>,
    /// All but these values of sub2.
    #[serde(rename = "sub2.not")]
    sub2_not: Option<String>,
    /// Only these values of sub3.
    sub3: Option<String>,
    /// All but these values of sub3.
    #[serde(rename = "sub3.not")]
    sub3_not: Option<String>,
    /// Only these values of sub4.
    sub4: Option<String>,
    /// All but these values of sub4.
    #[serde(rename = "sub4.not")]
    sub4_not: Option<String>,
    /// Only these values of sub5.
    sub5: Option<String>,
    /// All but these values of sub5.
    #[serde(rename = "sub5.not")]
    sub5_not: Option<String>,
    /// Only these sources.
    source: Option<String>,
    /// All but these sources.
    #[serde(rename = "source.not")]
    source_not: Option<String>,
    /// Only these values of the parameter creative.
    creative: Option<String>,
    /// All but these values of the parameter creative.
    #[serde(rename = "creative.not")]
    creative_not: Option<String>,
    /// Only these values of the parameter cost.
    cost: Option<String>,
    /// All but these values of the parameter cost.
    #[serde(rename = "cost.not")]
    cost_not: Option<String>,
    /// Only costs from this one on.
    min_click_cost: Option<QueryDecimal>,
    /// Only costs up to this one.
    max_click_cost: Option<QueryDecimal>,
    /// Only costs in these currencies.
    click_cost_currency: Option<String>,
    /// All but costs in these currencies.
    #[serde(rename = "click_cost_currency.not")]
    click_cost_currency_not: Option<String>,
    /// Only these reasons why the parameter is no cost.
    click_cost_error: Option<String>,
    /// All but these reasons why the parameter is no cost.
    #[serde(rename = "click_cost_error.not")]
    click_cost_error_not: Option<String>,
    /// Only clicks with this verdict.
    verdict: Option<Verdict>,
    /// Only clicks with one of these reasons why they are classified as a bot's.
    reason: Option<String>,
    /// All but clicks with one of these reasons.
    #[serde(rename = "reason.not")]
    reason_not: Option<String>,
    /// Only clicks with one of these rules of bot verdicts.
    bot_rule: Option<String>,
    /// All but clicks with one of these rules.
    #[serde(rename = "bot_rule.not")]
    bot_rule_not: Option<String>,
    /// Only clicks with one of these corrections of the path.
    path_correction: Option<String>,
    /// All but clicks with one of these corrections.
    #[serde(rename = "path_correction.not")]
    path_correction_not: Option<String>,
    /// Whether the Continue button of the preview page was pressed.
    confirmed: Option<bool>,
    /// Whether they count as their contacts' clicks on the message.
    is_message_click: Option<bool>,
}

impl QueryParameters for ClicksQuery {}

impl ClicksQuery {
    pub async fn resolve(self, context: RequestContext<'_>) -> Result<FactFilter, ApiError> {
        let (db, account_id) = (context.db, context.caller.account_id);
        let mut filter =
            FactFilter::from_period(self.from.map(|time| time.0), self.to.map(|time| time.0));
        let links = FilterValues::new("link_id", &self.link_id, &self.link_id_not);
        filter
            .add_links(db, account_id, "c.link_key", links)
            .await?;
        for (column, target, values) in [
            (
                "c.offer_id",
                FilterTarget::Offer,
                FilterValues::new("offer_id", &self.offer_id, &self.offer_id_not),
            ),
            (
                "c.list_id",
                FilterTarget::List,
                FilterValues::new("list_id", &self.list_id, &self.list_id_not),
            ),
            (
                "c.creative_id",
                FilterTarget::Creative,
                FilterValues::new("creative_id", &self.creative_id, &self.creative_id_not),
            ),
            (
                "c.campaign_id",
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
        filter.add_phones("c.contact_phone", phones)?;
        for (column, kind, values) in [
            (
                "c.message_id",
                ValueKind::Text,
                FilterValues::new("message_id", &self.message_id, &self.message_id_not),
            ),
            (
                "c.visitor",
                ValueKind::Text,
                FilterValues::new("visitor", &self.visitor, &self.visitor_not),
            ),
            (
                "c.region",
                ValueKind::Text,
                FilterValues::new("region", &self.region, &self.region_not),
            ),
            (
                "c.city",
                ValueKind::Text,
                FilterValues::new("city", &self.city, &self.city_not),
            ),
            (
                "c.device",
                ValueKind::Text,
                FilterValues::new("device", &self.device, &self.device_not),
            ),
            (
                "c.os",
                ValueKind::Text,
                FilterValues::new("os", &self.os, &self.os_not),
            ),
            (
                "c.browser",
                ValueKind::Text,
                FilterValues::new("browser", &self.browser, &self.browser_not),
            ),
            (
                "c.sub1",
                ValueKind::Text,
                FilterValues::new("sub1", &self.sub1, &self.sub1_not),
            ),
            (
                "c.sub2",
                ValueKind::Text,
                FilterValues::new("sub2", &self.sub2, &self.sub2_not),
            ),
            (
                "c.sub3",
                ValueKind::Text,
                FilterValues::new("sub3", &self.sub3, &self.sub3_not),
            ),
            (
                "c.sub4",
                ValueKind::Text,
                FilterValues::new("sub4", &self.sub4, &self.sub4_not),
            ),
            (
                "c.sub5",
                ValueKind::Text,
                FilterValues::new("sub5", &self.sub5, &self.sub5_not),
            ),
            (
                "c.source",
                ValueKind::Text,
                FilterValues::new("source", &self.source, &self.source_not),
            ),
            (
                "c.creative",
                ValueKind::Text,
                FilterValues::new("creative", &self.creative, &self.creative_not),
            ),
            (
                "c.cost",
                ValueKind::Text,
                FilterValues::new("cost", &self.cost, &self.cost_not),
            ),
            (
                "c.click_cost_currency",
                ValueKind::Uppercase,
                FilterValues::new(
                    "click_cost_currency",
                    &self.click_cost_currency,
                    &self.click_cost_currency_not,
                ),
            ),
            (
                "c.click_cost_error",
                ValueKind::Text,
                FilterValues::new(
                    "click_cost_error",
                    &self.click_cost_error,
                    &self.click_cost_error_not,
                ),
            ),
            (
                "c.country",
                ValueKind::Country,
                FilterValues::new("country", &self.country, &self.country_not),
            ),
            (
                "c.language",
                ValueKind::Language,
                FilterValues::new("language", &self.language, &self.language_not),
            ),
            (
                "c.asn",
                ValueKind::Number,
                FilterValues::new("asn", &self.asn, &self.asn_not),
            ),
            (
                "c.ip",
                ValueKind::Address,
                FilterValues::new("ip", &self.ip, &self.ip_not),
            ),
            (
                "c.click_id",
                ValueKind::ClickId,
                FilterValues::new("click_id", &self.click_id, &self.click_id_not),
            ),
        ] {
            filter.add(column, kind, values)?;
        }
        if let Some(text) = &self.click_id {
            // An id has the time of its click, by which the index finds it.
            let ids = parse_filter_values(ValueKind::ClickId, "click_id", text)?;
            let ids = ids.iter().flat_map(|id| ClickId::parse(id));
            let times: Vec<_> = ids.map(|id| id.time()).collect();
            filter.push_array("c.clicked_at", times);
        }
        filter.add_part(
            "c.user_agent",
            FilterValues::new("user_agent", &self.user_agent, &self.user_agent_not),
        );
        filter.add_part(
            "c.referrer",
            FilterValues::new("referrer", &self.referrer, &self.referrer_not),
        );
        for (column, kind, values) in [
            (
                "c.bot_reasons",
                ValueKind::BotReason,
                FilterValues::new("reason", &self.reason, &self.reason_not),
            ),
            (
                "c.bot_rules",
                ValueKind::Text,
                FilterValues::new("bot_rule", &self.bot_rule, &self.bot_rule_not),
            ),
            (
                "c.path_corrections",
                ValueKind::Name(&PATH_CORRECTIONS),
                FilterValues::new(
                    "path_correction",
                    &self.path_correction,
                    &self.path_correction_not,
                ),
            ),
        ] {
            filter.add_names(column, kind, values)?;
        }
        if let Some(cost) = self.min_click_cost {
            filter.push_comparison("c.click_cost >=", cost.0);
        }
        if let Some(cost) = self.max_click_cost {
            filter.push_comparison("c.click_cost <=", cost.0);
        }
        if let Some(verdict) = self.verdict {
            filter.push_comparison("c.is_bot =", verdict == Verdict::Bot);
        }
        if let Some(is_confirmed) = self.confirmed {
            filter.push_comparison("c.confirmed =", is_confirmed);
        }
        if let Some(is_first) = self.is_message_click {
            filter.push_comparison(&format!("{} =", is_message_click()), is_first);
        }
        Ok(filter)
    }
}
