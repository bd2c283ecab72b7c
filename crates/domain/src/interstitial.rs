//! Interstitials: a page of an offer or list between the click and its destination, whose texts
//! link previews show too. Which visitor gets which page is decided in [`crate::landing`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an offer shows before its destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Interstitial {
    pub mode: InterstitialMode,
    /// The page that the mode `custom` shows. Link previews are made of it in every mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<InterstitialPage>,
}

/// Which page people see before the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InterstitialMode {
    /// The offer's own page.
    Custom,
    /// The page of the list, if the list has one.
    ListDefault,
    /// No page: people are redirected.
    None,
}

/// The texts of a page. HTML in them is shown as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InterstitialPage {
    #[schemars(length(min = 1, max = 255))]
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub description: Option<String>,
    /// The text of the button that leads to the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub cta: Option<String>,
    /// Names and contents of further meta tags, at most 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta_tags: Option<BTreeMap<String, String>>,
}

/// A meta tag of a page: `<meta {attribute}="{name}" content="{content}">`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetaTag<'a> {
    /// `property` for Open Graph's tags, `name` for all others.
    pub attribute: &'static str,
    pub name: &'a str,
    pub content: &'a str,
}

/// Names of tags that the page's template sets itself, or that would change how the page works.
const RESERVED_NAMES: [&str; 6] = [
    "viewport",
    "referrer",
    "robots",
    "color-scheme",
    "theme-color",
    "description",
];

impl InterstitialPage {
    /// The tags of [`Self::meta_tags`] without the reserved ones, and Open Graph's tags of title
    /// and description unless they are among them.
    pub fn all_meta_tags(&self) -> Vec<MetaTag<'_>> {
        let mut tags: Vec<_> = self
            .meta_tags
            .iter()
            .flatten()
            .filter(|(name, _)| {
                !RESERVED_NAMES.contains(&name.trim().to_ascii_lowercase().as_str())
            })
            .map(|(name, content)| MetaTag::new(name, content))
            .collect();
        let defaults = [
            ("og:title", Some(&self.title)),
            ("og:description", self.description.as_ref()),
        ];
        for (name, content) in defaults {
            let is_set = tags.iter().any(|tag| tag.name.eq_ignore_ascii_case(name));
            if let (Some(content), false) = (content, is_set) {
                tags.push(MetaTag::new(name, content));
            }
        }
        tags
    }
}

impl<'a> MetaTag<'a> {
    fn new(name: &'a str, content: &'a str) -> Self {
        // Open Graph's names have a prefix and a colon. Twitter's have too, and are `name`s.
        let is_property = name.contains(':') && !name.starts_with("twitter:");
        Self {
            attribute: if is_property { "property" } else { "name" },
            name,
            content,
        }
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
    fn title_and_description_are_added_to_the_pages_own_tags() {
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
        let all_tags: Vec<_> = page
            .all_meta_tags()
            .iter()
            .map(|tag| format!("{} {}={}", tag.attribute, tag.name, tag.content))
            .collect();
        assert_eq!(
            all_tags,
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
