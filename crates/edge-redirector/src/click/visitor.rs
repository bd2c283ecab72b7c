//! Who asks: what a request, its address and the rules say of the visitor.

use std::{
    borrow::Cow, cell::OnceCell, cell::RefCell, collections::HashMap, net::IpAddr, rc::Rc,
    sync::Arc,
};

use actix_http::{HttpMessage as _, Request, header};
use domain::{
    bot::{BotRules, CountryFilter, RequestSignals, UserAgentMatch, Verdict},
    client_ip::ProxyHeader,
    device::Device,
    event::{MAX_REFERRER_BYTES, MAX_USER_AGENT_BYTES},
};
use ipnet::IpNet;
use platform::{log_rate_limit::LogRateLimiter, reloading_file::ReloadingFile};
use prometheus_client::metrics::counter::Counter;

use super::request;
use crate::geo::Geo;

/// User agents that a worker thread remembers: there are few in any hour, and
/// the lists of bots are long. Forgotten together when there are more.
const REMEMBERED_USER_AGENTS: usize = 10_000;

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// What user agents were found to be, by one version of the rules.
#[derive(Default)]
struct Memory {
    rules: Option<Arc<BotRules>>,
    known: HashMap<String, Rc<Known>>,
}

/// What is known of a user agent.
#[derive(Default)]
pub struct Known {
    agent: UserAgentMatch,
    device: OnceCell<Device>,
}

/// What tells visitors apart.
pub struct Visitors {
    pub trusted_proxies: Vec<IpNet>,
    pub proxy_header: ProxyHeader,
    pub unreadable_addresses: Counter,
    pub geo: Geo,
    pub rules: Arc<ReloadingFile<BotRules>>,
}

/// A visitor at one request.
pub struct Visitor<'c> {
    pub ip: IpAddr,
    pub user_agent: Option<Cow<'c, str>>,
    pub referrer: Option<Cow<'c, str>>,
    pub country: Option<String>,
    pub asn: Option<u32>,
    rules: Arc<BotRules>,
    known: Rc<Known>,
}

impl Visitors {
    /// Whom a request is from: found once per request.
    pub fn address(&self, request: &Request) -> IpAddr {
        let client = request::client_ip(request, self.proxy_header, &self.trusted_proxies);
        if client.has_unreadable_entry {
            self.unreadable_addresses.inc();
            static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
            if let Some(suppressed) = LOG_LIMIT.permit() {
                tracing::warn!(
                    suppressed,
                    "a trusted proxy names a visitor's address in a form that cannot be read"
                );
            }
        }
        client.ip
    }

    pub fn of<'c>(&self, request: &'c Request, ip: IpAddr) -> Visitor<'c> {
        let user_agent = request::text(request, header::USER_AGENT, MAX_USER_AGENT_BYTES);
        let rules = self.rules.get();
        Visitor {
            ip,
            referrer: request::text(request, header::REFERER, MAX_REFERRER_BYTES),
            country: self.geo.country(ip),
            asn: self.geo.asn(ip),
            known: known(&rules, user_agent.as_deref()),
            rules: rules.clone(),
            user_agent,
        }
    }
}

fn known(rules: &Arc<BotRules>, user_agent: Option<&str>) -> Rc<Known> {
    MEMORY.with_borrow_mut(|memory| {
        if !memory.rules.as_ref().is_some_and(|r| Arc::ptr_eq(r, rules)) {
            memory.rules = Some(rules.clone());
            memory.known.clear();
        }
        let key = user_agent.unwrap_or_default();
        if let Some(known) = memory.known.get(key) {
            return known.clone();
        }
        let known = Rc::new(Known {
            agent: rules.match_user_agent(user_agent),
            device: OnceCell::new(),
        });
        if memory.known.len() >= REMEMBERED_USER_AGENTS {
            memory.known.clear();
        }
        memory.known.insert(key.to_owned(), known.clone());
        known
    })
}

impl Visitor<'_> {
    pub fn device(&self) -> &Device {
        let user_agent = self.user_agent.as_deref();
        self.known
            .device
            .get_or_init(|| user_agent.map(Device::from_user_agent).unwrap_or_default())
    }

    pub fn verdict(&self, request: &Request, countries: &CountryFilter) -> Verdict<'_> {
        let header = |name: &str| request::sign(request.headers(), name);
        let signs = RequestSignals {
            method: request.method().as_str(),
            header: &header,
            ip: self.ip,
            asn: self.asn,
            country: self.country.as_deref(),
            countries,
        };
        self.rules.verdict(&signs, &self.known.agent)
    }
}
