//! What is recorded of a click, before it is answered.

use std::{borrow::Cow, net::IpAddr, time::Instant};

use actix_http::{HttpMessage as _, Request};
use domain::{
    bot::Verdict,
    click::ClickEvent,
    id::ClickId,
    landing::{self, ClickResponse},
    link_path::PathCorrection,
    macros::{ClickContext, Macro, Template, VisitorFacts},
    query::{self, ClickQuery},
};
use platform::{
    log_rate_limit::LogRateLimiter,
    telemetry::{self, TRACEPARENT},
};
use tracing::{Instrument as _, Span};

use super::{
    CONTINUE, Edge, found,
    proof::Proof,
    request,
    visitor::{Visitor, Visitors},
    with_query,
};
use crate::{
    metrics::Outcome,
    pages::{self, Page},
    resolve::Route,
    spool::Spool,
};

/// A request to a link that is open, at one time.
#[derive(Clone, Copy)]
pub struct Click<'c> {
    pub request: &'c Request,
    pub address: IpAddr,
    pub route: &'c Route,
    /// The link's own path, and how the request's differs from it.
    pub path: &'c str,
    pub corrections: &'c [PathCorrection],
    pub template: &'c Template,
    pub now: jiff::Timestamp,
}

/// Records clicks in the spool.
pub struct Recorder {
    pub spool: Spool,
    pub visitors: Visitors,
    pub proof: Proof,
    /// Whether clicks may be traced; else they have no span at all.
    pub is_tracing: bool,
}

/// What a click is recorded as.
struct Record<'c> {
    click_id: ClickId,
    verdict: Verdict<'c>,
    is_confirmed: bool,
}

impl Recorder {
    /// Records a click and answers what it gets. If it cannot be recorded the
    /// answer is the same, counted and said.
    pub async fn arrive(&self, edge: &Edge, click: Click<'_>) -> Page {
        let route = click.route;
        let visitor = self.visitors.of(click.request, click.address);
        let verdict = visitor.verdict(click.request, route.countries());
        let response =
            landing::choose_response(&verdict, route.filters_bots(), route.offer(), route.list());
        if response != ClickResponse::Redirect && edge.load.sheds_pages() {
            edge.metrics.request(Outcome::Shed);
            return pages::shed();
        }
        let record = Record {
            click_id: click_id(click.now),
            verdict,
            is_confirmed: false,
        };
        let destination = self.record(edge, &click, &visitor, record).await;
        match response {
            ClickResponse::Redirect => found(edge, &destination),
            ClickResponse::Interstitial(page) => pages::interstitial(page, &destination),
            ClickResponse::Preview(page) => {
                let token = self.proof.token(route.link.link_key, click_id(click.now));
                pages::preview(&continue_path(&click, &token), page)
            }
        }
    }

    /// Records that somebody pressed Continue, and sends them on.
    pub async fn confirm(&self, edge: &Edge, click: Click<'_>, click_id: ClickId) -> Page {
        let visitor = self.visitors.of(click.request, click.address);
        let record = Record {
            click_id,
            verdict: Verdict::default(),
            is_confirmed: true,
        };
        let destination = self.record(edge, &click, &visitor, record).await;
        match landing::response_for_person(click.route.offer(), click.route.list()) {
            ClickResponse::Interstitial(page) => pages::interstitial(page, &destination),
            _ => found(edge, &destination),
        }
    }

    /// Puts the click into the spool, and gives its destination.
    async fn record(
        &self,
        edge: &Edge,
        click: &Click<'_>,
        visitor: &Visitor<'_>,
        record: Record<'_>,
    ) -> String {
        let start = Instant::now();
        let span = self.span(click.request);
        let mut line = Vec::with_capacity(1024);
        let url = describe(click, visitor, record, &span, &mut line);
        let recorded = if span.is_none() {
            self.spool.record(&line).await
        } else {
            // Boxed: a click that is not traced should not make room for it.
            Box::pin(self.spool.record(&line).instrument(span)).await
        };
        match recorded {
            Ok(()) => edge.metrics.request(Outcome::Click),
            Err(reason) => {
                edge.metrics.request(Outcome::Unrecorded);
                edge.metrics.not_recorded(reason);
                static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
                if let Some(suppressed) = LOG_LIMIT.permit() {
                    tracing::error!(reason = %reason, suppressed, "a click was redirected without a record");
                }
            }
        }
        edge.metrics
            .click_duration
            .observe(start.elapsed().as_secs_f64());
        url
    }

    fn span(&self, request: &Request) -> Span {
        if !self.is_tracing {
            return Span::none();
        }
        let span = tracing::info_span!("edge-redirector.click.record", otel.kind = "server");
        if let Some(parent) = request::value(request.headers(), TRACEPARENT) {
            telemetry::continue_trace(&span, parent);
        }
        span
    }
}

fn click_id(now: jiff::Timestamp) -> ClickId {
    let unix_ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
    ClickId::generate(unix_ms, &mut rand::rng())
}

/// Where the button of the preview page goes: the link's own path and query.
fn continue_path(click: &Click<'_>, token: &str) -> String {
    let path = format!("{}{CONTINUE}{token}", click.path);
    with_query(&path, click.request)
}

/// Writes the event's line and gives the destination.
fn describe(
    click: &Click<'_>,
    visitor: &Visitor<'_>,
    record: Record<'_>,
    span: &Span,
    line: &mut Vec<u8>,
) -> String {
    let Click {
        request,
        route,
        template,
        ..
    } = *click;
    let raw_query = request::query(request);
    let query = ClickQuery::parse(raw_query);
    let needs_device = template.contains_any(&[Macro::Device, Macro::Os, Macro::Browser]);
    let context = ClickContext {
        click_id: record.click_id,
        link: &route.link,
        offer: route.offer(),
        query: &query,
        visitor: VisitorFacts {
            ip: visitor.ip,
            user_agent: visitor.user_agent.as_deref(),
            referrer: visitor.referrer.as_deref(),
            country: visitor.country.as_deref(),
            device: needs_device.then(|| visitor.device()),
        },
    };
    event(&context, visitor, record, click.corrections, span).write_line(line);
    let forwarded = if route.link.forward_query {
        query::truncate_to_limits(raw_query)
    } else {
        ""
    };
    template.expand_with_query(forwarded, |name| context.value(name))
}

fn event<'a>(
    context: &ClickContext<'a>,
    visitor: &'a Visitor<'_>,
    record: Record<'a>,
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
        country: visitor.country.as_deref().map(Cow::Borrowed),
        asn: visitor.asn,
        sub1: value(Sub(0)),
        sub2: value(Sub(1)),
        sub3: value(Sub(2)),
        sub4: value(Sub(3)),
        sub5: value(Sub(4)),
        source: value(Source),
        creative: value(Creative),
        cost: value(Cost),
        bot_reasons: record.verdict.reasons,
        bot_rules: record
            .verdict
            .rules
            .into_iter()
            .map(Cow::Borrowed)
            .collect(),
        confirmed: record.is_confirmed,
        path_corrections: corrections.to_vec(),
        traceparent: telemetry::traceparent(span).map(Cow::Owned),
    }
}
