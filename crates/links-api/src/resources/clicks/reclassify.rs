//! `POST /api/v2/clicks/reclassify`: other verdicts, and everything that follows from them.

use domain::id::ClickId;
use ledger::{account_lock, reclassify::click_reclassify_all, totals::TotalsDelta};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    action::{COLUMNS, ReclassifyAction, click_id},
    filter::ClickFilterRequest,
};
use crate::{
    db::{
        clicks::select_again,
        facts::{CLICKS, FactPage, select_page},
    },
    error::ApiError,
    fields::{Text, non_empty},
    http::{RequestBody, RequestContext, Response},
};

/// Limit of a request, since events of the account wait until it ends.
const MAX_CLICKS: i64 = 1_000;

#[derive(Debug, Deserialize, JsonSchema)]
pub struct ReclassifyRequest {
    /// The clicks to reclassify. At least one condition.
    filter: Option<ClickFilterRequest>,
    /// bot or human.
    #[schemars(extend("enum" = ["bot", "human", "", null]))]
    verdict: Option<Text>,
    /// The reasons of the verdict bot, `ua_bot` by default.
    reasons: Option<Vec<Text>>,
    /// A rule as in BOT_RULES_FILE, about `user_agent`, `network` and `asn`.
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    rule: Option<Value>,
    /// `next_cursor` of the request before.
    cursor: Option<Text>,
}

impl RequestBody for ReclassifyRequest {}

impl ReclassifyRequest {
    pub fn examples() -> [Value; 2] {
        [
            json!({
                "filter": {
                    "from": "2026-03-10T00:00:00Z",
                    "to": "2026-03-11T00:00:00Z",
                    "ip": "203.0.113.0/24",
                },
                "verdict": "bot",
                "reasons": ["datacenter_ip"],
            }),
            json!({
                "filter": { "from": "2026-03-10T00:00:00Z" },
                "rule": {
                    "name": "new_scanner",
                    "reason": "ua_bot",
                    "user_agent": ["LinkScanner/"],
                },
            }),
        ]
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Reclassified")]
pub struct ReclassifyResponse {
    /// Clicks of the filter.
    matched: i64,
    /// Clicks whose verdict has changed.
    changed: u64,
    next_cursor: Option<String>,
}

impl ReclassifyResponse {
    pub fn example() -> Value {
        json!({ "matched": 120, "changed": 17, "next_cursor": null })
    }
}

pub async fn reclassify_clicks(
    context: RequestContext<'_>,
    body: ReclassifyRequest,
) -> Result<Response, ApiError> {
    let action = ReclassifyAction::from_fields(&body.verdict, &body.reasons, &body.rule)?;
    let cursor = non_empty(&body.cursor).map(|text| {
        let problem = "it is not a value of `next_cursor`";
        ClickId::parse(text).map_err(|_| ApiError::invalid_field("cursor", problem))
    });
    let cursor = cursor.transpose()?;
    let filter = body.filter.unwrap_or_default().resolve(context).await?;
    if filter.is_empty() {
        return Err(ApiError::invalid_field(
            "filter",
            "it needs at least one condition",
        ));
    }
    // The clicks are selected without the account's lock, since that may take long, and read
    // again with it: another request may have reclassified or erased some in the meantime.
    context.plan_by_values().await?;
    let account_id = context.caller.account_id;
    let page = FactPage {
        direction: action.order(),
        cursor: cursor.map(|id| (id.time(), id.as_uuid())),
        limit: MAX_CLICKS + 1,
    };
    let rows = select_page(
        context.db,
        account_id,
        (&CLICKS, "c.click_id"),
        &filter,
        page,
    )
    .await?;
    let mut ids: Vec<_> = rows.iter().map(click_id).collect();
    let has_more = ids.len() as i64 > MAX_CLICKS;
    ids.truncate(usize::try_from(MAX_CLICKS).unwrap_or(usize::MAX));
    let next_cursor = ids.last().filter(|_| has_more).map(ToString::to_string);
    account_lock(context.db, account_id.0).await?;
    let rows = select_again(context.db, account_id, COLUMNS, &filter, &ids).await?;
    let reclassifications: Vec<_> = rows.iter().filter_map(|row| action.apply(row)).collect();
    let mut delta = TotalsDelta::default();
    let changed = click_reclassify_all(context.db, &reclassifications, &mut delta).await?;
    delta.apply(context.db).await?;
    Response::ok(&ReclassifyResponse {
        matched: rows.len() as i64,
        changed,
        next_cursor,
    })
}
