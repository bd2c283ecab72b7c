//! The lists of crawlers that others maintain: `crawler-user-agents`, which
//! names each pattern and says what the crawler does, and behind it `isbot`,
//! which is wider and names nothing.
//!
//! Both name things that people's browsers name too: the build number of a phone, an app
//! whose servers fetch previews and whose own browser shows the page. `lists.toml` says how
//! the lists are read so that browsers are not found in them, and `lists/off.txt` names
//! entries that are not used at all; `scripts/update-lists` finds those.

use std::{borrow::Cow, collections::HashSet, sync::LazyLock};

use aho_corasick::AhoCorasick;
use regex::{Regex, RegexSet};
use serde::Deserialize;

use super::BotReason;

const LIST: &str = include_str!("../../lists/crawler-user-agents.json");
/// How the lists are read.
const READING: &str = include_str!("lists.toml");
/// Names of entries that are not used, one a line.
const OFF: &str = include_str!("../../lists/off.txt");
/// What the names of entries start with, in verdicts and in the list of what is off.
const LIST_NAME: &str = "crawler-user-agents:";
/// The same of isbot, which does not say what it found: in the list of what is off only.
const ISBOT_PREFIX: &str = "isbot:";
const ISBOT_NAME: &str = "isbot";

/// Read once, for all rules.
static CRAWLERS: LazyLock<Crawlers> = LazyLock::new(Crawlers::load);

/// Why the lists know a user agent, and the entry's name.
pub(super) fn find(user_agent: &str) -> Option<(BotReason, &'static str)> {
    CRAWLERS.find(user_agent)
}

/// Whether a user agent looks like that of a browser, which a person may have. What apps
/// and programs send that only fetch does not.
pub fn is_browser(user_agent: &str) -> bool {
    CRAWLERS.browser.is_match(user_agent)
}

#[derive(Deserialize)]
struct Entry {
    pattern: String,
    #[serde(default)]
    tags: Vec<String>,
    /// User agents that the list has seen.
    #[serde(default)]
    instances: Vec<String>,
}

/// `lists.toml`, see there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading {
    browser: String,
    skipped: Vec<SkippedPart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SkippedPart {
    /// For readers, as where the part is documented.
    #[serde(rename = "name")]
    _name: String,
    expression: String,
    #[serde(rename = "source")]
    _source: String,
}

struct Known {
    name: String,
    reason: BotReason,
    /// The list has seen it in a browser's user agent.
    is_in_browsers: bool,
}

/// Nearly all patterns are plain texts, which are looked for at once; what is
/// left are a few expressions.
struct Crawlers {
    browser: Regex,
    /// The group of each is not searched.
    skipped: Vec<Regex>,
    texts: AhoCorasick,
    /// What each text stands for, and whether it must stand at the start.
    of_texts: Vec<(Known, bool)>,
    expressions: RegexSet,
    of_expressions: Vec<Known>,
    isbot: isbot::Bots,
}

impl Crawlers {
    fn load() -> Self {
        let entries: Vec<Entry> = serde_json::from_str(LIST).expect("tested: it is such a list");
        let reading: Reading = toml::from_str(READING).expect("tested: it says how lists are read");
        let expression = |text: &str| Regex::new(text).expect("tested: it is an expression");
        let browser = expression(&reading.browser);
        let off: HashSet<&str> = OFF.lines().collect();
        let (mut texts, mut of_texts) = (Vec::new(), Vec::new());
        let (mut expressions, mut of_expressions) = (Vec::new(), Vec::new());
        for entry in entries {
            let name = entry_name(&entry.pattern);
            if off.contains(name.as_str()) {
                continue;
            }
            let known = Known {
                name,
                reason: match entry.tags.iter().any(|tag| tag == "social-preview") {
                    true => BotReason::LinkPreview,
                    false => BotReason::UaBot,
                },
                is_in_browsers: entry.instances.iter().any(|seen| browser.is_match(seen)),
            };
            match plain_pattern(&entry.pattern) {
                Some((text, is_start)) => {
                    texts.push(text);
                    of_texts.push((known, is_start));
                }
                None => {
                    expressions.push(entry.pattern);
                    of_expressions.push(known);
                }
            }
        }
        let mut isbot = isbot::Bots::default();
        let isbot_off: Vec<_> = off
            .iter()
            .filter_map(|name| name.strip_prefix(ISBOT_PREFIX))
            .collect();
        isbot.remove(&isbot_off);
        Self {
            browser,
            skipped: reading
                .skipped
                .iter()
                .map(|part| expression(&part.expression))
                .collect(),
            texts: AhoCorasick::new(texts).expect("tested: not too many"),
            of_texts,
            expressions: RegexSet::new(expressions).expect("tested: they are expressions"),
            of_expressions,
            isbot,
        }
    }

    /// A preview fetcher is one whatever else it says it is.
    fn find(&self, user_agent: &str) -> Option<(BotReason, &str)> {
        let is_browser = self.browser.is_match(user_agent);
        let user_agent = &*self.without_skipped_parts(user_agent);
        let texts = self
            .texts
            .find_overlapping_iter(user_agent)
            .filter_map(|found| {
                let (known, is_start) = &self.of_texts[found.pattern()];
                (!is_start || found.start() == 0).then_some(known)
            });
        let expressions = self.expressions.matches(user_agent).into_iter();
        let expressions = expressions.map(|index| &self.of_expressions[index]);
        let known = texts
            .chain(expressions)
            .filter(|known| known.is_in_browsers || !is_browser)
            .max_by_key(|known| known.reason == BotReason::LinkPreview);
        match known {
            Some(known) => Some((known.reason, known.name.as_str())),
            None => self
                .isbot
                .is_bot(user_agent)
                .then_some((BotReason::UaBot, ISBOT_NAME)),
        }
    }

    fn without_skipped_parts<'a>(&self, user_agent: &'a str) -> Cow<'a, str> {
        let mut searched = Cow::Borrowed(user_agent);
        for part in &self.skipped {
            let group = part
                .captures(&searched)
                .and_then(|found| found.get(1).map(|group| group.range()));
            if let Some(range) = group {
                searched.to_mut().replace_range(range, "");
            }
        }
        searched
    }
}

/// The name of an entry in verdicts.
fn entry_name(pattern: &str) -> String {
    match plain_pattern(pattern) {
        Some((text, _)) => format!("{LIST_NAME}{text}"),
        None => format!("{LIST_NAME}{pattern}"),
    }
}

/// The text that a pattern stands for, and whether it must stand at the start, if the
/// pattern is no more than that.
fn plain_pattern(pattern: &str) -> Option<(String, bool)> {
    let (rest, is_start) = match pattern.strip_prefix('^') {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    Some((plain(rest)?, is_start))
}

/// The text that an expression stands for, if it is no more than that.
fn plain(expression: &str) -> Option<String> {
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

    #[derive(Deserialize)]
    struct Seen {
        pattern: String,
        instances: Vec<String>,
        #[serde(default)]
        tags: Vec<String>,
    }

    /// All that the list says it has seen, by its own entry or another's; but for what
    /// entries have seen that are off: those are people.
    #[test]
    fn every_user_agent_of_the_list_is_known() {
        let list: Vec<Seen> = serde_json::from_str(LIST).unwrap();
        assert!(list.len() >= 1_500, "{}", list.len());
        let is_off = |pattern: &str| OFF.lines().any(|name| name == entry_name(pattern));
        for seen in list.into_iter().filter(|seen| !is_off(&seen.pattern)) {
            for user_agent in seen.instances {
                let (reason, name) = find(&user_agent).expect(&user_agent);
                assert_ne!(name, ISBOT_NAME, "{user_agent} by {}", seen.pattern);
                if seen.tags.iter().any(|tag| tag == "social-preview") {
                    assert_eq!(reason, BotReason::LinkPreview, "{user_agent}");
                }
            }
        }
    }

    /// What is off is named as the lists name it today, in order and once.
    #[test]
    fn what_is_off_is_there_to_be_switched_off() {
        let list: Vec<Seen> = serde_json::from_str(LIST).unwrap();
        let entries: HashSet<_> = list.iter().map(|seen| entry_name(&seen.pattern)).collect();
        let off: Vec<_> = OFF.lines().collect();
        assert!(off.is_sorted_by(|a, b| a < b), "{off:?}");
        for name in off {
            match name.strip_prefix(ISBOT_PREFIX) {
                // Isbot shows no patterns: those that it has find themselves.
                Some(pattern) => {
                    let user_agent = format!("({pattern} 1)");
                    assert!(isbot::Bots::default().is_bot(&user_agent), "{name}");
                    let mut without = isbot::Bots::default();
                    without.remove(&[pattern]);
                    assert!(!without.is_bot(&user_agent), "{name}");
                }
                None => assert!(entries.contains(name), "{name} is no entry"),
            }
        }
    }

    #[test]
    fn browsers_are_told_from_what_only_fetches() {
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
    fn an_expression_that_is_a_text_is_told_from_others() {
        assert_eq!(plain("Googlebot\\/").as_deref(), Some("Googlebot/"));
        assert_eq!(plain("a b-c").as_deref(), Some("a b-c"));
        for expression in ["[wW]get", "a|b", "a.b", "\\d", "a{2}", ""] {
            assert_eq!(plain(expression), None, "{expression}");
        }
    }
}
