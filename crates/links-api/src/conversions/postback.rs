//! `GET /api/conversions/postback`: the same in a query, for platforms that
//! cannot POST.

use actix_web::http::Method;

use super::track::{Asked, Tracked, example, record};
use crate::{
    api::{Answer, Call, Operation, Parameter},
    auth::Scope,
    error::{ApiError, FieldError},
};

pub fn operation() -> Operation {
    Operation::affiliate(
        Method::GET,
        "/conversions/postback",
        "postback_conversion",
        postback_conversion,
    )
    .needs(Scope::ConversionsWrite, "conversions")
    .writes()
    .says(
        "Record a conversion by a query",
        "As `track_conversion`, of a sale. The key may stand in the query as `api_key`: use one \
         that has no other scope.",
    )
    .takes(Parameter::text("click_id", "The click's id. Required."))
    .takes(Parameter::text("amount", "A decimal number. Required."))
    .takes(Parameter::text("order_id", "1 to 255 bytes. Required."))
    .takes(Parameter::text("currency", "ISO 4217, USD by default."))
    .takes(Parameter::text(
        "api_key",
        "The key, where no header can be sent.",
    ))
    .answers::<Tracked>(200, example())
    .fails([ApiError::Validation(vec![FieldError::new(
        "amount",
        "it is required",
    )])])
}

async fn postback_conversion(call: Call<'_>) -> Result<Answer, ApiError> {
    let asked = Asked {
        click_id: call.text("click_id")?,
        order_id: call.text("order_id")?,
        amount: call.text("amount")?,
        currency: call.text("currency")?,
        ..Asked::default()
    };
    let (tracked, _) = record(call, asked).await?;
    Answer::ok(&tracked)
}
