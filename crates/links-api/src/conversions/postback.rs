//! `GET /api/conversions/postback`: the same in a query, for platforms that
//! cannot POST.

use actix_web::http::Method;

use super::track::{Asked, Tracked, example, record};
use crate::{
    auth::Scope,
    error::{ApiError, FieldError},
    http::{Operation, Parameter, RequestContext, Response},
};

pub fn operation() -> Operation {
    Operation::affiliate(
        Method::GET,
        "/conversions/postback",
        "postback_conversion",
        postback_conversion,
    )
    .scope(Scope::ConversionsWrite)
    .tag("conversions")
    .get_with_side_effects()
    .summary("Record a conversion by a query")
    .description(
        "As `track_conversion`, of a sale. The key may stand in the query as `api_key`: use one \
         that has no other scope.",
    )
    .parameter(Parameter::text("click_id", "The click's id. Required."))
    .parameter(Parameter::text("amount", "A decimal number. Required."))
    .parameter(Parameter::text("order_id", "1 to 255 bytes. Required."))
    .parameter(Parameter::text("currency", "ISO 4217, USD by default."))
    .parameter(Parameter::text(
        "api_key",
        "The key, where no header can be sent.",
    ))
    .response::<Tracked>(200, example())
    .errors([ApiError::Validation(vec![FieldError::new(
        "amount",
        "it is required",
    )])])
}

async fn postback_conversion(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let asked = Asked {
        click_id: context.text("click_id")?,
        order_id: context.text("order_id")?,
        amount: context.text("amount")?,
        currency: context.text("currency")?,
        ..Asked::default()
    };
    let (tracked, _) = record(context, asked).await?;
    Response::ok(&tracked)
}
