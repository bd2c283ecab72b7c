//! Whether a link leads anywhere, and where people go if it does not.

use jiff::Timestamp;

use crate::record::{
    AccountRecord, AccountStatus, CampaignRecord, CampaignStatus, LinkRecord, LinkStatus,
    ListRecord, OfferRecord, OfferStatus,
};

/// A link and what it depends on, as far as it exists.
#[derive(Debug, Clone, Copy)]
pub struct LinkContext<'a> {
    pub link: &'a LinkRecord,
    pub account: Option<&'a AccountRecord>,
    pub list: Option<&'a ListRecord>,
    pub offer: Option<&'a OfferRecord>,
    pub campaign: Option<&'a CampaignRecord>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability<'a> {
    /// To its destination.
    Available,
    /// To this URL instead.
    Fallback(&'a str),
    /// The 404 page.
    NotFound,
}

/// Deactivated, expired, without its account or of a suspended one: the
/// list's fallback, else gone. An offer or campaign that is not active or not
/// there: the offer's, else the list's, else gone.
pub fn link_availability(context: LinkContext<'_>, now: Timestamp) -> Availability<'_> {
    let LinkContext {
        link,
        account,
        list,
        offer,
        campaign,
    } = context;
    let list_fallback = list.and_then(|list| list.fallback_url.as_deref());
    let or_not_found = |url: Option<_>| url.map_or(Availability::NotFound, Availability::Fallback);
    let account_is_active = account.is_some_and(|a| a.status == AccountStatus::Active);
    let expired = link.expires_at.is_some_and(|at| at <= now);
    if link.status == LinkStatus::Deactivated || expired || !account_is_active {
        return or_not_found(list_fallback);
    }
    let offer_is_active = match (link.offer_id, offer) {
        (None, _) => true,
        (Some(_), offer) => offer.is_some_and(|offer| offer.status == OfferStatus::Active),
    };
    let campaign_is_active = match (&link.campaign_id, campaign) {
        (None, _) => true,
        (Some(_), campaign) => campaign.is_some_and(|c| c.status == CampaignStatus::Active),
    };
    if offer_is_active && campaign_is_active {
        Availability::Available
    } else {
        let own = offer.and_then(|offer| offer.fallback_url.as_deref());
        or_not_found(own.or(list_fallback))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        bot::CountryFilter,
        id::{AccountId, CampaignId, LinkKey, ListId, OfferId, ShortId},
        postback::PostbackMode,
        record::{
            DefaultParameters,
            tests::{minimal_list, minimal_offer},
        },
    };

    const LIST: &str = "https://list.example/";
    const OFFER: &str = "https://offer.example/";

    /// `state` lists what is wrong, `fallbacks` who has a fallback URL.
    #[rstest]
    #[case("", "", Availability::Available)]
    #[case("", "list offer", Availability::Available)]
    #[case("not-yet-expired", "", Availability::Available)]
    #[case("no-offer-bound", "", Availability::Available)]
    #[case("deactivated", "", Availability::NotFound)]
    #[case("deactivated", "list offer", Availability::Fallback(LIST))]
    #[case("expired", "", Availability::NotFound)]
    #[case("expired", "list", Availability::Fallback(LIST))]
    #[case("suspended", "", Availability::NotFound)]
    #[case("suspended", "offer", Availability::NotFound)]
    #[case("suspended", "list", Availability::Fallback(LIST))]
    #[case("account-missing", "", Availability::NotFound)]
    #[case("paused", "", Availability::NotFound)]
    #[case("paused", "list", Availability::Fallback(LIST))]
    #[case("paused", "list offer", Availability::Fallback(OFFER))]
    #[case("archived", "offer", Availability::Fallback(OFFER))]
    #[case("offer-missing", "list offer", Availability::Fallback(LIST))]
    #[case("paused suspended", "list offer", Availability::Fallback(LIST))]
    #[case("campaign", "", Availability::Available)]
    #[case("campaign campaign-draft", "", Availability::NotFound)]
    #[case("campaign campaign-paused", "list", Availability::Fallback(LIST))]
    #[case("campaign campaign-missing", "", Availability::NotFound)]
    fn a_link_leads_somewhere_or_not(
        #[case] state: &str,
        #[case] fallbacks: &str,
        #[case] expected: Availability<'static>,
    ) {
        let now: Timestamp = "2026-03-10T08:15:00Z".parse().unwrap();
        let is = |word: &str| state.split(' ').any(|w| w == word);
        let url = |who: &str, url: &str| fallbacks.contains(who).then(|| url.to_owned());
        let offer_id = OfferId::parse("6789abcd1234ef5678901234").unwrap();
        let link = LinkRecord {
            link_key: LinkKey(1),
            account_id: AccountId(1),
            short_host: "yourdomain.com".into(),
            link_id: ShortId::parse("Ab3kX9q").unwrap(),
            tracker: None,
            code: None,
            list_id: Some(ListId(42)),
            offer_id: (!is("no-offer-bound")).then_some(offer_id),
            campaign_id: is("campaign").then(|| CampaignId::parse("camp_abc123").unwrap()),
            destination: None,
            message_id: None,
            contact_phone: None,
            creative_id: None,
            default_parameters: DefaultParameters::default(),
            forward_query: false,
            version: 0,
            status: if is("deactivated") {
                LinkStatus::Deactivated
            } else {
                LinkStatus::Active
            },
            expires_at: match () {
                () if is("expired") => Some(now),
                () if is("not-yet-expired") => Some(now + jiff::SignedDuration::from_millis(1)),
                () => None,
            },
        };
        let account = AccountRecord {
            account_id: AccountId(1),
            status: if is("suspended") {
                AccountStatus::Suspended
            } else {
                AccountStatus::Active
            },
            filters_bots: false,
            countries: CountryFilter::default(),
            postbacks: PostbackMode::Open,
            postback_digests: Vec::new(),
            postback_keys: Vec::new(),
            postback_max_amount: None,
            version: 0,
        };
        let list = ListRecord {
            fallback_url: url("list", LIST),
            ..minimal_list()
        };
        let offer = OfferRecord {
            fallback_url: url("offer", OFFER),
            status: match () {
                () if is("paused") => OfferStatus::Paused,
                () if is("archived") => OfferStatus::Archived,
                () => OfferStatus::Active,
            },
            ..minimal_offer()
        };
        let campaign = CampaignRecord {
            campaign_id: CampaignId::parse("camp_abc123").unwrap(),
            account_id: AccountId(1),
            landing_page_url: "https://e.com".into(),
            click_id_param: "afk_cid".into(),
            status: match () {
                () if is("campaign-draft") => CampaignStatus::Draft,
                () if is("campaign-paused") => CampaignStatus::Paused,
                () => CampaignStatus::Active,
            },
            version: 0,
        };
        let context = LinkContext {
            link: &link,
            account: (!is("account-missing")).then_some(&account),
            list: Some(&list),
            offer: (!is("offer-missing") && link.offer_id.is_some()).then_some(&offer),
            campaign: (!is("campaign-missing")).then_some(&campaign),
        };
        assert_eq!(link_availability(context, now), expected);
    }
}
