//! The handlers of accounts.

use domain::{id::AccountId, record::RecordKey};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    object::{AccountObject, Accounts},
    request::AccountRequest,
};
use crate::{
    db::{
        RowLock,
        accounts::{self, AccountFields, AccountRow, AccountStatus},
    },
    error::ApiError,
    http::{ListPage, PageQuery, QueryParameters, RequestContext, Response},
};

#[derive(Debug, Deserialize, JsonSchema)]
pub struct AccountsQuery {
    /// Only accounts of this status.
    status: Option<AccountStatus>,
}

impl QueryParameters for AccountsQuery {}

pub async fn list_accounts(
    context: RequestContext<'_>,
    page: PageQuery<50>,
    query: AccountsQuery,
) -> Result<Response, ApiError> {
    let page = page.page();
    let (rows, total) = accounts::select_page(context.db, query.status, page).await?;
    Response::ok(&Accounts {
        accounts: rows.into_iter().map(AccountObject::from).collect(),
        page: ListPage::new(page, total),
    })
}

pub async fn create_account(
    context: RequestContext<'_>,
    body: AccountRequest,
) -> Result<Response, ApiError> {
    let mut fields = AccountFields::default();
    body.apply(&mut fields)?;
    let account = accounts::insert(context.db, &fields).await?;
    context.audit.set_account(account.id);
    Response::created(&AccountObject::from(account))
}

pub async fn get_account(context: RequestContext<'_>, id: AccountId) -> Result<Response, ApiError> {
    let account = find(context, id, RowLock::None).await?;
    Response::ok(&AccountObject::from(account))
}

pub async fn update_account(
    context: RequestContext<'_>,
    body: AccountRequest,
    id: AccountId,
) -> Result<Response, ApiError> {
    let mut fields = find(context, id, RowLock::Update).await?.fields;
    body.apply(&mut fields)?;
    let account = accounts::update(context.db, id, &fields).await?;
    let changed = [RecordKey::Account(id)];
    context.outbox.record_changed(changed).await?;
    Response::ok(&AccountObject::from(account))
}

async fn find(
    context: RequestContext<'_>,
    id: AccountId,
    lock: RowLock,
) -> Result<AccountRow, ApiError> {
    let account = accounts::find(context.db, id, lock).await?;
    account.ok_or(ApiError::NotFound("account"))
}
