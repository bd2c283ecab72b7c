//! The handlers of API keys.

use domain::id::AccountId;

use super::{
    object::{CreatedKey, KeyObject, Keys},
    request::KeyRequest,
};
use crate::{
    db::{
        RowLock, accounts,
        api_keys::{self, ApiKeyFields, ApiKeyRow},
    },
    error::ApiError,
    fields::ids::ApiKeyId,
    http::{ListPage, PageQuery, RequestContext, Response, success_body},
};

success_body! {
    #[schemars(rename = "Revoked")]
    pub struct RevokedKey { revoked }
}

pub async fn list_keys(
    context: RequestContext<'_>,
    page: PageQuery<50>,
    account_id: AccountId,
) -> Result<Response, ApiError> {
    let page = page.page();
    require_account(context, account_id).await?;
    let (rows, total) = api_keys::select_page(context.db, account_id, page).await?;
    Response::ok(&Keys {
        keys: rows.into_iter().map(KeyObject::from).collect(),
        page: ListPage::new(page, total),
    })
}

pub async fn create_key(
    context: RequestContext<'_>,
    body: KeyRequest,
    account_id: Result<AccountId, ApiError>,
) -> Result<Response, ApiError> {
    let mut fields = ApiKeyFields::default();
    body.apply(&mut fields)?;
    let account_id = account_id?;
    require_account(context, account_id).await?;
    let (key, row) = api_keys::insert(context.db, account_id, fields).await?;
    CreatedKey::response(key, row)
}

pub async fn get_key(
    context: RequestContext<'_>,
    account_id: AccountId,
    id: Result<ApiKeyId, ApiError>,
) -> Result<Response, ApiError> {
    let key = find(context, account_id, id, RowLock::None).await?;
    Response::ok(&KeyObject::from(key))
}

pub async fn update_key(
    context: RequestContext<'_>,
    body: KeyRequest,
    account_id: AccountId,
    id: Result<ApiKeyId, ApiError>,
) -> Result<Response, ApiError> {
    let key = find(context, account_id, id, RowLock::Update).await?;
    let mut fields = key.fields;
    body.apply(&mut fields)?;
    let key = api_keys::update(context.db, key.id, &fields).await?;
    Response::ok(&KeyObject::from(key))
}

pub async fn revoke_key(
    context: RequestContext<'_>,
    account_id: AccountId,
    id: Result<ApiKeyId, ApiError>,
) -> Result<Response, ApiError> {
    let key = find(context, account_id, id, RowLock::None).await?;
    api_keys::revoke(context.db, key.id).await?;
    Response::ok(&RevokedKey::new())
}

/// The key, if there is such an account: that is checked first.
async fn find(
    context: RequestContext<'_>,
    account_id: AccountId,
    id: Result<ApiKeyId, ApiError>,
    lock: RowLock,
) -> Result<ApiKeyRow, ApiError> {
    require_account(context, account_id).await?;
    let key = api_keys::find(context.db, account_id, id?, lock).await?;
    key.ok_or(ApiError::NotFound("API key"))
}

async fn require_account(context: RequestContext<'_>, id: AccountId) -> Result<(), ApiError> {
    let account = accounts::find(context.db, id, RowLock::None).await?;
    match account {
        Some(_) => Ok(()),
        None => Err(ApiError::NotFound("account")),
    }
}
