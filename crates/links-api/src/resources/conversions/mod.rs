//! Conversions: exported with a cursor (the v2 API), and recorded by the clients of affiliates
//! (the affiliate API).

mod list;
mod object;
mod postback;
mod record;
mod request;
mod track;

use serde_json::json;

use crate::{
    auth::Scope,
    error::{ApiError, FieldError},
    http::{Content, Operation},
    state::PoolKind,
};
use list::{Conversions, list_conversions};
use object::TrackConversionResponse;
use postback::postback_conversion;
use track::track_conversion;

pub fn operations() -> Vec<Operation> {
    let invalid = || ApiError::Validation(vec![FieldError::new("amount", "it is required")]);
    let example = TrackConversionResponse::example;
    vec![
        Operation::get("/conversions", list_conversions)
            .scope(Scope::ReportsRead)
            .pool(PoolKind::Exports)
            .summary("Export conversions")
            .description("All conversions, from the oldest, with what they are credited to.")
            .response::<Conversions>(200, Conversions::example())
            .response_with_content(200, "Success", Content::Bytes("text/csv")),
        Operation::post("/conversions/track", track_conversion)
            .affiliate_api()
            .scope(Scope::ConversionsWrite)
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
            .errors([invalid()]),
        Operation::get("/conversions/postback", postback_conversion)
            .affiliate_api()
            .scope(Scope::ConversionsWrite)
            .get_with_side_effects()
            .summary("Record a conversion by a query")
            .description(
                "Records a sale, as `track_conversion` does, for platforms that cannot send a \
                 POST. The key may be in the query as `api_key`: use one that has no other scope.",
            )
            .response::<TrackConversionResponse>(200, example())
            .errors([invalid()]),
    ]
    .into_iter()
    .map(|operation| operation.tag("conversions"))
    .collect()
}
