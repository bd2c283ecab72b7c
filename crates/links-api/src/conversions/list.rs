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
    api::{Answer, Call, Content, Export, Operation, Parameter},
    auth::Scope,
    error::ApiError,
    links::link_find_keys,
};

const ATTRIBUTIONS: [&str; 3] = ["click", "offer", "none"];

pub fn operation() -> Operation {
    Operation::platform(
        Method::GET,
        "/conversions",
        "list_conversions",
        list_conversions,
    )
    .needs(Scope::ReportsRead, "conversions")
    .says(
        "Export conversions",
        "Every conversion, from the oldest, with its credit.",
    )
    .takes(Parameter::text(
        "from",
        "The first time, as in 2026-03-01T00:00:00Z.",
    ))
    .takes(Parameter::text("to", "The time after the last."))
    .takes(Parameter::text("event", "Only these events, as in sale."))
    .takes(Parameter::choice(
        "attribution",
        "Only these.",
        &ATTRIBUTIONS,
    ))
    .takes(Parameter::text("txn_id", "Only of this transaction."))
    .takes(Parameter::text(
        "offer_id",
        "Only those credited to this offer.",
    ))
    .takes(Parameter::text(
        "campaign_id",
        "Only those credited to this campaign.",
    ))
    .takes(Parameter::text(
        "message_id",
        "Only those credited to this message.",
    ))
    .takes(Parameter::text(
        "link_id",
        "Only those credited to this link.",
    ))
    .exported()
    .answers::<Conversions>(
        200,
        json!({ "conversions": [ConversionObject::example()], "next_cursor": null }),
    )
    .answers_with(200, "As asked.", Content::Bytes("text/csv"))
}

#[derive(Debug, Serialize, JsonSchema)]
struct Conversions {
    conversions: Vec<ConversionObject>,
    next_cursor: Option<String>,
}

async fn list_conversions(call: Call<'_>) -> Result<Answer, ApiError> {
    let export = Export::<ConversionId>::read(call)?;
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
    let account_id = call.caller.account_id.0;
    let from = call.time("from")?.unwrap_or(Timestamp::UNIX_EPOCH);
    let after = export.cursor.filter(|id| id.time() >= from);
    let from = after.map_or(from, |id| id.time());
    let link_keys = match call.text("link_id")? {
        None => None,
        Some(link_id) => Some(link_find_keys(call, &link_id).await?),
    };
    let parameters: [&(dyn ToSql + Sync); 12] = [
        &account_id,
        &from,
        &after.map(|id| id.as_uuid()),
        &call.time("to")?,
        &call.text("event")?,
        &call.choice("attribution", &ATTRIBUTIONS)?,
        &call.text("txn_id")?,
        &call.text("offer_id")?,
        &call.text("campaign_id")?,
        &call.text("message_id")?,
        &link_keys,
        &(export.limit + 1),
    ];
    call.plan_by_values().await?;
    let statement = call.db.prepare_cached(&sql).await?;
    let rows = call.db.query(&statement, &parameters).await?;
    let mut conversions: Vec<_> = rows.iter().map(ConversionObject::read).collect();
    let next_cursor = export.cut(&mut conversions, |c| c.conversion_id.clone());
    if let Some(csv) = export.csv {
        return Ok(Answer::csv(
            csv.write(&CSV_COLUMNS, &conversions)?,
            next_cursor,
        ));
    }
    Answer::ok(&Conversions {
        conversions,
        next_cursor,
    })
}
