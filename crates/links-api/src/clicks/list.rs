//! `GET /api/v2/clicks`: raw clicks by cursor, from the oldest.

use actix_web::http::Method;
use domain::id::ClickId;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{
    filter::{self, ClickFilter},
    object::{CSV_COLUMNS, ClickObject, columns},
};
use crate::{
    api::{Answer, Call, Content, Export, Operation},
    auth::Scope,
    error::ApiError,
};

pub fn operation() -> Operation {
    let mut operation = Operation::platform(Method::GET, "/clicks", "list_clicks", list_clicks)
        .needs(Scope::ReportsRead, "clicks")
        .says(
            "Export clicks",
            "Every click, from the oldest. Clicks that arrive late have their own time: read up to \
             a time that is some minutes past to miss none.",
        );
    for parameter in filter::parameters() {
        operation = operation.takes(parameter);
    }
    operation
        .exported()
        .answers::<Clicks>(
            200,
            json!({ "clicks": [ClickObject::example()], "next_cursor": null }),
        )
        .answers_with(200, "As asked.", Content::Bytes("text/csv"))
}

#[derive(Debug, Serialize, JsonSchema)]
struct Clicks {
    clicks: Vec<ClickObject>,
    next_cursor: Option<String>,
}

async fn list_clicks(call: Call<'_>) -> Result<Answer, ApiError> {
    let export = Export::<ClickId>::read(call)?;
    let filter = ClickFilter::read(call)?.check(call, "").await?;
    let rows = filter
        .fetch(call, &columns(), export.cursor, export.limit + 1)
        .await?;
    let mut clicks: Vec<_> = rows.iter().map(ClickObject::read).collect();
    let next_cursor = export.cut(&mut clicks, |click| click.click_id.clone());
    if let Some(csv) = export.csv {
        return Ok(Answer::csv(csv.write(&CSV_COLUMNS, &clicks)?, next_cursor));
    }
    Answer::ok(&Clicks {
        clicks,
        next_cursor,
    })
}
