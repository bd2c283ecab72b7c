//! Interstitials: a page between the click and its destination, of an offer
//! or of a list, and what link previews show.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an offer shows before its destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Interstitial {
    pub mode: InterstitialMode,
    /// The page of `custom`. In every mode, link previews are made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<InterstitialPage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "InterstitialMode")]
pub enum InterstitialMode {
    /// The offer's own page.
    Custom,
    /// The page of the list, if it has one.
    ListDefault,
    None,
}

/// The texts of a page. They are texts: nothing in them is HTML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "InterstitialPage")]
pub struct InterstitialPage {
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

impl InterstitialPage {
    /// The tags that were given, and those of title and description where
    /// they were not.
    pub fn all_meta_tags(&self) -> Vec<MetaTag<'_>> {
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
    use super::*;

    fn page(title: &str) -> InterstitialPage {
        InterstitialPage {
            title: title.to_owned(),
            description: None,
            cta: None,
            meta_tags: None,
        }
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
            .all_meta_tags()
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
