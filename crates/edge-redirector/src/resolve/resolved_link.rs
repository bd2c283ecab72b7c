//! A link together with the records that it depends on.

use std::sync::Arc;

use domain::{
    availability::{Availability, LinkContext, link_availability},
    bot::CountryFilter,
    macros::{Template, append_parameters},
    record::{AccountRecord, CampaignRecord, LinkRecord, ListRecord, OfferRecord},
};

/// An offer with its destination parsed.
#[derive(Debug)]
pub struct ParsedOffer {
    pub record: OfferRecord,
    /// `None` if the destination is no template, which links-api refuses to save.
    pub template: Option<Template>,
}

/// A link, and the records that it depends on, as of the time when the link was looked up.
/// They are cached together, so that a click costs one lookup.
#[derive(Debug)]
pub struct ResolvedLink {
    pub link: LinkRecord,
    /// The template of the link itself, without its offer's.
    own_template: Option<Template>,
    account: Option<Arc<AccountRecord>>,
    list: Option<Arc<ListRecord>>,
    offer: Option<Arc<ParsedOffer>>,
    campaign: Option<Arc<CampaignRecord>>,
}

impl ResolvedLink {
    pub fn new(
        link: LinkRecord,
        account: Option<Arc<AccountRecord>>,
        list: Option<Arc<ListRecord>>,
        offer: Option<Arc<ParsedOffer>>,
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

    /// Whether these records are the ones that the link depends on, in the same versions.
    pub fn depends_on_versions(
        &self,
        account: Option<&AccountRecord>,
        list: Option<&ListRecord>,
        offer: Option<&ParsedOffer>,
        campaign: Option<&CampaignRecord>,
    ) -> bool {
        self.account.as_deref().map(|a| a.version) == account.map(|a| a.version)
            && self.list.as_deref().map(|l| l.version) == list.map(|l| l.version)
            && self.offer.as_deref().map(|o| o.record.version) == offer.map(|o| o.record.version)
            && self.campaign.as_deref().map(|c| c.version) == campaign.map(|c| c.version)
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

    pub fn list(&self) -> Option<&ListRecord> {
        self.list.as_deref()
    }

    /// The template of the destination: the link's own, or else its offer's.
    pub fn template(&self) -> Option<&Template> {
        let own_template = self.own_template.as_ref();
        own_template.or_else(|| self.offer.as_deref()?.template.as_ref())
    }

    /// Whether suspected bots see the preview page: the setting of the offer, or else that
    /// of the account.
    pub fn filters_bots(&self) -> bool {
        let offer_setting = self.offer().and_then(|offer| offer.filter_bots);
        let account = self.account.as_deref();
        offer_setting.unwrap_or_else(|| account.is_some_and(|account| account.filters_bots))
    }

    /// The account's lists of allowed and blocked countries.
    pub fn countries(&self) -> &CountryFilter {
        static NO_COUNTRIES: CountryFilter = CountryFilter {
            allowed: Vec::new(),
            blocked: Vec::new(),
        };
        self.account
            .as_deref()
            .map_or(&NO_COUNTRIES, |account| &account.countries)
    }

    /// Whether the short link leads to the destination itself, without the hop over the
    /// click tracker.
    pub fn collapses_hops(&self) -> bool {
        self.list.as_ref().is_some_and(|list| list.collapse_hops)
    }
}

/// The template of a link itself. With a campaign, it is the link's or else the campaign's
/// landing page, with the campaign's parameter for the click id. With an offer, it is the
/// destination that replaces the offer's. Else it is the link's URL, to which no parameters
/// are appended.
fn own_template(link: &LinkRecord, campaign: Option<&CampaignRecord>) -> Option<Template> {
    let destination = link.destination.as_deref();
    let Some(campaign) = campaign else {
        let template = Template::parse(destination?).ok()?;
        return Some(match link.offer_id {
            Some(_) => template,
            None => template.without_appending(),
        });
    };
    let landing_page = destination.unwrap_or(&campaign.landing_page_url);
    let text = append_parameters(landing_page, &[(&campaign.click_id_param, "{click_id}")]);
    Template::parse(&text).ok()
}
