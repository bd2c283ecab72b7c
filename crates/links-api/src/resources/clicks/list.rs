//! `GET /api/v2/clicks`: an export of clicks with a cursor.

use domain::id::ClickId;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::query::ClicksQuery;
use crate::{
    db::facts::{CLICKS, FactPage, select_page, select_since},
    error::ApiError,
    http::{ExportQuery, FormatQuery, NextPage, OrderQuery, RequestContext, Response, RowOrder},
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
    order: OrderQuery,
    format: FormatQuery,
) -> Result<Response, ApiError> {
    let order = order.row_order(&export)?;
    let filter = query.resolve(context).await?;
    context.plan_by_values().await?;
    let (db, account_id) = (context.db, context.caller.account_id);
    let columns = columns();
    let table = (&CLICKS, columns.as_str());
    let (clicks, next) = match order {
        RowOrder::Storage(since) => {
            let limit = export.limit();
            let (rows, next) = select_since(db, account_id, table, &filter, since, limit).await?;
            (rows.iter().map(ClickObject::from).collect(), next)
        }
        RowOrder::Time(direction, cursor) => {
            let page = FactPage {
                direction,
                cursor: cursor.map(|id| (id.time(), id.as_uuid())),
                limit: export.limit_and_one(),
            };
            let rows = select_page(db, account_id, table, &filter, page).await?;
            let mut clicks: Vec<_> = rows.iter().map(ClickObject::from).collect();
            let cursor = export.split_next_cursor(&mut clicks, |click| click.click_id.clone());
            (clicks, NextPage::new(cursor))
        }
    };
    if let Some(csv) = format.csv() {
        let body = csv.write(&CSV_COLUMNS, &clicks)?;
        return Ok(Response::csv(body, next.into_cursor()));
    }
    Response::ok(&Clicks { clicks, next })
}
