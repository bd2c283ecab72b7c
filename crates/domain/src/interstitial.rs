//! Interstitials: a page between the click and its destination, of an offer
//! or of a list, and what link previews show.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{ListRecord, OfferRecord};

/// What an offer shows before its destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Interstitial {
    pub mode: Mode,
    /// The page of `custom`. In every mode, link previews are made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "InterstitialMode")]
pub enum Mode {
    /// The offer's own page.
    Custom,
    /// The page of the list, if it has one.
    ListDefault,
    None,
}

/// The texts of a page. They are texts: nothing in them is HTML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "InterstitialPage")]
pub struct Page {
    #[schemars(length(min = 1, max = 255))]
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub description: Option<String>,
    /// The button's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub cta: Option<String>,
    /// Names and contents of meta tags, at most 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta_tags: Option<BTreeMap<String, String>>,
}

/// The page that is shown before the destination, if there is one.
pub fn shown<'a>(offer: Option<&'a OfferRecord>, list: Option<&'a ListRecord>) -> Option<&'a Page> {
    let interstitial = offer?.interstitial.as_ref()?;
    match interstitial.mode {
        Mode::Custom => interstitial.page.as_ref(),
        Mode::ListDefault => list?.interstitial.as_ref(),
        Mode::None => None,
    }
}

/// The page whose texts a link preview shows: the offer's own, whether it is
/// shown to people or not, or else the list's where people see that.
pub fn previewed<'a>(
    offer: Option<&'a OfferRecord>,
    list: Option<&'a ListRecord>,
) -> Option<&'a Page> {
    let own = offer.and_then(|offer| offer.interstitial.as_ref()?.page.as_ref());
    own.or_else(|| shown(offer, list))
}

/// A meta tag of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetaTag<'a> {
    /// The attribute that names it: Open Graph's are properties.
    pub attribute: &'static str,
    pub name: &'a str,
    pub content: &'a str,
}

/// Names of tags that a page has of its own, or that change how it works.
const RESERVED: [&str; 6] = [
    "viewport",
    "referrer",
    "robots",
    "color-scheme",
    "theme-color",
    "description",
];

impl Page {
    /// The tags that were given, and those of title and description where
    /// they were not.
    pub fn tags(&self) -> Vec<MetaTag<'_>> {
        let given = self.meta_tags.iter().flatten();
        let mut tags: Vec<_> = given
            .filter(|(name, _)| !RESERVED.contains(&name.trim().to_ascii_lowercase().as_str()))
            .map(|(name, content)| tag(name, content))
            .collect();
        let texts = [
            ("og:title", Some(&self.title)),
            ("og:description", self.description.as_ref()),
        ];
        for (name, text) in texts {
            let is_given = tags.iter().any(|tag| tag.name.eq_ignore_ascii_case(name));
            if let (Some(text), false) = (text, is_given) {
                tags.push(tag(name, text));
            }
        }
        tags
    }
}

/// Twitter's are names though they have a colon.
fn tag<'a>(name: &'a str, content: &'a str) -> MetaTag<'a> {
    let is_property = name.contains(':') && !name.starts_with("twitter:");
    MetaTag {
        attribute: if is_property { "property" } else { "name" },
        name,
        content,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::record::tests::{list, offer};

    fn page(title: &str) -> Page {
        Page {
            title: title.to_owned(),
            description: None,
            cta: None,
            meta_tags: None,
        }
    }

    /// `state` is the offer's mode and whether it has a page of its own,
    /// `has_page` whether the list has one.
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
        #[case] state: &str,
        #[case] has_page: bool,
        #[case] expected: &str,
        #[case] expected_preview: &str,
    ) {
        let is = |word: &str| state.split(' ').any(|w| w == word);
        let mode = match () {
            () if is("custom") => Some(Mode::Custom),
            () if is("list_default") => Some(Mode::ListDefault),
            () if is("none") => Some(Mode::None),
            () => None,
        };
        let own = is("page").then(|| page("offer"));
        let mut offer = offer();
        offer.interstitial = mode.map(|mode| Interstitial { mode, page: own });
        let mut list = list();
        list.interstitial = has_page.then(|| page("list"));
        let offer = (!is("no-offer")).then_some(&offer);
        let title = |page: Option<&Page>| page.map_or("", |page| &page.title).to_owned();
        assert_eq!(title(shown(offer, Some(&list))), expected);
        assert_eq!(title(previewed(offer, Some(&list))), expected_preview);
    }

    #[test]
    fn tags_are_the_given_ones_and_those_of_the_texts() {
        let mut page = page("Title");
        page.description = Some("Description".into());
        let tags = [
            ("og:title", "Other title"),
            ("og:image", "https://e.com/a.png"),
            ("twitter:card", "summary"),
            ("author", "somebody"),
            ("Viewport", "width=5000"),
        ];
        page.meta_tags = Some(tags.map(|(a, b)| (a.to_owned(), b.to_owned())).into());
        let found: Vec<_> = page
            .tags()
            .iter()
            .map(|tag| format!("{} {}={}", tag.attribute, tag.name, tag.content))
            .collect();
        assert_eq!(
            found,
            [
                "name author=somebody",
                "property og:image=https://e.com/a.png",
                "property og:title=Other title",
                "name twitter:card=summary",
                "property og:description=Description",
            ]
        );
    }
}
