//! The handlers of sending lists.

use domain::{id::ListId, record::RecordKey};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    object::{ListObject, Lists},
    request::ListRequest,
};
use crate::{
    db::{
        RowLock,
        domains::{self, DomainKind},
        lists::{self, ListDomains, ListFields, ListRow, ListStatus},
    },
    enumeration::Enumeration as _,
    error::ApiError,
    http::{ListPage, PageQuery, QueryParameters, RequestContext, Response, success_body},
};

#[derive(Debug, Deserialize, JsonSchema)]
pub struct ListsQuery {
    /// Only lists of this status.
    status: Option<ListStatus>,
}

impl QueryParameters for ListsQuery {}

success_body! {
    #[schemars(rename = "Deleted")]
    pub struct DeletedList { deleted }
}

pub async fn list_lists(
    context: RequestContext<'_>,
    page: PageQuery<50>,
    query: ListsQuery,
) -> Result<Response, ApiError> {
    let page = page.page();
    let account_id = context.caller.account_id;
    let (rows, total) = lists::select_page(context.db, account_id, query.status, page).await?;
    Response::ok(&Lists {
        lists: rows.into_iter().map(ListObject::from).collect(),
        page: ListPage::new(page, total),
    })
}

pub async fn create_list(
    context: RequestContext<'_>,
    body: ListRequest,
) -> Result<Response, ApiError> {
    let mut fields = ListFields::default();
    body.apply(&mut fields)?;
    let domains = find_domains(context, &fields).await?;
    let account_id = context.caller.account_id;
    let id = lists::insert(context.db, account_id, &fields, domains).await?;
    let list = find(context, id, RowLock::None).await?;
    Response::created(&ListObject::from(list))
}

pub async fn get_list(context: RequestContext<'_>, id: ListId) -> Result<Response, ApiError> {
    let list = find(context, id, RowLock::None).await?;
    Response::ok(&ListObject::from(list))
}

pub async fn update_list(
    context: RequestContext<'_>,
    body: ListRequest,
    id: ListId,
) -> Result<Response, ApiError> {
    let mut fields = find(context, id, RowLock::Update).await?.fields;
    body.apply(&mut fields)?;
    let domains = find_domains(context, &fields).await?;
    lists::update(context.db, id, &fields, domains).await?;
    context.outbox.record_changed([RecordKey::List(id)]).await?;
    let list = find(context, id, RowLock::None).await?;
    Response::ok(&ListObject::from(list))
}

pub async fn delete_list(context: RequestContext<'_>, id: ListId) -> Result<Response, ApiError> {
    if !lists::mark_deleted(context.db, context.caller.account_id, id).await? {
        return Err(ApiError::NotFound("list"));
    }
    context.outbox.record_changed([RecordKey::List(id)]).await?;
    Response::ok(&DeletedList::new())
}

async fn find(context: RequestContext<'_>, id: ListId, lock: RowLock) -> Result<ListRow, ApiError> {
    let list = lists::find(context.db, context.caller.account_id, id, lock).await?;
    list.ok_or(ApiError::NotFound("list"))
}

/// The account's domains whose hosts the list names.
async fn find_domains(
    context: RequestContext<'_>,
    fields: &ListFields,
) -> Result<ListDomains, ApiError> {
    Ok(ListDomains {
        short: find_domain(context, DomainKind::Short, &fields.short_domain).await?,
        click: find_domain(context, DomainKind::Click, &fields.click_domain).await?,
    })
}

async fn find_domain(
    context: RequestContext<'_>,
    kind: DomainKind,
    host: &Option<String>,
) -> Result<Option<i64>, ApiError> {
    let Some(host) = host else {
        return Ok(None);
    };
    let id = domains::find_id(context.db, context.caller.account_id, kind, host).await?;
    id.map(Some).ok_or(ApiError::DomainNotFound(kind.name()))
}
