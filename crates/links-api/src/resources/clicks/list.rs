//! `GET /api/v2/clicks`: an export of clicks with a cursor, from the oldest.

use domain::id::ClickId;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::filter::ClicksQuery;
use crate::{
    db::clicks::{ClickOrder, ClickPage, select_page},
    error::ApiError,
    http::{ExportQuery, FormatQuery, NextPage, RequestContext, Response},
    objects::click::{CSV_COLUMNS, ClickObject, columns},
};

#[derive(Debug, Serialize, JsonSchema)]
pub struct Clicks {
    clicks: Vec<ClickObject>,
    #[serde(flatten)]
    next: NextPage,
}

impl Clicks {
    pub fn example() -> Value {
        json!({ "clicks": [ClickObject::example()], "next_cursor": null, "has_more": false })
    }
}

pub async fn list_clicks(
    context: RequestContext<'_>,
    query: ClicksQuery,
    export: ExportQuery<ClickId>,
    format: FormatQuery,
) -> Result<Response, ApiError> {
    let filter = query.resolve(context).await?;
    context.plan_by_values().await?;
    let page = ClickPage {
        order: ClickOrder::OldestFirst,
        cursor: export.cursor(),
        limit: export.limit_and_one(),
    };
    let account_id = context.caller.account_id;
    let rows = select_page(context.db, account_id, &columns(), &filter, page).await?;
    let mut clicks: Vec<_> = rows.iter().map(ClickObject::from).collect();
    let next_cursor = export.split_next_cursor(&mut clicks, |click| click.click_id.clone());
    if let Some(csv) = format.csv() {
        let body = csv.write(&CSV_COLUMNS, &clicks)?;
        return Ok(Response::csv(body, next_cursor));
    }
    Response::ok(&Clicks {
        clicks,
        next: NextPage::new(next_cursor),
    })
}
