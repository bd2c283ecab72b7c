//! The log of postbacks: `GET /api/v2/postbacks`, from the newest entry.

mod object;
mod verdict;

use domain::id::PostbackId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    db::{
        links::find_keys,
        postback_log::{LogFilter, LogOwner, select_before},
    },
    error::ApiError,
    fields::{QueryEnd, QueryStart},
    http::{ExportQuery, FormatQuery, NextPage, QueryParameters, RequestContext, Response},
};
use object::{COLUMNS, CSV_COLUMNS, PostbackObject};
use verdict::VerdictQuery;

#[derive(Debug, Deserialize, JsonSchema)]
pub struct PostbacksQuery {
    /// The first day (UTC), as in 2026-03-01, or the first time, as in 2026-03-01T00:00:00Z.
    from: Option<QueryStart>,
    /// The last day, or the time after the last.
    to: Option<QueryEnd>,
    /// Only postbacks with this verdict. `refused` is any error.
    verdict: Option<VerdictQuery>,
    /// Only postbacks of this transaction.
    txn_id: Option<String>,
    /// Only postbacks for this offer.
    offer_id: Option<String>,
    /// Only postbacks for this link.
    link_id: Option<String>,
    /// Only postbacks to this path, as in /conv.
    path: Option<String>,
}

impl QueryParameters for PostbacksQuery {}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PostbackLog")]
pub struct Postbacks {
    postbacks: Vec<PostbackObject>,
    #[serde(flatten)]
    next: NextPage,
}

impl Postbacks {
    pub fn example() -> Value {
        json!({ "postbacks": [PostbackObject::example()], "next_cursor": null, "has_more": false })
    }
}

pub async fn list_postbacks(
    context: RequestContext<'_>,
    query: PostbacksQuery,
    export: ExportQuery<PostbackId>,
    format: FormatQuery,
) -> Result<Response, ApiError> {
    let owner = LogOwner::Account(context.caller.account_id);
    list(context, owner, query, export, format).await
}

/// For operators: the postbacks whose account nobody knows.
pub async fn list_postbacks_without_account(
    context: RequestContext<'_>,
    query: PostbacksQuery,
    export: ExportQuery<PostbackId>,
    format: FormatQuery,
) -> Result<Response, ApiError> {
    list(context, LogOwner::Nobody, query, export, format).await
}

async fn list(
    context: RequestContext<'_>,
    owner: LogOwner,
    query: PostbacksQuery,
    export: ExportQuery<PostbackId>,
    format: FormatQuery,
) -> Result<Response, ApiError> {
    let filter = filter(context, query).await?;
    context.plan_by_values().await?;
    let rows = select_before(
        context.db,
        owner,
        COLUMNS,
        &filter,
        export.cursor(),
        export.limit_and_one(),
    )
    .await?;
    let mut postbacks: Vec<_> = rows.iter().map(PostbackObject::from).collect();
    let next_cursor = export.split_next_cursor(&mut postbacks, |p| p.postback_id.clone());
    if let Some(csv) = format.csv() {
        let body = csv.write(&CSV_COLUMNS, &postbacks)?;
        return Ok(Response::csv(body, next_cursor));
    }
    Response::ok(&Postbacks {
        postbacks,
        next: NextPage::new(next_cursor),
    })
}

async fn filter(context: RequestContext<'_>, query: PostbacksQuery) -> Result<LogFilter, ApiError> {
    let link_keys = match &query.link_id {
        None => Vec::new(),
        Some(id) => find_keys(context.db, context.caller.account_id, id).await?,
    };
    Ok(LogFilter {
        from: query.from.map(|time| time.0),
        to: query.to.map(|time| time.0),
        verdicts: query.verdict.map(VerdictQuery::of_redirector),
        current_verdict: query.verdict.and_then(VerdictQuery::current),
        txn_id: query.txn_id,
        offer_id: query.offer_id,
        path: query.path,
        link_id: query.link_id,
        link_keys,
    })
}
