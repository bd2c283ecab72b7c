//! Conversions: exported with a cursor, corrected, deleted and imported (the v2 API), and
//! recorded by the clients of affiliates (the affiliate API).

mod delete;
mod get;
mod history;
mod import;
mod input;
mod list;
mod object;
mod postback;
mod query;
mod record;
mod request;
mod track;
mod update;

use serde_json::json;

use crate::{
    audit::ObjectKind,
    auth::Scope,
    error::{ApiError, FieldError},
    http::{Content, Operation},
    state::PoolKind,
};
use delete::{DeletedConversion, delete_conversion};
use get::get_conversion;
use history::ConversionWithHistory;
use import::{ImportBody, ImportResponse, MAX_BODY_MB, MAX_ROWS, import_conversions};
use ledger::conversions::MAX_CORRECTIONS;
use list::{Conversions, list_conversions};
use object::TrackConversionResponse;
use postback::postback_conversion;
use track::track_conversion;
use update::{UpdateConversionRequest, update_conversion};

pub fn operations() -> Vec<Operation> {
    let tracking = tracking_operations();
    reading_operations()
        .into_iter()
        .chain(writing_operations())
        .chain(tracking)
        .map(|operation| operation.tag("conversions"))
        .collect()
}

fn reading_operations() -> [Operation; 2] {
    [
        Operation::get("/conversions", list_conversions)
            .scope(Scope::ReportsRead)
            .pool(PoolKind::Exports)
            .summary("Export conversions")
            .description(
                "Conversions by their time, from the oldest or from the newest, with what they are \
                 credited to, filtered by any column; or in the order in which they were stored, \
                 by `since`.",
            )
            .response::<Conversions>(200, Conversions::example())
            .response_with_content(200, "Success", Content::Bytes("text/csv"))
            .errors([ApiError::InvalidPhone("contact_phone")]),
        Operation::get("/conversions/{conversion_id}", get_conversion)
            .scope(Scope::ReportsRead)
            .summary("Get a conversion with its history")
            .description(
                "The id may also be that of a later postback, which is an update of the \
                 conversion.",
            )
            .response::<ConversionWithHistory>(200, ConversionWithHistory::example())
            .errors(not_there()),
    ]
}

fn writing_operations() -> [Operation; 3] {
    [
        Operation::patch("/conversions/{conversion_id}", update_conversion)
            .audits_change(ObjectKind::Conversion, "/conversion/conversion_id")
            .summary("Correct a conversion")
            .description(
                "Corrects the given fields. A correction prevails over all postbacks, earlier \
                 and later ones; credits, the refunds of the order and totals follow at once. \
                 Postbacks for the event that the conversion had before still mean this \
                 conversion. A change of the event changes no amount.",
            )
            .request_examples(UpdateConversionRequest::examples())
            .response::<ConversionWithHistory>(200, ConversionWithHistory::example())
            .errors(not_there())
            .errors([
                ApiError::ConversionExists,
                ApiError::TooManyCorrections(MAX_CORRECTIONS),
            ]),
        Operation::delete("/conversions/{conversion_id}", delete_conversion)
            .audits_change(ObjectKind::Conversion, "/conversion/conversion_id")
            .summary("Delete a conversion")
            .description(
                "Deletes it with its history. The refunds of the order and totals follow at \
                 once. No postback brings it back: those of the same transaction and event are \
                 accepted and not stored.",
            )
            .response::<DeletedConversion>(200, DeletedConversion::example())
            .errors(not_there()),
        Operation::post("/conversions/import", import_conversions)
            .audits_many(ObjectKind::Conversion, "conversion_id")
            .pool(PoolKind::Exports)
            .own_transactions()
            .max_body_mb(MAX_BODY_MB)
            .summary("Import conversions")
            .description(
                "Up to 100,000 rows in 32 MB: a JSON array, newline-delimited JSON \
                 (`application/x-ndjson`), or CSV (`text/csv`) with a line of names. A row of a \
                 conversion that is there already corrects it: one of the same offer, event and \
                 `txn_id`, or without a `txn_id` of the same click. What the row leaves out \
                 stays. There is a result for each row, and a row that fails stops no other. The \
                 rows are stored in pieces of 1,000. If the request fails, the pieces before are \
                 stored: send it again, and their rows are `unchanged`.",
            )
            .request_examples([ImportBody::example()])
            .response::<ImportResponse>(200, ImportResponse::example())
            .errors([
                ApiError::UnsupportedMediaType,
                ApiError::InvalidCsv("invalid utf-8 sequence of 1 bytes from index 7".into()),
                ApiError::TooManyRows(MAX_ROWS),
            ]),
    ]
    .map(|operation| operation.scope(Scope::ConversionsWrite))
}

fn not_there() -> [ApiError; 2] {
    [
        ApiError::NotFound("conversion"),
        ApiError::ConversionDeleted,
    ]
}

fn tracking_operations() -> [Operation; 2] {
    let invalid = || ApiError::Validation(vec![FieldError::new("amount", "it is required")]);
    let example = TrackConversionResponse::example;
    [
        Operation::post("/conversions/track", track_conversion)
            .audits_creation(ObjectKind::Conversion, "/data/conversion_id")
            .ignores_unknown_input()
            .summary("Record a conversion")
            .description(
                "Records a conversion of a click, by the id that the landing page was given. If \
                 there is a conversion with the same `order_id` and `event_type` already, the \
                 response is 200 with that conversion. While the click has not arrived, the \
                 conversion is `pending`. A click of another account is treated as one that \
                 does not exist.",
            )
            .request_examples([json!({
                "click_id": "01a11d5c-1e7b-7123-8123-456789abcdef",
                "order_id": "order-1",
                "amount": "49.99",
                "currency": "USD",
                "event_type": "sale",
                "customer_email": "ada@example.com",
                "metadata": { "coupon": "SPRING" },
            })])
            .required_fields(["click_id", "order_id"])
            .response::<TrackConversionResponse>(201, example())
            .response::<TrackConversionResponse>(200, example())
            .errors([invalid(), ApiError::ConversionDeleted]),
        Operation::get("/conversions/postback", postback_conversion)
            .audits_creation(ObjectKind::Conversion, "/data/conversion_id")
            .ignores_unknown_input()
            .get_with_side_effects()
            .summary("Record a conversion by a query")
            .description(
                "Records a sale, as `track_conversion` does, for platforms that cannot send a \
                 POST. The key may be in the query as `api_key`: use one that has no other scope.",
            )
            .response::<TrackConversionResponse>(200, example())
            .errors([invalid(), ApiError::ConversionDeleted]),
    ]
    .map(|operation| operation.affiliate_api().scope(Scope::ConversionsWrite))
}
