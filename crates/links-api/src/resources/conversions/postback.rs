//! `GET /api/conversions/postback`: a conversion in a query, for platforms that cannot POST.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{object::TrackConversionResponse, record::record_conversion, request::ConversionInput};
use crate::{
    error::ApiError,
    http::{QueryParameters, RequestContext, Response},
};

#[derive(Debug, Deserialize, JsonSchema)]
pub struct PostbackQuery {
    /// The click's id. Required.
    click_id: Option<String>,
    /// A decimal number. Required.
    amount: Option<String>,
    /// 1 to 255 bytes. Required.
    order_id: Option<String>,
    /// ISO 4217, USD by default.
    currency: Option<String>,
    /// The key, if the platform cannot send a header.
    #[serde(rename = "api_key")]
    _api_key: Option<String>,
}

impl QueryParameters for PostbackQuery {}

pub async fn postback_conversion(
    context: RequestContext<'_>,
    query: PostbackQuery,
) -> Result<Response, ApiError> {
    let input = ConversionInput {
        click_id: query.click_id,
        order_id: query.order_id,
        amount: query.amount,
        currency: query.currency,
        ..ConversionInput::default()
    };
    let recorded = record_conversion(context, input.validate()?).await?;
    Response::ok(&TrackConversionResponse::from(recorded.row))
}
