//! `GET /api/v2/clicks`: raw clicks by cursor, from the oldest.

use actix_web::http::Method;
use domain::id::ClickId;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{
    filter::{self, ClickFilter, ClickOrder},
    object::{CSV_COLUMNS, ClickObject, columns},
};
use crate::{
    auth::Scope,
    error::ApiError,
    http::{Content, Export, Operation, RequestContext, Response},
};

pub fn operation() -> Operation {
    let mut operation = Operation::platform(Method::GET, "/clicks", "list_clicks", list_clicks)
        .scope(Scope::ReportsRead)
        .tag("clicks")
        .summary("Export clicks")
        .description(
            "Every click, from the oldest. Clicks that arrive late have their own time: read up to \
             a time that is some minutes past to miss none.",
        );
    for parameter in filter::parameters() {
        operation = operation.parameter(parameter);
    }
    operation
        .with_export_parameters()
        .response::<Clicks>(
            200,
            json!({ "clicks": [ClickObject::example()], "next_cursor": null }),
        )
        .response_with_content(200, "Success", Content::Bytes("text/csv"))
}

#[derive(Debug, Serialize, JsonSchema)]
struct Clicks {
    clicks: Vec<ClickObject>,
    next_cursor: Option<String>,
}

async fn list_clicks(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let export = Export::<ClickId>::read(context)?;
    let filter = ClickFilter::read(context)?.check(context, "").await?;
    let rows = filter
        .fetch(
            context,
            &columns(),
            ClickOrder::OldestFirst,
            export.cursor,
            export.limit + 1,
        )
        .await?;
    let mut clicks: Vec<_> = rows.iter().map(ClickObject::read).collect();
    let next_cursor = export.cut(&mut clicks, |click| click.click_id.clone());
    if let Some(csv) = export.csv {
        return Ok(Response::csv(
            csv.write(&CSV_COLUMNS, &clicks)?,
            next_cursor,
        ));
    }
    Response::ok(&Clicks {
        clicks,
        next_cursor,
    })
}
