//! `POST /api/conversions/track`: a conversion of a click, by the client of an affiliate.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{object::TrackConversionResponse, record::record_conversion, request::ConversionInput};
use crate::{
    error::ApiError,
    fields::{DecimalText, JsonObject, Text, non_empty},
    http::{RequestBody, RequestContext, Response},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "TrackRequest")]
pub struct TrackConversionRequest {
    /// The click's id. Required.
    click_id: Option<Text>,
    /// 1 to 255 bytes. Required.
    #[schemars(length(max = 255))]
    order_id: Option<Text>,
    /// A decimal number. Required.
    amount: Option<DecimalText>,
    /// ISO 4217, USD by default.
    currency: Option<Text>,
    /// sale (by default), lead, signup or trial.
    event_type: Option<Text>,
    /// Only a hash of it is stored.
    #[schemars(length(max = 254))]
    customer_email: Option<Text>,
    metadata: Option<JsonObject>,
}

impl RequestBody for TrackConversionRequest {}

pub async fn track_conversion(
    context: RequestContext<'_>,
    body: TrackConversionRequest,
) -> Result<Response, ApiError> {
    let conversion = ConversionInput::from(body).validate()?;
    let recorded = record_conversion(context, conversion).await?;
    let body = TrackConversionResponse::from(recorded.row);
    match recorded.is_new {
        true => Response::created(&body),
        false => Response::ok(&body),
    }
}

impl From<TrackConversionRequest> for ConversionInput {
    fn from(body: TrackConversionRequest) -> Self {
        let text = |text: &Option<Text>| non_empty(text).map(str::to_owned);
        let amount = body.amount.map(|DecimalText(text)| text);
        Self {
            click_id: text(&body.click_id),
            order_id: text(&body.order_id),
            amount: amount.filter(|text| !text.is_empty()),
            currency: text(&body.currency),
            event_type: text(&body.event_type),
            customer_email: text(&body.customer_email),
            metadata: body.metadata.map(|JsonObject(map)| Value::Object(map)),
        }
    }
}
