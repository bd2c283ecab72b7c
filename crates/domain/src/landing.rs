//! Which response a visitor gets at an available link: a redirect, the interstitial, or the
//! preview page that holds suspected bots back.

use crate::{
    bot::Verdict,
    interstitial::{InterstitialMode, InterstitialPage},
    record::{ListRecord, OfferRecord},
};

/// The response to a click that is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClickResponse<'a> {
    /// A redirect to the destination.
    Redirect,
    /// A page with a link to the destination.
    Interstitial(&'a InterstitialPage),
    /// The preview page: the visitor must press *Continue*, which a bot does not. If there
    /// is a page for link previews, the preview page carries its meta tags.
    Preview(Option<&'a InterstitialPage>),
}

/// Chooses the response by the verdict first and by the interstitial after it: a
/// suspected bot gets the preview page where `filters_bots` is set, an app that fetches a
/// link preview gets the page with the preview's meta tags where there is one, and
/// everybody else gets the response for a person.
pub fn choose_response<'a>(
    verdict: &Verdict<'_>,
    filters_bots: bool,
    offer: Option<&'a OfferRecord>,
    list: Option<&'a ListRecord>,
) -> ClickResponse<'a> {
    let preview_page = page_for_link_preview(offer, list);
    match preview_page {
        _ if verdict.is_bot() && filters_bots => ClickResponse::Preview(preview_page),
        Some(page) if verdict.is_link_preview() => ClickResponse::Interstitial(page),
        _ => response_for_person(offer, list),
    }
}

/// The response to a visitor who is known to be a person, for example after *Continue*.
pub fn response_for_person<'a>(
    offer: Option<&'a OfferRecord>,
    list: Option<&'a ListRecord>,
) -> ClickResponse<'a> {
    page_for_visitor(offer, list).map_or(ClickResponse::Redirect, ClickResponse::Interstitial)
}

/// The page that visitors see before the destination, if the offer's mode asks for one.
pub fn page_for_visitor<'a>(
    offer: Option<&'a OfferRecord>,
    list: Option<&'a ListRecord>,
) -> Option<&'a InterstitialPage> {
    let interstitial = offer?.interstitial.as_ref()?;
    match interstitial.mode {
        InterstitialMode::Custom => interstitial.page.as_ref(),
        InterstitialMode::ListDefault => list?.interstitial.as_ref(),
        InterstitialMode::None => None,
    }
}

/// The page whose texts a link preview shows. The offer's own page serves in every mode,
/// also where people are not shown it; without one, the page that people see serves.
pub fn page_for_link_preview<'a>(
    offer: Option<&'a OfferRecord>,
    list: Option<&'a ListRecord>,
) -> Option<&'a InterstitialPage> {
    let offer_page = offer.and_then(|offer| offer.interstitial.as_ref()?.page.as_ref());
    offer_page.or_else(|| page_for_visitor(offer, list))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        bot::BotReason,
        interstitial::Interstitial,
        record::tests::{minimal_list, minimal_offer},
    };

    fn page(title: &str) -> InterstitialPage {
        InterstitialPage {
            title: title.to_owned(),
            description: None,
            cta: None,
            meta_tags: None,
        }
    }

    /// `mode` is the interstitial mode of an offer that has a page; without a mode the
    /// offer has no interstitial.
    #[rstest]
    #[case("", false, "custom", "interstitial")]
    #[case("", true, "custom", "interstitial")]
    #[case("", true, "none", "redirect")]
    #[case("", false, "", "redirect")]
    #[case("ua_bot", false, "custom", "interstitial")]
    #[case("ua_bot", false, "none", "redirect")]
    #[case("ua_bot", false, "", "redirect")]
    #[case("ua_bot", true, "custom", "preview with tags")]
    #[case("ua_bot", true, "none", "preview with tags")]
    #[case("ua_bot", true, "", "preview")]
    #[case("link_preview", false, "custom", "interstitial")]
    #[case("link_preview", false, "none", "interstitial")]
    #[case("link_preview", false, "", "redirect")]
    #[case("link_preview", true, "none", "preview with tags")]
    #[case("link_preview", true, "", "preview")]
    fn the_verdict_and_the_mode_choose_the_response(
        #[case] reason: &str,
        #[case] filters_bots: bool,
        #[case] mode: &str,
        #[case] expected: &str,
    ) {
        let verdict = Verdict {
            reasons: match reason {
                "" => vec![],
                "ua_bot" => vec![BotReason::UaBot],
                _ => vec![BotReason::LinkPreview],
            },
            rules: vec![],
        };
        let mode = match mode {
            "custom" => Some(InterstitialMode::Custom),
            "none" => Some(InterstitialMode::None),
            _ => None,
        };
        let mut offer = minimal_offer();
        offer.interstitial = mode.map(|mode| Interstitial {
            mode,
            page: Some(page("Title")),
        });
        let response = match choose_response(&verdict, filters_bots, Some(&offer), None) {
            ClickResponse::Redirect => "redirect",
            ClickResponse::Interstitial(_) => "interstitial",
            ClickResponse::Preview(None) => "preview",
            ClickResponse::Preview(Some(_)) => "preview with tags",
        };
        assert_eq!(response, expected);
    }

    /// `offer_state` has the offer's mode, and `page` if the offer has a page of its own.
    #[rstest]
    #[case("custom page", true, "offer", "offer")]
    #[case("list_default", true, "list", "list")]
    #[case("list_default page", true, "list", "offer")]
    #[case("list_default", false, "", "")]
    #[case("none", true, "", "")]
    #[case("none page", true, "", "offer")]
    #[case("nothing", true, "", "")]
    #[case("no-offer", true, "", "")]
    fn the_offers_mode_chooses_the_page(
        #[case] offer_state: &str,
        #[case] list_has_page: bool,
        #[case] expected: &str,
        #[case] expected_preview: &str,
    ) {
        let has_word = |word: &str| offer_state.split(' ').any(|other| other == word);
        let mode = match () {
            () if has_word("custom") => Some(InterstitialMode::Custom),
            () if has_word("list_default") => Some(InterstitialMode::ListDefault),
            () if has_word("none") => Some(InterstitialMode::None),
            () => None,
        };
        let offer_page = has_word("page").then(|| page("offer"));
        let mut offer = minimal_offer();
        offer.interstitial = mode.map(|mode| Interstitial {
            mode,
            page: offer_page,
        });
        let mut list = minimal_list();
        list.interstitial = list_has_page.then(|| page("list"));
        let offer = (!has_word("no-offer")).then_some(&offer);
        let title =
            |page: Option<&InterstitialPage>| page.map_or("", |page| &page.title).to_owned();
        assert_eq!(title(page_for_visitor(offer, Some(&list))), expected);
        let preview_page = page_for_link_preview(offer, Some(&list));
        assert_eq!(title(preview_page), expected_preview);
    }
}
