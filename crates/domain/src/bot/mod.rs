//! The verdict on a click: whether it is a suspected bot's, with every reason and the rule
//! that each reason comes from.
//!
//! What tells a bot from a person is data. [`BotRules`] are read from `rules.toml` and from an
//! operator's file of the same form, which can add rules and disable ours. User agents that no
//! rule names are looked up in lists of crawlers that others maintain.

mod crawlers;
mod networks;
mod reason;
mod rule;
mod rule_file;
mod rules;
mod stored_click_rule;
mod verdict;

#[cfg(test)]
mod tests;

pub use self::{
    crawlers::is_browser,
    reason::BotReason,
    rule_file::{InvalidBotRules, MAX_OPERATOR_RULES},
    rules::{BotRules, UserAgentMatch},
    stored_click_rule::StoredClickRule,
    verdict::{CountryFilter, RequestSignals, Verdict},
};
