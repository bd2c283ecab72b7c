//! `GET /api/v2/conversions/{conversion_id}`: a conversion and its history.

use domain::id::ConversionId;

use super::history::{ConversionWithHistory, find_stored_id};
use crate::{
    error::ApiError,
    http::{RequestContext, Response},
};

pub async fn get_conversion(
    context: RequestContext<'_>,
    id: ConversionId,
) -> Result<Response, ApiError> {
    let account_id = context.caller.account_id;
    let id = find_stored_id(context.db, account_id, id).await?;
    Response::ok(&ConversionWithHistory::load(context.db, account_id, id).await?)
}
