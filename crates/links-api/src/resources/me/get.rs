//! `GET /api/v2/me`.

use super::object::MeObject;
use crate::{
    db::{RowLock, accounts, api_keys},
    error::ApiError,
    fields::ids::ApiKeyId,
    http::{RequestContext, Response},
};

pub async fn get_me(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let (client, account_id) = (context.db, context.caller.account_id);
    let account = accounts::find(client, account_id, RowLock::None).await?;
    let account = account.ok_or(ApiError::NotFound("account"))?;
    let key_id = ApiKeyId(context.caller.key_id);
    let key = api_keys::find(client, account_id, key_id, RowLock::None).await?;
    let key = key.ok_or(ApiError::NotFound("API key"))?;
    Response::ok(&MeObject::new(account, key))
}
