//! The lists of crawlers that others maintain: `crawler-user-agents`, which names each pattern
//! and says what the crawler does, and behind it `isbot`, which knows more and names nothing.
//!
//! Both also match user agents of people's browsers: by the build number of a phone, or by the
//! name of an app whose servers fetch previews and whose own browser shows the page.
//! `crawler_lists.toml` says how the lists are searched so that browsers are not found in
//! them, and `lists/disabled.txt` names entries that are not used at all;
//! `scripts/update-lists` finds those.

use std::{borrow::Cow, collections::HashSet, sync::LazyLock};

use aho_corasick::AhoCorasick;
use regex::{Regex, RegexSet};
use serde::Deserialize;

use super::reason::BotReason;

const CRAWLER_LIST: &str = include_str!("../../lists/crawler-user-agents.json");
const SEARCH_CONFIG: &str = include_str!("crawler_lists.toml");
/// The names of entries that are not used, one a line.
const DISABLED_ENTRIES: &str = include_str!("../../lists/disabled.txt");
/// The prefix of entries' names, in verdicts and among the disabled entries.
const CRAWLER_LIST_PREFIX: &str = "crawler-user-agents:";
/// The prefix of isbot's patterns among the disabled entries.
const ISBOT_PREFIX: &str = "isbot:";
/// The name in verdicts of everything that isbot finds: it does not say which pattern matched.
pub(super) const ISBOT_NAME: &str = "isbot";

/// The lists, compiled at the first use and shared by all rules.
static CRAWLER_LISTS: LazyLock<CrawlerLists> = LazyLock::new(CrawlerLists::load);

/// Looks a user agent up: why the lists take it for a bot's, and the name of the entry.
pub(super) fn find(user_agent: &str) -> Option<(BotReason, &'static str)> {
    CRAWLER_LISTS.find(user_agent)
}

/// Whether a user agent looks like that of a browser, which a person may have. The user agents
/// of apps and programs that only fetch do not.
pub fn is_browser(user_agent: &str) -> bool {
    CRAWLER_LISTS.browser.is_match(user_agent)
}

/// An entry of `crawler-user-agents.json`.
#[derive(Deserialize)]
struct CrawlerEntry {
    pattern: String,
    #[serde(default)]
    tags: Vec<String>,
    /// User agents that the list's maintainers have seen.
    #[serde(default)]
    instances: Vec<String>,
}

impl CrawlerEntry {
    fn is_preview_fetcher(&self) -> bool {
        self.tags.iter().any(|tag| tag == "social-preview")
    }
}

/// The form of `crawler_lists.toml`, which explains its parts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchConfig {
    browser: String,
    ignored_part: Vec<IgnoredPart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IgnoredPart {
    /// What the part is. It is for readers only.
    #[serde(rename = "name")]
    _name: String,
    expression: String,
    /// Where the part is documented. It is for readers only.
    #[serde(rename = "source")]
    _source: String,
}

/// What a matching pattern means.
struct Crawler {
    name: String,
    reason: BotReason,
    /// Whether the list has seen the pattern in a browser's user agent. Only then it counts in
    /// one.
    occurs_in_browsers: bool,
}

/// Nearly all patterns are plain texts, which one automaton searches for at once; the few
/// others are regular expressions.
struct CrawlerLists {
    browser: Regex,
    /// The first group of each is left out of the search.
    ignored_parts: Vec<Regex>,
    texts: AhoCorasick,
    /// For each text what it means, and whether it counts only at the start.
    text_crawlers: Vec<(Crawler, bool)>,
    expressions: RegexSet,
    /// For each expression what it means.
    expression_crawlers: Vec<Crawler>,
    isbot: isbot::Bots,
}

impl CrawlerLists {
    fn load() -> Self {
        let entries: Vec<CrawlerEntry> =
            serde_json::from_str(CRAWLER_LIST).expect("the tests parse the list");
        let config: SearchConfig =
            toml::from_str(SEARCH_CONFIG).expect("the tests parse the search configuration");
        let compile = |text: &str| Regex::new(text).expect("the tests compile the expressions");
        let browser = compile(&config.browser);
        let disabled: HashSet<&str> = DISABLED_ENTRIES.lines().collect();
        let (mut texts, mut text_crawlers) = (Vec::new(), Vec::new());
        let (mut expressions, mut expression_crawlers) = (Vec::new(), Vec::new());
        for entry in entries {
            let name = entry_name(&entry.pattern);
            if disabled.contains(name.as_str()) {
                continue;
            }
            let crawler = Crawler {
                name,
                reason: match entry.is_preview_fetcher() {
                    true => BotReason::LinkPreview,
                    false => BotReason::UaBot,
                },
                occurs_in_browsers: entry
                    .instances
                    .iter()
                    .any(|user_agent| browser.is_match(user_agent)),
            };
            match plain_text(&entry.pattern) {
                Some((text, only_at_start)) => {
                    texts.push(text);
                    text_crawlers.push((crawler, only_at_start));
                }
                None => {
                    expressions.push(entry.pattern);
                    expression_crawlers.push(crawler);
                }
            }
        }
        let mut isbot = isbot::Bots::default();
        let disabled_isbot_patterns: Vec<_> = disabled
            .iter()
            .filter_map(|name| name.strip_prefix(ISBOT_PREFIX))
            .collect();
        isbot.remove(&disabled_isbot_patterns);
        Self {
            browser,
            ignored_parts: config
                .ignored_part
                .iter()
                .map(|part| compile(&part.expression))
                .collect(),
            texts: AhoCorasick::new(texts).expect("the tests build the automaton"),
            text_crawlers,
            expressions: RegexSet::new(expressions).expect("the tests compile the expressions"),
            expression_crawlers,
            isbot,
        }
    }

    /// Of several matching patterns one of a preview fetcher wins: it fetches previews,
    /// whatever else its user agent claims.
    fn find(&self, user_agent: &str) -> Option<(BotReason, &str)> {
        let is_browser = self.browser.is_match(user_agent);
        let searched = &*self.without_ignored_parts(user_agent);
        let text_matches = self
            .texts
            .find_overlapping_iter(searched)
            .filter_map(|found| {
                let (crawler, only_at_start) = &self.text_crawlers[found.pattern()];
                (!only_at_start || found.start() == 0).then_some(crawler)
            });
        let expression_matches = self.expressions.matches(searched).into_iter();
        let expression_matches = expression_matches.map(|index| &self.expression_crawlers[index]);
        let crawler = text_matches
            .chain(expression_matches)
            .filter(|crawler| crawler.occurs_in_browsers || !is_browser)
            .max_by_key(|crawler| crawler.reason == BotReason::LinkPreview);
        match crawler {
            Some(crawler) => Some((crawler.reason, crawler.name.as_str())),
            None => self
                .isbot
                .is_bot(searched)
                .then_some((BotReason::UaBot, ISBOT_NAME)),
        }
    }

    fn without_ignored_parts<'a>(&self, user_agent: &'a str) -> Cow<'a, str> {
        let mut searched = Cow::Borrowed(user_agent);
        for part in &self.ignored_parts {
            let group = part
                .captures(&searched)
                .and_then(|captures| captures.get(1).map(|group| group.range()));
            if let Some(range) = group {
                searched.to_mut().replace_range(range, "");
            }
        }
        searched
    }
}

/// The name of an entry in verdicts and among the disabled entries.
fn entry_name(pattern: &str) -> String {
    match plain_text(pattern) {
        Some((text, _)) => format!("{CRAWLER_LIST_PREFIX}{text}"),
        None => format!("{CRAWLER_LIST_PREFIX}{pattern}"),
    }
}

/// The text that a pattern matches, and whether only at the start, if the pattern is no more
/// than a text. `None` if it is a regular expression that matches several texts.
fn plain_text(pattern: &str) -> Option<(String, bool)> {
    let (expression, only_at_start) = match pattern.strip_prefix('^') {
        Some(expression) => (expression, true),
        None => (pattern, false),
    };
    Some((unescape(expression)?, only_at_start))
}

/// The only text that a regular expression matches. `None` if it matches others too.
fn unescape(expression: &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = expression.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => text.push(chars.next().filter(char::is_ascii_punctuation)?),
            '.' | '^' | '$' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' => {
                return None;
            }
            char => text.push(char),
        }
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crawler_entries() -> Vec<CrawlerEntry> {
        serde_json::from_str(CRAWLER_LIST).unwrap()
    }

    /// Each user agent that the list has seen is found, by its own entry or by another one of
    /// the list. What disabled entries have seen is left out: those are people's.
    #[test]
    fn every_user_agent_that_the_list_has_seen_is_found() {
        let entries = crawler_entries();
        assert!(entries.len() >= 1_500, "{}", entries.len());
        let is_disabled = |pattern: &str| {
            DISABLED_ENTRIES
                .lines()
                .any(|name| name == entry_name(pattern))
        };
        for entry in entries.iter().filter(|entry| !is_disabled(&entry.pattern)) {
            for user_agent in &entry.instances {
                let (reason, name) = find(user_agent).expect(user_agent);
                assert_ne!(name, ISBOT_NAME, "{user_agent} by {}", entry.pattern);
                if entry.is_preview_fetcher() {
                    assert_eq!(reason, BotReason::LinkPreview, "{user_agent}");
                }
            }
        }
    }

    #[test]
    fn disabled_entries_exist_in_the_lists_and_are_sorted() {
        let entries = crawler_entries();
        let names: HashSet<_> = entries
            .iter()
            .map(|entry| entry_name(&entry.pattern))
            .collect();
        let disabled: Vec<_> = DISABLED_ENTRIES.lines().collect();
        assert!(disabled.is_sorted_by(|a, b| a < b), "{disabled:?}");
        for name in disabled {
            match name.strip_prefix(ISBOT_PREFIX) {
                // Isbot does not show its patterns. A pattern that it has matches itself.
                Some(pattern) => {
                    let user_agent = format!("({pattern} 1)");
                    assert!(isbot::Bots::default().is_bot(&user_agent), "{name}");
                    let mut without_pattern = isbot::Bots::default();
                    without_pattern.remove(&[pattern]);
                    assert!(!without_pattern.is_bot(&user_agent), "{name}");
                }
                None => assert!(names.contains(name), "{name} is not an entry"),
            }
        }
    }

    #[test]
    fn browsers_are_told_from_programs_that_only_fetch() {
        for (user_agent, expected) in [
            (
                "Mozilla/5.0 (Linux; Android 15; K) AppleWebKit/537.36",
                true,
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X)",
                true,
            ),
            ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)", true),
            ("Opera/9.80 (Android; Opera Mini/36.2/191.249; U; en)", true),
            ("Mozilla/5.0 (compatible; Googlebot/2.1)", false),
            ("WhatsApp/2.23.20.0 A", false),
            ("Viber", false),
            ("curl/8.5.0", false),
            ("", false),
        ] {
            assert_eq!(is_browser(user_agent), expected, "{user_agent}");
        }
    }

    #[test]
    fn a_pattern_that_matches_one_text_is_told_from_others() {
        assert_eq!(unescape("Googlebot\\/").as_deref(), Some("Googlebot/"));
        assert_eq!(unescape("a b-c").as_deref(), Some("a b-c"));
        for expression in ["[wW]get", "a|b", "a.b", "\\d", "a{2}", ""] {
            assert_eq!(unescape(expression), None, "{expression}");
        }
    }
}
