//! What a request does with each click that it reclassifies.

use domain::{
    bot::{BotReason, StoredClickRule},
    id::ClickId,
};
use ledger::reclassify::Reclassification;
use serde_json::Value;
use tokio_postgres::Row;

use super::{filter::parse_reason, query::Verdict};
use crate::{
    enumeration::Enumeration as _,
    error::ApiError,
    fields::{Text, non_empty},
    http::OrderDirection,
};

/// The name of the rule of verdicts that come from this operation.
const API_RULE: &str = "reclassified";

/// The columns that an action needs, of clicks `c`.
pub const COLUMNS: &str =
    "c.click_id, c.bot_reasons, c.bot_rules, c.user_agent, host(c.ip) AS ip, c.asn";

pub enum ReclassifyAction {
    /// Make them clicks of bots, for these reasons.
    Bot(Vec<String>),
    /// Make them clicks of people.
    Human,
    /// Make those clicks of bots that match the rule.
    Rule(StoredClickRule),
}

impl ReclassifyAction {
    pub fn from_fields(
        verdict: &Option<Text>,
        reasons: &Option<Vec<Text>>,
        rule: &Option<Value>,
    ) -> Result<Self, ApiError> {
        let verdict = non_empty(verdict).map(|name| (name, Verdict::parse(name)));
        match (verdict, rule) {
            (Some(_), Some(_)) => Err(ApiError::invalid_field(
                "rule",
                "it must not be given together with `verdict`",
            )),
            (None, None) => Err(ApiError::invalid_field(
                "verdict",
                "neither verdict nor rule was provided",
            )),
            (None, Some(rule)) => {
                let rule = StoredClickRule::parse(rule.clone());
                let invalid = |problem: String| ApiError::invalid_field("rule", problem);
                rule.map(Self::Rule)
                    .map_err(|problem| invalid(problem.to_string()))
            }
            (Some((_, Some(Verdict::Human))), None) => Ok(Self::Human),
            (Some((_, Some(Verdict::Bot))), None) => parse_reasons(reasons).map(Self::Bot),
            (Some((_, None)), None) => {
                let problem = format!("it is not one of {}", Verdict::NAME_LIST);
                Err(ApiError::invalid_field("verdict", problem))
            }
        }
    }

    /// The order in which clicks are reclassified if there are more than one request takes.
    ///
    /// Conversions without a contact are credited to the first click of their link that is not
    /// a bot's. If the oldest clicks became clicks of bots first, each request would move the
    /// credit of all of these conversions to the next click. So the oldest click is the last
    /// one then, and the first one if clicks become clicks of people.
    pub fn order(&self) -> OrderDirection {
        match self {
            Self::Human => OrderDirection::Ascending,
            Self::Bot(_) | Self::Rule(_) => OrderDirection::Descending,
        }
    }

    /// The new classification of a click; `None` if it stays as it is.
    pub fn apply(&self, row: &Row) -> Option<Reclassification> {
        let new = |reasons: Vec<String>, rules: Vec<String>, is_manual| Reclassification {
            click_id: click_id(row),
            reasons,
            rules,
            is_manual,
        };
        match self {
            Self::Bot(reasons) => Some(new(reasons.clone(), vec![API_RULE.to_owned()], true)),
            Self::Human => Some(new(vec![], vec![], true)),
            Self::Rule(rule) => {
                let ip: Option<&str> = row.get("ip");
                let asn: Option<i64> = row.get("asn");
                let ip = ip.and_then(|ip| ip.parse().ok());
                let asn = asn.and_then(|asn| asn.try_into().ok());
                if !rule.matches(row.get("user_agent"), ip, asn) {
                    return None;
                }
                let (mut reasons, mut rules) = (row.get("bot_reasons"), row.get("bot_rules"));
                add_name(&mut reasons, rule.reason().as_str());
                add_name(&mut rules, rule.name());
                Some(new(reasons, rules, false))
            }
        }
    }
}

/// The names of the reasons in the order of the domain, without repetitions; `ua_bot` if none
/// is given.
fn parse_reasons(names: &Option<Vec<Text>>) -> Result<Vec<String>, ApiError> {
    let mut reasons = Vec::new();
    for (index, name) in names.iter().flatten().enumerate() {
        reasons.push(parse_reason(name.as_str(), &format!("reasons[{index}]"))?);
    }
    if reasons.is_empty() {
        reasons.push(BotReason::UaBot);
    }
    reasons.sort();
    reasons.dedup();
    Ok(reasons.iter().map(ToString::to_string).collect())
}

fn add_name(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

pub fn click_id(row: &Row) -> ClickId {
    ClickId::from_uuid(row.get("click_id")).expect("only click ids are stored")
}
