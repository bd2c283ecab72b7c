//! What somebody who arrives at an open link gets.

use crate::{
    bot::Verdict,
    interstitial::{Page, previewed, shown},
    record::{ListRecord, OfferRecord},
};

/// The answer to a click that is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'a> {
    /// On to the destination.
    Redirect,
    /// A page with a link to the destination.
    Interstitial(&'a Page),
    /// The preview page: a suspected bot must press Continue. It has the tags
    /// of this page, if there is one.
    Preview(Option<&'a Page>),
}

/// The verdict comes first, then the interstitial. Preview fetchers get a page
/// with the link's preview tags, where it has any.
pub fn answer<'a>(
    verdict: &Verdict<'_>,
    filters_bots: bool,
    offer: Option<&'a OfferRecord>,
    list: Option<&'a ListRecord>,
) -> Answer<'a> {
    let preview = previewed(offer, list);
    match preview {
        preview if verdict.is_bot() && filters_bots => Answer::Preview(preview),
        Some(page) if verdict.is_link_preview() => Answer::Interstitial(page),
        _ => confirmed(offer, list),
    }
}

/// What somebody gets who is a person.
pub fn confirmed<'a>(offer: Option<&'a OfferRecord>, list: Option<&'a ListRecord>) -> Answer<'a> {
    shown(offer, list).map_or(Answer::Redirect, Answer::Interstitial)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        bot::BotReason,
        interstitial::{Interstitial, Mode},
        record::tests::offer,
    };

    #[rstest]
    // What the offer has: a page that is shown, one for previews only, none.
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
    fn verdict_and_mode_make_the_answer(
        #[case] reason: &str,
        #[case] filters_bots: bool,
        #[case] page: &str,
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
        let mut offer = offer();
        let mode = match page {
            "custom" => Some(Mode::Custom),
            "none" => Some(Mode::None),
            _ => None,
        };
        offer.interstitial = mode.map(|mode| Interstitial {
            mode,
            page: Some(Page {
                title: "Title".into(),
                description: None,
                cta: None,
                meta_tags: None,
            }),
        });
        let found = match answer(&verdict, filters_bots, Some(&offer), None) {
            Answer::Redirect => "redirect",
            Answer::Interstitial(_) => "interstitial",
            Answer::Preview(None) => "preview",
            Answer::Preview(Some(_)) => "preview with tags",
        };
        assert_eq!(found, expected);
    }
}
