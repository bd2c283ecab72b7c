//! Detects who sends a request: address, country, network, user agent, and the bot verdict.
//! Loading the rules and databases is left to `platform` and `geo`.

use std::{
    borrow::Cow,
    cell::{OnceCell, RefCell},
    net::IpAddr,
    rc::Rc,
    sync::Arc,
};

use actix_http::{HttpMessage as _, Request, header};
use domain::{
    bot::{BotRules, CountryFilter, RequestSignals, UserAgentMatch, Verdict},
    client_ip::ProxyHeader,
    device::Device,
    event::{MAX_REFERRER_BYTES, MAX_USER_AGENT_BYTES},
    language::primary_language,
};
use ipnet::IpNet;
use platform::{
    bounded_memo::BoundedMemo, log_rate_limit::LogRateLimiter, reloading_file::ReloadingFile,
};
use prometheus_client::metrics::counter::Counter;

use crate::{
    geo::{GeoIp, Location},
    request,
};

/// Detects visitors, by what the settings say about proxies, rules and databases.
pub struct VisitorDetector {
    pub trusted_proxies: Vec<IpNet>,
    pub proxy_header: ProxyHeader,
    pub unreadable_addresses: Counter,
    pub geo: GeoIp,
    pub rules: Arc<ReloadingFile<BotRules>>,
}

/// The visitor of one request.
pub struct Visitor<'r> {
    pub ip: IpAddr,
    pub user_agent: Option<Cow<'r, str>>,
    pub referrer: Option<Cow<'r, str>>,
    pub location: Location,
    /// The language that the browser asks for first (ISO 639).
    pub language: Option<String>,
    pub asn: Option<u32>,
    rules: Arc<BotRules>,
    user_agent_info: Rc<UserAgentInfo>,
}

impl VisitorDetector {
    /// The address of the visitor. To be called once for each request, since it counts
    /// addresses that cannot be read.
    pub fn client_address(&self, request: &Request) -> IpAddr {
        let client = request::client_ip(request, self.proxy_header, &self.trusted_proxies);
        if client.has_unreadable_entry {
            self.unreadable_addresses.inc();
            static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
            if let Some(suppressed) = LOG_LIMIT.permit() {
                tracing::warn!(
                    suppressed,
                    "a forwarding header of a trusted proxy has an entry that is no address, skipping it"
                );
            }
        }
        client.ip
    }

    pub fn detect<'r>(&self, request: &'r Request, ip: IpAddr) -> Visitor<'r> {
        let user_agent = request::header_text(request, header::USER_AGENT, MAX_USER_AGENT_BYTES);
        let rules = self.rules.get();
        Visitor {
            ip,
            referrer: request::header_text(request, header::REFERER, MAX_REFERRER_BYTES),
            location: self.geo.location(ip),
            language: language(request),
            asn: self.geo.asn(ip),
            user_agent_info: user_agent_info(&rules, user_agent.as_deref()),
            rules: rules.clone(),
            user_agent,
        }
    }
}

fn language(request: &Request) -> Option<String> {
    let header = request.headers().get(header::ACCEPT_LANGUAGE)?;
    primary_language(header.to_str().ok()?)
}

impl Visitor<'_> {
    pub fn device(&self) -> &Device {
        let user_agent = self.user_agent.as_deref();
        self.user_agent_info
            .device
            .get_or_init(|| user_agent.map(Device::from_user_agent).unwrap_or_default())
    }

    /// Whether the visitor is suspected to be a bot; `countries` are those of the account.
    pub fn verdict(&self, request: &Request, countries: &CountryFilter) -> Verdict<'_> {
        let header = |name: &str| request::rule_header(request.headers(), name);
        let signals = RequestSignals {
            method: request.method().as_str(),
            header: &header,
            ip: self.ip,
            asn: self.asn,
            country: self.location.country.as_deref(),
            countries,
        };
        self.rules
            .verdict(&signals, &self.user_agent_info.bot_match)
    }
}

/// Entries of the user agent cache of one worker thread. There are few user agents in any
/// hour, and the lists of bots are long.
const MAX_CACHED_USER_AGENTS: usize = 10_000;

thread_local! {
    static USER_AGENT_CACHE: RefCell<UserAgentCache> = RefCell::new(UserAgentCache {
        rules: None,
        entries: BoundedMemo::new(MAX_CACHED_USER_AGENTS),
    });
}

struct UserAgentCache {
    /// The rules that the entries were computed with.
    rules: Option<Arc<BotRules>>,
    entries: BoundedMemo<Rc<UserAgentInfo>>,
}

/// Bot match and device of a user agent, each computed once.
struct UserAgentInfo {
    bot_match: UserAgentMatch,
    device: OnceCell<Device>,
}

/// Returns the cached entry of a user agent, or computes it.
fn user_agent_info(rules: &Arc<BotRules>, user_agent: Option<&str>) -> Rc<UserAgentInfo> {
    USER_AGENT_CACHE.with_borrow_mut(|cache| {
        if !cache.rules.as_ref().is_some_and(|r| Arc::ptr_eq(r, rules)) {
            cache.rules = Some(rules.clone());
            cache.entries.clear();
        }
        let text = user_agent.unwrap_or_default();
        cache.entries.get_or_compute(text, || {
            Rc::new(UserAgentInfo {
                bot_match: rules.match_user_agent(user_agent),
                device: OnceCell::new(),
            })
        })
    })
}
