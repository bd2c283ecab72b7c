//! `DELETE /api/v2/conversions/{conversion_id}`: a conversion goes with its history.

use domain::id::ConversionId;
use ledger::{account_lock, conversions::conversion_delete, totals::TotalsDelta};

use super::history::find_stored_id;
use crate::{
    error::ApiError,
    http::{RequestContext, Response, success_body},
};

success_body! {
    #[schemars(rename = "DeletedConversion")]
    pub struct DeletedConversion { deleted }
}

pub async fn delete_conversion(
    context: RequestContext<'_>,
    id: ConversionId,
) -> Result<Response, ApiError> {
    let account_id = context.caller.account_id;
    account_lock(context.db, account_id.0).await?;
    let id = find_stored_id(context.db, account_id, id).await?;
    let mut delta = TotalsDelta::default();
    let author = context.caller.author()?;
    let is_deleted = conversion_delete(context.db, account_id.0, id, author, &mut delta).await?;
    if !is_deleted {
        return Err(ApiError::NotFound("conversion"));
    }
    delta.apply(context.db).await?;
    Response::ok(&DeletedConversion::new())
}
