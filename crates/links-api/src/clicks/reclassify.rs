//! `POST /api/v2/clicks/reclassify`: other verdicts, and all that follows.

use actix_web::http::Method;
use domain::{
    bot::{BotReason, StoredClickRule},
    id::ClickId,
};
use ledger::{
    account_lock,
    reclassify::{Reclassification, click_reclassify_all},
    totals::TotalsDelta,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::Row;

use super::filter::{ClickFilter, ClickOrder, VERDICTS, find_reason};
use crate::{
    auth::Scope,
    error::ApiError,
    fields::{Text, non_empty},
    http::{Operation, RequestContext, Response},
    state::PoolKind,
};

/// Clicks that are judged by a request: events of the account wait for it.
const MAX_CLICKS: i64 = 1_000;
/// The rule that a verdict of the API is found by.
const BY_THE_API: &str = "reclassified";

pub fn operation() -> Operation {
    Operation::platform(
        Method::POST,
        "/clicks/reclassify",
        "reclassify_clicks",
        reclassify_clicks,
    )
    .scope(Scope::LinksWrite).tag("clicks")
    .pool(PoolKind::Exports)
    .summary("Judge clicks again").description("Gives the clicks of a filter another `verdict`, or applies a `rule` to them: those that it \
         holds for become a bot's, the others stay as they are. Message clicks, credits of \
         conversions and totals are afterwards what they would be had the verdicts been right \
         from the start. At most 1,000 clicks in a request, from the newest, or from \
         the oldest for the verdict `human`, so that the credit of a conversion moves once however \
         many requests it takes: while there is a `next_cursor`, send the request again with it as \
         `cursor`. A verdict is final: bursts \
         leave its clicks alone.")
    .request_body::<ReclassifyRequest>([
        json!({
            "filter": { "from": "2026-03-10T00:00:00Z", "to": "2026-03-11T00:00:00Z", "ip": "203.0.113.0/24" },
            "verdict": "bot",
            "reasons": ["datacenter_ip"],
        }),
        json!({
            "filter": { "from": "2026-03-10T00:00:00Z" },
            "rule": { "name": "new_scanner", "reason": "ua_bot", "user_agent": ["LinkScanner/"] },
        }),
    ])
    .response::<Reclassified>(200, json!({ "matched": 120, "changed": 17, "next_cursor": null }))
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ReclassifyRequest {
    /// Which clicks. At least one condition.
    filter: Option<ClickFilter>,
    /// bot or human.
    #[schemars(extend("enum" = ["bot", "human", "", null]))]
    verdict: Option<Text>,
    /// Why it is a bot's, `ua_bot` by default.
    reasons: Option<Vec<Text>>,
    /// A rule as in BOT_RULES_FILE, about `user_agent`, `network` and `asn`.
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    rule: Option<Value>,
    /// `next_cursor` of the request before.
    cursor: Option<Text>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Reclassified {
    /// Clicks of the filter that were looked at.
    matched: i64,
    /// Those that have become a bot's, or a person's.
    changed: u64,
    next_cursor: Option<String>,
}

/// What is to become of clicks.
enum Judgement {
    Bot(Vec<String>),
    Human,
    Rule(StoredClickRule),
}

async fn reclassify_clicks(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let body: ReclassifyRequest = context.json()?;
    let judgement = judgement(&body)?;
    let cursor = non_empty(&body.cursor).map(|text| {
        ClickId::parse(text)
            .map_err(|_| ApiError::invalid_field("cursor", "it is not one that was answered"))
    });
    let cursor = cursor.transpose()?;
    let filter = body
        .filter
        .unwrap_or_default()
        .check(context, "filter.")
        .await?;
    if filter.is_empty() {
        return Err(ApiError::invalid_field(
            "filter",
            "it needs at least one condition",
        ));
    }
    // They are looked for without a lock, for as long as that takes, and read again under
    // it: somebody else may have judged or erased some meanwhile.
    let found = filter
        .fetch(
            context,
            "c.click_id",
            judgement.order(),
            cursor,
            MAX_CLICKS + 1,
        )
        .await?;
    let mut ids: Vec<_> = found.iter().map(click_id).collect();
    let has_more = ids.len() as i64 > MAX_CLICKS;
    ids.truncate(usize::try_from(MAX_CLICKS).unwrap_or(usize::MAX));
    let next_cursor = ids.last().filter(|_| has_more).map(ToString::to_string);
    account_lock(context.db, context.caller.account_id.0).await?;
    let columns = "c.click_id, c.bot_reasons, c.bot_rules, c.user_agent, host(c.ip) AS ip, c.asn";
    let rows = filter.fetch_again(context, columns, &ids).await?;
    let verdicts: Vec<_> = rows
        .iter()
        .filter_map(|row| judgement.verdict(row))
        .collect();
    let mut delta = TotalsDelta::default();
    let changed = click_reclassify_all(context.db, &verdicts, &mut delta).await?;
    delta.apply(context.db).await?;
    Response::ok(&Reclassified {
        matched: rows.len() as i64,
        changed,
        next_cursor,
    })
}

fn judgement(body: &ReclassifyRequest) -> Result<Judgement, ApiError> {
    let verdict = non_empty(&body.verdict);
    match (verdict, &body.rule) {
        (Some(_), Some(_)) => Err(ApiError::invalid_field(
            "rule",
            "there is a verdict already",
        )),
        (None, None) => Err(ApiError::invalid_field(
            "verdict",
            "neither verdict nor rule was provided",
        )),
        (None, Some(rule)) => {
            let rule = StoredClickRule::parse(rule.clone());
            let rule =
                rule.map_err(|problem| ApiError::invalid_field("rule", problem.to_string()))?;
            Ok(Judgement::Rule(rule))
        }
        (Some("human"), None) => Ok(Judgement::Human),
        (Some("bot"), None) => {
            let mut reasons = Vec::new();
            for (index, reason) in body.reasons.iter().flatten().enumerate() {
                let field = || format!("reasons[{index}]");
                reasons.push(find_reason(reason.as_str(), field)?);
            }
            if reasons.is_empty() {
                reasons.push(BotReason::UaBot);
            }
            reasons.sort();
            reasons.dedup();
            Ok(Judgement::Bot(
                reasons.iter().map(ToString::to_string).collect(),
            ))
        }
        (Some(_), None) => {
            let problem = format!("it is not one of {}", VERDICTS.join(", "));
            Err(ApiError::invalid_field("verdict", problem))
        }
    }
}

impl Judgement {
    /// Conversions without a contact are credited to the first click of their link that is
    /// not a bot's. If the first clicks became a bot's first, each request would move the
    /// credit of all of these conversions to the next click; so the first click comes last
    /// there, and first where clicks become people's.
    fn order(&self) -> ClickOrder {
        match self {
            Self::Human => ClickOrder::OldestFirst,
            Self::Bot(_) | Self::Rule(_) => ClickOrder::NewestFirst,
        }
    }

    /// `None` where a click stays as it is.
    fn verdict(&self, row: &Row) -> Option<Reclassification> {
        let verdict = |reasons: Vec<String>, rules: Vec<String>, is_manual| Reclassification {
            click_id: click_id(row),
            reasons,
            rules,
            is_manual,
        };
        match self {
            Self::Bot(reasons) => Some(verdict(reasons.clone(), vec![BY_THE_API.to_owned()], true)),
            Self::Human => Some(verdict(vec![], vec![], true)),
            Self::Rule(rule) => {
                let ip: Option<&str> = row.get("ip");
                let asn: Option<i64> = row.get("asn");
                let ip = ip.and_then(|ip| ip.parse().ok());
                let asn = asn.and_then(|asn| asn.try_into().ok());
                if !rule.matches(row.get("user_agent"), ip, asn) {
                    return None;
                }
                let (mut reasons, mut rules) = (row.get("bot_reasons"), row.get("bot_rules"));
                add(&mut reasons, rule.reason().as_str());
                add(&mut rules, rule.name());
                Some(verdict(reasons, rules, false))
            }
        }
    }
}

fn add(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

fn click_id(row: &Row) -> ClickId {
    ClickId::from_uuid(row.get("click_id")).expect("only click ids are stored")
}
