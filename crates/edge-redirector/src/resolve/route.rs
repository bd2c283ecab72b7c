//! A link together with what it depends on.

use std::sync::Arc;

use domain::{
    availability::{Availability, LinkContext, link_availability},
    bot::CountryFilter,
    macros::{Template, append_parameters},
    record::{AccountRecord, CampaignRecord, LinkRecord, ListRecord, OfferRecord},
};

use super::Offer;

/// A link, and what it depends on as it was when the link was loaded.
#[derive(Debug)]
pub struct Route {
    pub link: LinkRecord,
    own_template: Option<Template>,
    account: Option<Arc<AccountRecord>>,
    list: Option<Arc<ListRecord>>,
    offer: Option<Arc<Offer>>,
    campaign: Option<Arc<CampaignRecord>>,
}

impl Route {
    pub fn new(
        link: LinkRecord,
        account: Option<Arc<AccountRecord>>,
        list: Option<Arc<ListRecord>>,
        offer: Option<Arc<Offer>>,
        campaign: Option<Arc<CampaignRecord>>,
    ) -> Self {
        Self {
            own_template: own_template(&link, campaign.as_deref()),
            link,
            account,
            list,
            offer,
            campaign,
        }
    }

    /// Whether what it depends on has, as far as it is there, the version that the link was
    /// loaded with.
    pub fn depends_on_versions_of(
        &self,
        account: Option<&AccountRecord>,
        list: Option<&ListRecord>,
        offer: Option<&Offer>,
        campaign: Option<&CampaignRecord>,
    ) -> bool {
        let own_offer = self.offer.as_deref();
        self.account.as_deref().map(|r| r.version) == account.map(|r| r.version)
            && self.list.as_deref().map(|r| r.version) == list.map(|r| r.version)
            && own_offer.map(|o| o.record.version) == offer.map(|o| o.record.version)
            && self.campaign.as_deref().map(|r| r.version) == campaign.map(|r| r.version)
    }

    pub fn availability(&self, now: jiff::Timestamp) -> Availability<'_> {
        let context = LinkContext {
            link: &self.link,
            account: self.account.as_deref(),
            list: self.list.as_deref(),
            offer: self.offer(),
            campaign: self.campaign.as_deref(),
        };
        link_availability(context, now)
    }

    pub fn account(&self) -> Option<&AccountRecord> {
        self.account.as_deref()
    }

    pub fn offer(&self) -> Option<&OfferRecord> {
        self.offer.as_deref().map(|offer| &offer.record)
    }

    /// Where the link goes: its own template, or else its offer's.
    pub fn template(&self) -> Option<&Template> {
        let own = self.own_template.as_ref();
        own.or_else(|| self.offer.as_deref()?.template.as_ref())
    }

    pub fn list(&self) -> Option<&ListRecord> {
        self.list.as_deref()
    }

    /// Whether suspected bots see the preview page: the offer says so, or else
    /// the account.
    pub fn filters_bots(&self) -> bool {
        let account = self.account.as_deref();
        let offer = self.offer().and_then(|offer| offer.filter_bots);
        offer.unwrap_or_else(|| account.is_some_and(|account| account.filters_bots))
    }

    /// The countries that the account says are bad.
    pub fn countries(&self) -> &CountryFilter {
        static NONE: CountryFilter = CountryFilter {
            allowed: Vec::new(),
            blocked: Vec::new(),
        };
        self.account
            .as_deref()
            .map_or(&NONE, |account| &account.countries)
    }

    pub fn collapses_hops(&self) -> bool {
        self.list.as_ref().is_some_and(|list| list.collapse_hops)
    }
}

/// The template that a link has of its own: instead of its offer's; or without
/// an offer its URL, which it points at directly; or its own landing page or else its campaign's, with the
/// parameter for the click id.
fn own_template(link: &LinkRecord, campaign: Option<&CampaignRecord>) -> Option<Template> {
    let own = link.destination.as_deref();
    let Some(campaign) = campaign else {
        let template = Template::parse(own?).ok()?;
        return Some(match link.offer_id {
            Some(_) => template,
            None => template.without_appending(),
        });
    };
    let page = own.unwrap_or(&campaign.landing_page_url);
    let text = append_parameters(page, &[(&campaign.click_id_param, "{click_id}")]);
    Template::parse(&text).ok()
}
