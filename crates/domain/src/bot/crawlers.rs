//! The lists of crawlers that others maintain: `crawler-user-agents`, which
//! names each pattern and says what the crawler does, and behind it `isbot`,
//! which is wider and names nothing.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::RegexSet;
use serde::Deserialize;

use super::BotReason;

const LIST: &str = include_str!("../../lists/crawler-user-agents.json");
/// What its entries' names start with in a verdict.
const LIST_NAME: &str = "crawler-user-agents:";
const ISBOT_NAME: &str = "isbot";

/// Read once, for all rules.
static CRAWLERS: LazyLock<Crawlers> = LazyLock::new(Crawlers::load);

/// Why the lists know a user agent, and the entry's name.
pub(super) fn find(user_agent: &str) -> Option<(BotReason, &'static str)> {
    CRAWLERS.find(user_agent)
}

#[derive(Deserialize)]
struct Entry {
    pattern: String,
    #[serde(default)]
    tags: Vec<String>,
}

struct Known {
    name: String,
    reason: BotReason,
}

/// Nearly all patterns are plain texts, which are looked for at once; what is
/// left are a few expressions.
struct Crawlers {
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
        let (mut texts, mut of_texts) = (Vec::new(), Vec::new());
        let (mut expressions, mut of_expressions) = (Vec::new(), Vec::new());
        for Entry { pattern, tags } in entries {
            let reason = match tags.iter().any(|tag| tag == "social-preview") {
                true => BotReason::LinkPreview,
                false => BotReason::UaBot,
            };
            let (rest, is_start) = match pattern.strip_prefix('^') {
                Some(rest) => (rest, true),
                None => (pattern.as_str(), false),
            };
            if let Some(text) = plain(rest) {
                let name = format!("{LIST_NAME}{text}");
                texts.push(text);
                of_texts.push((Known { name, reason }, is_start));
            } else {
                let name = format!("{LIST_NAME}{pattern}");
                expressions.push(pattern);
                of_expressions.push(Known { name, reason });
            }
        }
        Self {
            texts: AhoCorasick::new(texts).expect("tested: not too many"),
            of_texts,
            expressions: RegexSet::new(expressions).expect("tested: they are expressions"),
            of_expressions,
            isbot: isbot::Bots::default(),
        }
    }

    /// A preview fetcher is one whatever else it says it is.
    fn find(&self, user_agent: &str) -> Option<(BotReason, &str)> {
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
            .max_by_key(|known| known.reason == BotReason::LinkPreview);
        match known {
            Some(known) => Some((known.reason, known.name.as_str())),
            None => self
                .isbot
                .is_bot(user_agent)
                .then_some((BotReason::UaBot, ISBOT_NAME)),
        }
    }
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

    /// All that the list says it has seen, by its own entry or another's.
    #[test]
    fn every_user_agent_of_the_list_is_known() {
        let list: Vec<Seen> = serde_json::from_str(LIST).unwrap();
        assert!(list.len() >= 1_500, "{}", list.len());
        for seen in list {
            for user_agent in seen.instances {
                let (reason, name) = find(&user_agent).expect(&user_agent);
                assert_ne!(name, ISBOT_NAME, "{user_agent} by {}", seen.pattern);
                if seen.tags.iter().any(|tag| tag == "social-preview") {
                    assert_eq!(reason, BotReason::LinkPreview, "{user_agent}");
                }
            }
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
