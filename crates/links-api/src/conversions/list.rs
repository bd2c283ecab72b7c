//! `GET /api/v2/conversions`: raw conversions by cursor, from the oldest.

use actix_web::http::Method;
use domain::id::ConversionId;
use jiff::Timestamp;
use postgres::pool::GenericClient as _;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio_postgres::types::ToSql;

use super::object::{COLUMNS, CSV_COLUMNS, ConversionObject};
use crate::{
    auth::Scope,
    db::links::find_keys,
    error::ApiError,
    http::{Content, Export, Operation, Parameter, RequestContext, Response},
};

const ATTRIBUTIONS: [&str; 3] = ["click", "offer", "none"];

pub fn operation() -> Operation {
    Operation::platform(
        Method::GET,
        "/conversions",
        "list_conversions",
        list_conversions,
    )
    .scope(Scope::ReportsRead)
    .tag("conversions")
    .summary("Export conversions")
    .description("Every conversion, from the oldest, with its credit.")
    .parameter(Parameter::text(
        "from",
        "The first time, as in 2026-03-01T00:00:00Z.",
    ))
    .parameter(Parameter::text("to", "The time after the last."))
    .parameter(Parameter::text("event", "Only these events, as in sale."))
    .parameter(Parameter::choice(
        "attribution",
        "Only these.",
        &ATTRIBUTIONS,
    ))
    .parameter(Parameter::text("txn_id", "Only of this transaction."))
    .parameter(Parameter::text(
        "offer_id",
        "Only those credited to this offer.",
    ))
    .parameter(Parameter::text(
        "campaign_id",
        "Only those credited to this campaign.",
    ))
    .parameter(Parameter::text(
        "message_id",
        "Only those credited to this message.",
    ))
    .parameter(Parameter::text(
        "link_id",
        "Only those credited to this link.",
    ))
    .with_export_parameters()
    .response::<Conversions>(
        200,
        json!({ "conversions": [ConversionObject::example()], "next_cursor": null }),
    )
    .response_with_content(200, "Success", Content::Bytes("text/csv"))
}

#[derive(Debug, Serialize, JsonSchema)]
struct Conversions {
    conversions: Vec<ConversionObject>,
    next_cursor: Option<String>,
}

async fn list_conversions(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let export = Export::<ConversionId>::read(context)?;
    let sql = format!(
        "SELECT {COLUMNS}
         FROM conversions c
         WHERE c.account_id = $1
           AND c.converted_at >= $2
           AND ($3::uuid IS NULL OR (c.converted_at, c.conversion_id) > ($2, $3))
           AND ($4::timestamptz IS NULL OR c.converted_at < $4)
           AND ($5::text IS NULL OR c.event = $5)
           AND ($6::text IS NULL OR c.attribution = $6)
           AND ($7::text IS NULL OR c.txn_id = $7)
           AND ($8::text IS NULL OR c.credited_offer_id = $8)
           AND ($9::text IS NULL OR c.credited_campaign_id = $9)
           AND ($10::text IS NULL OR c.credited_message_id = $10)
           AND ($11::bigint[] IS NULL OR c.credited_link_key = ANY ($11))
         ORDER BY c.converted_at, c.conversion_id
         LIMIT $12"
    );
    let account_id = context.caller.account_id.0;
    let from = context.time("from")?.unwrap_or(Timestamp::UNIX_EPOCH);
    let after = export.cursor.filter(|id| id.time() >= from);
    let from = after.map_or(from, |id| id.time());
    let link_keys = match context.text("link_id")? {
        None => None,
        Some(link_id) => Some(find_keys(context.db, context.caller.account_id, &link_id).await?),
    };
    let parameters: [&(dyn ToSql + Sync); 12] = [
        &account_id,
        &from,
        &after.map(|id| id.as_uuid()),
        &context.time("to")?,
        &context.text("event")?,
        &context.choice("attribution", &ATTRIBUTIONS)?,
        &context.text("txn_id")?,
        &context.text("offer_id")?,
        &context.text("campaign_id")?,
        &context.text("message_id")?,
        &link_keys,
        &(export.limit + 1),
    ];
    context.plan_by_values().await?;
    let statement = context.db.prepare_cached(&sql).await?;
    let rows = context.db.query(&statement, &parameters).await?;
    let mut conversions: Vec<_> = rows.iter().map(ConversionObject::read).collect();
    let next_cursor = export.cut(&mut conversions, |c| c.conversion_id.clone());
    if let Some(csv) = export.csv {
        return Ok(Response::csv(
            csv.write(&CSV_COLUMNS, &conversions)?,
            next_cursor,
        ));
    }
    Response::ok(&Conversions {
        conversions,
        next_cursor,
    })
}
