//! Builds the event of a click and expands its destination.

use std::{borrow::Cow, net::IpAddr};

use actix_http::Request;
use domain::{
    bot::Verdict,
    click::ClickEvent,
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

/// Writes the line of the event to `line` and returns the destination.
pub fn prepare_click(
    visit: &Visit<'_>,
    visitor: &Visitor<'_>,
    outcome: ClickOutcome<'_>,
    span: &Span,
    line: &mut Vec<u8>,
) -> String {
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
    build_event(&context, visitor, outcome, visit.corrections, span).write_line(line);
    let forwarded_query = if resolved.link.forward_query {
        query::truncate_to_limits(raw_query)
    } else {
        ""
    };
    template.expand_with_query(forwarded_query, |name| context.value(name))
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
