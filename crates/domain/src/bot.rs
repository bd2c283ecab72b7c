//! The verdict on a click: a suspected bot, with every reason there is.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a click is taken for a bot's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BotReason {
    /// The user agent is on the list of known bots.
    UaBot,
    /// No user agent, or an empty one: every browser sends one.
    UaMissing,
    /// A messaging app that fetches the link to show a preview.
    LinkPreview,
    /// `HEAD`: people do not ask for headers only.
    HeadMethod,
    /// The client says that it fetches ahead of a click.
    Prefetch,
    /// The address belongs to a datacenter.
    DatacenterIp,
    /// The country is one that the account does not send to.
    BadCountry,
    /// Too many clicks at once; set afterwards, by the click worker.
    Burst,
}

impl BotReason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UaBot => "ua_bot",
            Self::UaMissing => "ua_missing",
            Self::LinkPreview => "link_preview",
            Self::HeadMethod => "head_method",
            Self::Prefetch => "prefetch",
            Self::DatacenterIp => "datacenter_ip",
            Self::BadCountry => "bad_country",
            Self::Burst => "burst",
        }
    }
}

impl fmt::Display for BotReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the verdict looks at.
#[derive(Debug, Clone, Copy, Default)]
pub struct BotSigns<'a> {
    pub is_head: bool,
    pub user_agent: Option<&'a str>,
    /// The values of `Sec-Purpose`, `Purpose` and `X-Moz`, where present.
    pub purposes: [Option<&'a str>; 3],
}

/// The list of known bots, compiled once.
pub struct KnownBots(isbot::Bots);

impl KnownBots {
    pub fn load() -> Self {
        Self(isbot::Bots::default())
    }

    pub fn contains(&self, user_agent: &str) -> bool {
        self.0.is_bot(user_agent)
    }
}

/// The reasons to take a click for a bot's; none is a person's click.
/// `is_known_bot` looks a user agent up in [`KnownBots`], so that the caller
/// can remember what it found.
pub fn verdict(signs: &BotSigns<'_>, is_known_bot: impl FnOnce(&str) -> bool) -> Vec<BotReason> {
    let mut reasons = Vec::new();
    match signs.user_agent.map(str::trim) {
        None | Some("") => reasons.push(BotReason::UaMissing),
        Some(user_agent) if is_known_bot(user_agent) => reasons.push(BotReason::UaBot),
        Some(_) => {}
    }
    if signs.is_head {
        reasons.push(BotReason::HeadMethod);
    }
    if signs.purposes.iter().flatten().any(|p| is_prefetch(p)) {
        reasons.push(BotReason::Prefetch);
    }
    reasons
}

/// `Sec-Purpose: prefetch;prerender` (Fetch standard), `Purpose: prefetch`
/// and `preview` (Chrome and Safari), `X-Moz: prefetch` (Firefox).
fn is_prefetch(purpose: &str) -> bool {
    let purpose = purpose.to_ascii_lowercase();
    ["prefetch", "prerender", "preview"]
        .iter()
        .any(|word| purpose.contains(word))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) \
        AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";
    const GOOGLEBOT: &str =
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

    #[rstest]
    #[case(false, Some(SAFARI), None, "")]
    #[case(false, Some(GOOGLEBOT), None, "ua_bot")]
    #[case(false, Some("curl/8.5.0"), None, "ua_bot")]
    #[case(false, None, None, "ua_missing")]
    #[case(false, Some("  "), None, "ua_missing")]
    #[case(true, Some(SAFARI), None, "head_method")]
    #[case(false, Some(SAFARI), Some("prefetch;prerender"), "prefetch")]
    #[case(false, Some(SAFARI), Some("Preview"), "prefetch")]
    #[case(false, Some(SAFARI), Some("navigate"), "")]
    #[case(true, Some(GOOGLEBOT), Some("prefetch"), "ua_bot head_method prefetch")]
    fn each_sign_is_a_reason(
        #[case] is_head: bool,
        #[case] user_agent: Option<&str>,
        #[case] purpose: Option<&str>,
        #[case] expected: &str,
    ) {
        let bots = KnownBots::load();
        let signs = BotSigns {
            is_head,
            user_agent,
            purposes: [None, purpose, None],
        };
        let reasons = verdict(&signs, |user_agent| bots.contains(user_agent));
        let names: Vec<_> = reasons.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(names.join(" "), expected);
    }
}
