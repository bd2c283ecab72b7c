//! Builds the event of a click and expands its destination.

use std::{borrow::Cow, net::IpAddr};

use actix_http::Request;
use domain::{
    bot::Verdict,
    click::ClickEvent,
    cost::{ClickCost, ClickCostError},
    id::ClickId,
    link_path::PathCorrection,
    macros::{ClickContext, Macro, Template, VisitorFacts},
    query::{self, ClickQuery},
};
use platform::telemetry;
use tracing::Span;

use crate::{request, resolve::ResolvedLink, visitor::Visitor};

/// A request to a link that is available, at one time.
#[derive(Clone, Copy)]
pub struct Visit<'r> {
    pub request: &'r Request,
    pub address: IpAddr,
    pub resolved: &'r ResolvedLink,
    /// The link's own path, and what was corrected in the request's path.
    pub path: &'r str,
    pub corrections: &'r [PathCorrection],
    pub template: &'r Template,
    pub now: jiff::Timestamp,
}

/// What the redirector decided about a click.
pub struct ClickOutcome<'r> {
    pub click_id: ClickId,
    pub verdict: Verdict<'r>,
    /// Whether a person pressed Continue.
    pub is_confirmed: bool,
}

/// Where a click leads to, and what is to be counted of it.
pub struct PreparedClick {
    pub destination: String,
    pub click_cost_error: Option<ClickCostError>,
}

/// Writes the line of the event to `line`.
pub fn prepare_click(
    visit: &Visit<'_>,
    visitor: &Visitor<'_>,
    outcome: ClickOutcome<'_>,
    span: &Span,
    line: &mut Vec<u8>,
) -> PreparedClick {
    let Visit {
        request,
        resolved,
        template,
        ..
    } = *visit;
    let raw_query = request::query(request);
    let query = ClickQuery::parse(raw_query);
    let needs_device = template.contains_any(&[Macro::Device, Macro::Os, Macro::Browser]);
    let context = ClickContext {
        click_id: outcome.click_id,
        link: &resolved.link,
        offer: resolved.offer(),
        query: &query,
        visitor: VisitorFacts {
            ip: visitor.ip,
            user_agent: visitor.user_agent.as_deref(),
            referrer: visitor.referrer.as_deref(),
            country: visitor.location.country.as_deref(),
            device: needs_device.then(|| visitor.device()),
        },
    };
    let (click_cost, click_cost_error) = match read_click_cost(resolved, &context, raw_query) {
        Some(Ok(cost)) => (Some(cost), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let event = ClickEvent {
        click_cost,
        click_cost_error,
        ..build_event(&context, visitor, outcome, visit.corrections, span)
    };
    event.write_line(line);
    let forwarded_query = if resolved.link.forward_query {
        query::truncate_to_limits(raw_query)
    } else {
        ""
    };
    PreparedClick {
        destination: template.expand_with_query(forwarded_query, |name| context.value(name)),
        click_cost_error,
    }
}

/// Reads the cost from the parameter that the link or else the account names. `None` if the URL
/// does not have it, or none is named. Without `cost` in the query, the link's default value of
/// that parameter counts.
fn read_click_cost<'c>(
    resolved: &'c ResolvedLink,
    context: &ClickContext<'_>,
    raw_query: &str,
) -> Option<Result<ClickCost<'c>, ClickCostError>> {
    let account = resolved.account();
    let rule = resolved.link.click_cost.as_ref();
    let rule = rule.or_else(|| account?.click_cost.as_ref())?;
    let text = match &*rule.parameter {
        "cost" => context.value(Macro::Cost).filter(|text| !text.is_empty()),
        parameter => query::find_parameter(raw_query, parameter),
    };
    let default_currency = account.and_then(|account| account.default_currency.as_deref());
    text.map(|text| rule.read(&text, default_currency))
}

fn build_event<'a>(
    context: &ClickContext<'a>,
    visitor: &'a Visitor<'_>,
    outcome: ClickOutcome<'a>,
    corrections: &[PathCorrection],
    span: &Span,
) -> ClickEvent<'a> {
    let link = context.link;
    let value = |name| context.value(name).filter(|value| !value.is_empty());
    use domain::macros::Macro::{Cost, Creative, Source, Sub};
    ClickEvent {
        click_id: context.click_id,
        account_id: link.account_id,
        link_key: link.link_key,
        link_id: Cow::Borrowed(&link.link_id),
        list_id: link.list_id,
        offer_id: link.offer_id,
        creative_id: link.creative_id,
        campaign_id: link.campaign_id.as_ref().map(Cow::Borrowed),
        message_id: link.message_id.as_deref().map(Cow::Borrowed),
        contact_phone: link.contact_phone.as_deref().map(Cow::Borrowed),
        ip: visitor.ip,
        user_agent: visitor.user_agent.as_deref().map(Cow::Borrowed),
        referrer: visitor.referrer.as_deref().map(Cow::Borrowed),
        country: visitor.location.country.as_deref().map(Cow::Borrowed),
        region: visitor.location.region.as_deref().map(Cow::Borrowed),
        city: visitor.location.city.as_deref().map(Cow::Borrowed),
        language: visitor.language.as_deref().map(Cow::Borrowed),
        asn: visitor.asn,
        sub1: value(Sub(0)),
        sub2: value(Sub(1)),
        sub3: value(Sub(2)),
        sub4: value(Sub(3)),
        sub5: value(Sub(4)),
        source: value(Source),
        creative: value(Creative),
        cost: value(Cost),
        click_cost: None,
        click_cost_error: None,
        bot_reasons: outcome.verdict.reasons,
        bot_rules: outcome
            .verdict
            .rules
            .into_iter()
            .map(Cow::Borrowed)
            .collect(),
        confirmed: outcome.is_confirmed,
        path_corrections: corrections.to_vec(),
        traceparent: telemetry::traceparent(span).map(Cow::Owned),
    }
}
