//! `GET /api/v2/conversions`: an export of conversions with a cursor.

use domain::id::ConversionId;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::query::ConversionsQuery;
use crate::{
    db::facts::{CONVERSIONS, FactPage, select_page, select_since},
    error::ApiError,
    http::{ExportQuery, FormatQuery, NextPage, OrderQuery, RequestContext, Response, RowOrder},
    objects::conversion::{CSV_COLUMNS, ConversionObject, columns},
};

#[derive(Debug, Serialize, JsonSchema)]
pub struct Conversions {
    conversions: Vec<ConversionObject>,
    #[serde(flatten)]
    next: NextPage,
}

impl Conversions {
    pub fn example() -> Value {
        json!({ "conversions": [ConversionObject::example()], "next_cursor": null, "has_more": false })
    }
}

pub async fn list_conversions(
    context: RequestContext<'_>,
    query: ConversionsQuery,
    export: ExportQuery<ConversionId>,
    order: OrderQuery,
    format: FormatQuery,
) -> Result<Response, ApiError> {
    let order = order.row_order(&export)?;
    let filter = query.resolve(context).await?;
    context.plan_by_values().await?;
    let (db, account_id) = (context.db, context.caller.account_id);
    let columns = columns();
    let table = (&CONVERSIONS, columns.as_str());
    let (conversions, next) = match order {
        RowOrder::Storage(since) => {
            let limit = export.limit();
            let (rows, next) = select_since(db, account_id, table, &filter, since, limit).await?;
            (rows.iter().map(ConversionObject::from).collect(), next)
        }
        RowOrder::Time(direction, cursor) => {
            let page = FactPage {
                direction,
                cursor: cursor.map(|id| (id.time(), id.as_uuid())),
                limit: export.limit_and_one(),
            };
            let rows = select_page(db, account_id, table, &filter, page).await?;
            let mut conversions: Vec<_> = rows.iter().map(ConversionObject::from).collect();
            let cursor = export.split_next_cursor(&mut conversions, |c| c.conversion_id.clone());
            (conversions, NextPage::new(cursor))
        }
    };
    if let Some(csv) = format.csv() {
        let body = csv.write(&CSV_COLUMNS, &conversions)?;
        return Ok(Response::csv(body, next.into_cursor()));
    }
    Response::ok(&Conversions { conversions, next })
}
