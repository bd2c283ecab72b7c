//! Whether a link redirects to its destination, and what its visitors get if it does not.

use jiff::Timestamp;

use crate::record::{
    AccountRecord, AccountStatus, CampaignRecord, CampaignStatus, LinkRecord, LinkStatus,
    ListRecord, OfferRecord, OfferStatus,
};

/// A link and the records that it depends on. `None` is a record that does not exist, or
/// that the link does not name.
#[derive(Debug, Clone, Copy)]
pub struct LinkContext<'a> {
    pub link: &'a LinkRecord,
    pub account: Option<&'a AccountRecord>,
    pub list: Option<&'a ListRecord>,
    pub offer: Option<&'a OfferRecord>,
    pub campaign: Option<&'a CampaignRecord>,
}

/// What visitors of a link get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability<'a> {
    /// The link's destination.
    Available,
    /// A redirect to this URL instead.
    Fallback(&'a str),
    /// The page with status 404.
    NotFound,
}

/// The availability of a link at the time `now`.
///
/// A link that is deactivated or expired, or whose account is suspended or does not exist,
/// has the list's fallback URL. A link whose offer or campaign is not active or does not
/// exist has the offer's fallback URL, or else the list's. Without a fallback URL the link
/// is not found.
pub fn link_availability(context: LinkContext<'_>, now: Timestamp) -> Availability<'_> {
    let LinkContext {
        link,
        account,
        list,
        offer,
        campaign,
    } = context;
    let list_fallback = list.and_then(|list| list.fallback_url.as_deref());
    let is_expired = link.expires_at.is_some_and(|expires_at| expires_at <= now);
    let account_is_active = account.is_some_and(|account| account.status == AccountStatus::Active);
    if link.status == LinkStatus::Deactivated || is_expired || !account_is_active {
        return fallback_or_not_found(list_fallback);
    }
    let offer_is_active =
        link.offer_id.is_none() || offer.is_some_and(|offer| offer.status == OfferStatus::Active);
    let campaign_is_active = link.campaign_id.is_none()
        || campaign.is_some_and(|campaign| campaign.status == CampaignStatus::Active);
    if offer_is_active && campaign_is_active {
        Availability::Available
    } else {
        let offer_fallback = offer.and_then(|offer| offer.fallback_url.as_deref());
        fallback_or_not_found(offer_fallback.or(list_fallback))
    }
}

fn fallback_or_not_found(fallback_url: Option<&str>) -> Availability<'_> {
    fallback_url.map_or(Availability::NotFound, Availability::Fallback)
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

    const LIST_URL: &str = "https://list.example/";
    const OFFER_URL: &str = "https://offer.example/";

    /// `state` lists what deviates from an available link, `fallbacks` which records have a
    /// fallback URL.
    #[rstest]
    #[case("", "", Availability::Available)]
    #[case("", "list offer", Availability::Available)]
    #[case("not-yet-expired", "", Availability::Available)]
    #[case("without-offer", "", Availability::Available)]
    #[case("deactivated", "", Availability::NotFound)]
    #[case("deactivated", "list offer", Availability::Fallback(LIST_URL))]
    #[case("expired", "", Availability::NotFound)]
    #[case("expired", "list", Availability::Fallback(LIST_URL))]
    #[case("suspended", "", Availability::NotFound)]
    #[case("suspended", "offer", Availability::NotFound)]
    #[case("suspended", "list", Availability::Fallback(LIST_URL))]
    #[case("account-missing", "", Availability::NotFound)]
    #[case("paused", "", Availability::NotFound)]
    #[case("paused", "list", Availability::Fallback(LIST_URL))]
    #[case("paused", "list offer", Availability::Fallback(OFFER_URL))]
    #[case("archived", "offer", Availability::Fallback(OFFER_URL))]
    #[case("offer-missing", "list offer", Availability::Fallback(LIST_URL))]
    #[case("paused suspended", "list offer", Availability::Fallback(LIST_URL))]
    #[case("campaign", "", Availability::Available)]
    #[case("campaign campaign-draft", "", Availability::NotFound)]
    #[case("campaign campaign-paused", "list", Availability::Fallback(LIST_URL))]
    #[case("campaign campaign-missing", "", Availability::NotFound)]
    fn a_link_is_available_or_has_a_fallback_or_is_not_found(
        #[case] state: &str,
        #[case] fallbacks: &str,
        #[case] expected: Availability<'static>,
    ) {
        let now: Timestamp = "2026-03-10T08:15:00Z".parse().unwrap();
        let has_state = |word: &str| state.split(' ').any(|other| other == word);
        let fallback_url =
            |record: &str, url: &str| fallbacks.contains(record).then(|| url.to_owned());
        let offer_id = OfferId::parse("6789abcd1234ef5678901234").unwrap();
        let link = LinkRecord {
            link_key: LinkKey(1),
            account_id: AccountId(1),
            short_host: "yourdomain.com".into(),
            link_id: ShortId::parse("Ab3kX9q").unwrap(),
            tracker: None,
            code: None,
            list_id: Some(ListId(42)),
            offer_id: (!has_state("without-offer")).then_some(offer_id),
            campaign_id: has_state("campaign").then(|| CampaignId::parse("camp_abc123").unwrap()),
            destination: None,
            message_id: None,
            contact_phone: None,
            creative_id: None,
            default_parameters: DefaultParameters::default(),
            forward_query: false,
            click_cost: None,
            version: 0,
            status: if has_state("deactivated") {
                LinkStatus::Deactivated
            } else {
                LinkStatus::Active
            },
            expires_at: match () {
                () if has_state("expired") => Some(now),
                () if has_state("not-yet-expired") => {
                    Some(now + jiff::SignedDuration::from_millis(1))
                }
                () => None,
            },
        };
        let account = AccountRecord {
            account_id: AccountId(1),
            status: if has_state("suspended") {
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
            postback_mapping: None,
            default_currency: None,
            click_cost: None,
            version: 0,
        };
        let list = ListRecord {
            fallback_url: fallback_url("list", LIST_URL),
            ..minimal_list()
        };
        let offer = OfferRecord {
            fallback_url: fallback_url("offer", OFFER_URL),
            status: match () {
                () if has_state("paused") => OfferStatus::Paused,
                () if has_state("archived") => OfferStatus::Archived,
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
                () if has_state("campaign-draft") => CampaignStatus::Draft,
                () if has_state("campaign-paused") => CampaignStatus::Paused,
                () => CampaignStatus::Active,
            },
            version: 0,
        };
        let context = LinkContext {
            link: &link,
            account: (!has_state("account-missing")).then_some(&account),
            list: Some(&list),
            offer: (!has_state("offer-missing") && link.offer_id.is_some()).then_some(&offer),
            campaign: (!has_state("campaign-missing")).then_some(&campaign),
        };
        assert_eq!(link_availability(context, now), expected);
    }
}
