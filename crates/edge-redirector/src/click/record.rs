//! What is recorded of a click, before the redirect is answered.

use std::{borrow::Cow, cell::RefCell, collections::HashMap, time::Instant};

use actix_http::{HttpMessage as _, Request, header};
use domain::{
    bot::{self, BotReason, KnownBots},
    click::{ClickEvent, MAX_REFERRER_BYTES, MAX_USER_AGENT_BYTES, truncated},
    id::ClickId,
    macros::{ClickContext, Template, VisitorFacts},
    query::{self, ClickQuery},
};
use ipnet::IpNet;
use platform::telemetry::{self, TRACEPARENT};
use tracing::{Instrument as _, Span};

use super::{Edge, found, request};
use crate::{metrics::Outcome, pages::Page, resolve::Route, spool::Spool};

/// User agents that a worker thread remembers: there are few in any hour, and
/// the list of bots is one large regular expression.
const REMEMBERED_USER_AGENTS: usize = 10_000;

thread_local! {
    /// Whether a user agent is a known bot's. Emptied when it is full.
    static KNOWN: RefCell<HashMap<String, bool>> = RefCell::default();
}

/// A request to a link that is open, at one time.
#[derive(Clone, Copy)]
pub struct Click<'c> {
    pub request: &'c Request,
    pub route: &'c Route,
    pub template: &'c Template,
    pub now: jiff::Timestamp,
}

/// Records clicks in the spool.
pub struct Recorder {
    spool: Spool,
    known_bots: KnownBots,
    trusted_proxies: Vec<IpNet>,
    /// Whether clicks may be traced; else they have no span at all.
    is_tracing: bool,
}

impl Recorder {
    pub fn new(spool: Spool, trusted_proxies: Vec<IpNet>, is_tracing: bool) -> Self {
        Self {
            spool,
            known_bots: KnownBots::load(),
            trusted_proxies,
            is_tracing,
        }
    }

    /// Records the click and answers the 302. If it cannot be recorded the
    /// redirect goes on, counted and said.
    pub async fn redirect(&self, edge: &Edge, click: Click<'_>) -> Page {
        let start = Instant::now();
        let span = self.span(click.request);
        let mut line = Vec::with_capacity(1024);
        let url = self.describe(&click, &span, &mut line);
        let recorded = if span.is_none() {
            self.spool.append(&line).await
        } else {
            // Boxed: a click that is not traced should not make room for it.
            Box::pin(self.spool.append(&line).instrument(span)).await
        };
        match recorded {
            Ok(()) => edge.metrics.request(Outcome::Click),
            Err(reason) => {
                edge.metrics.request(Outcome::Unrecorded);
                edge.metrics.not_recorded(reason);
                tracing::error!(reason = %reason, "a click was redirected without a record");
            }
        }
        edge.metrics
            .click_duration
            .observe(start.elapsed().as_secs_f64());
        found(edge, &url)
    }

    /// Writes the event's line and gives the destination.
    fn describe(&self, click: &Click<'_>, span: &Span, line: &mut Vec<u8>) -> String {
        let Click {
            request,
            route,
            template,
            now,
        } = *click;
        let raw_query = request::query(request);
        let query = ClickQuery::parse(raw_query);
        let user_agent = request::text(request, header::USER_AGENT);
        let referrer = request::text(request, header::REFERER);
        let user_agent = user_agent
            .as_deref()
            .map(|text| truncated(text, MAX_USER_AGENT_BYTES));
        let referrer = referrer
            .as_deref()
            .map(|text| truncated(text, MAX_REFERRER_BYTES));
        let unix_ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let context = ClickContext {
            click_id: ClickId::generate(unix_ms, &mut rand::rng()),
            link: &route.link,
            offer: route.offer(),
            query: &query,
            visitor: VisitorFacts {
                ip: request::client_ip(request, &self.trusted_proxies),
                user_agent,
                referrer,
                country: None,
                device: None,
                os: None,
                browser: None,
            },
        };
        let reasons = self.verdict(request, user_agent);
        event(&context, reasons, span).write_line(line);
        let forwarded = if route.link.forward_query {
            query::bounded(raw_query)
        } else {
            ""
        };
        template.expand_forwarding(forwarded, |name| context.value(name))
    }

    fn verdict(&self, request: &Request, user_agent: Option<&str>) -> Vec<BotReason> {
        let signs = request::bot_signs(request, user_agent);
        bot::verdict(&signs, |user_agent| {
            KNOWN.with_borrow_mut(|remembered| {
                if let Some(&known) = remembered.get(user_agent) {
                    return known;
                }
                let known = self.known_bots.contains(user_agent);
                if remembered.len() >= REMEMBERED_USER_AGENTS {
                    remembered.clear();
                }
                remembered.insert(user_agent.to_owned(), known);
                known
            })
        })
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

fn event<'a>(context: &ClickContext<'a>, reasons: Vec<BotReason>, span: &Span) -> ClickEvent<'a> {
    let link = context.link;
    let visitor = context.visitor;
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
        message_id: link.message_id.as_deref().map(Cow::Borrowed),
        contact_phone: link.contact_phone.as_deref().map(Cow::Borrowed),
        ip: visitor.ip,
        user_agent: visitor.user_agent.map(Cow::Borrowed),
        referrer: visitor.referrer.map(Cow::Borrowed),
        country: visitor.country.map(Cow::Borrowed),
        sub1: value(Sub(0)),
        sub2: value(Sub(1)),
        sub3: value(Sub(2)),
        sub4: value(Sub(3)),
        sub5: value(Sub(4)),
        source: value(Source),
        creative: value(Creative),
        cost: value(Cost),
        bot_reasons: reasons,
        traceparent: telemetry::traceparent(span).map(Cow::Owned),
    }
}
