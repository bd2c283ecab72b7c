//! The handlers of domains.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    object::{DomainObject, Domains},
    request::{CreateDomainRequest, OwnershipRequest, UpdateDomainRequest},
};
use crate::{
    db::domains::{self, DomainKind, DomainRow, DomainStatus, Ownership},
    error::ApiError,
    fields::ids::DomainId,
    http::{ListPage, PageQuery, QueryParameters, RequestContext, Response},
    outbox::host_changed,
    settings::DomainOwnership,
};

/// Limit of an account's domains that wait for their proof, since each of them is checked.
pub const MAX_PENDING: i64 = 100;

#[derive(Debug, Deserialize, JsonSchema)]
pub struct DomainsQuery {
    /// Only domains of this kind.
    kind: Option<DomainKind>,
}

impl QueryParameters for DomainsQuery {}

pub async fn list_domains(
    context: RequestContext<'_>,
    page: PageQuery<50>,
    query: DomainsQuery,
) -> Result<Response, ApiError> {
    let page = page.page();
    let account_id = context.caller.account_id;
    let (rows, total) = domains::select_page(context.db, account_id, query.kind, page).await?;
    Response::ok(&Domains {
        domains: rows.into_iter().map(DomainObject::from).collect(),
        page: ListPage::new(page, total),
    })
}

pub async fn create_domain(
    context: RequestContext<'_>,
    body: CreateDomainRequest,
) -> Result<Response, ApiError> {
    let (host, kind) = body.validate(context.state.domain_ownership)?;
    if host == context.state.platform_click_host {
        return Err(ApiError::HostTaken);
    }
    let account_id = context.caller.account_id;
    let (status, ownership) = match context.state.domain_ownership {
        DomainOwnership::Proved => (DomainStatus::Pending, Ownership::Checked),
        DomainOwnership::Assumed => (DomainStatus::Active, Ownership::Approved),
    };
    if status == DomainStatus::Pending
        && domains::count_pending(context.db, account_id).await? >= MAX_PENDING
    {
        return Err(ApiError::TooManyPendingDomains(MAX_PENDING));
    }
    let domain = domains::insert(context.db, account_id, &host, kind, status, ownership).await?;
    Response::created(&DomainObject::from(domain))
}

pub async fn get_domain(context: RequestContext<'_>, id: DomainId) -> Result<Response, ApiError> {
    let domain = find(context, id).await?;
    Response::ok(&DomainObject::from(domain))
}

pub async fn update_domain(
    context: RequestContext<'_>,
    body: UpdateDomainRequest,
    id: Result<DomainId, ApiError>,
) -> Result<Response, ApiError> {
    let status = body.status()?;
    let id = find(context, id?).await?.id;
    let domain = domains::update_status(context.db, id, status).await?;
    let domain = domain.ok_or(ApiError::DomainPending)?;
    Response::ok(&DomainObject::from(domain))
}

pub async fn check_domain(context: RequestContext<'_>, id: DomainId) -> Result<Response, ApiError> {
    let id = find(context, id).await?.id;
    let domain = domains::request_check(context.db, id).await?;
    Response::ok(&DomainObject::from(domain))
}

pub async fn delete_domain(
    context: RequestContext<'_>,
    id: DomainId,
) -> Result<Response, ApiError> {
    let id = find(context, id).await?.id;
    domains::delete(context.db, id).await?;
    Ok(Response::no_content())
}

/// An operator's decision on the domain of any account.
pub async fn set_domain_ownership(
    context: RequestContext<'_>,
    body: OwnershipRequest,
    id: Result<DomainId, ApiError>,
) -> Result<Response, ApiError> {
    let ownership = body.validate()?;
    let id = id?;
    let domain = domains::find_with_account(context.db, id).await?;
    let (account_id, domain) = domain.ok_or(ApiError::NotFound("domain"))?;
    context.audit.set_account(account_id);
    context.audit.set_before(&DomainObject::from(domain))?;
    let domain = domains::set_ownership(context.db, id, ownership).await?;
    let domain = domain.ok_or(ApiError::NotFound("domain"))?;
    host_changed(context.db, &domain.host).await?;
    Response::ok(&DomainObject::from(domain))
}

async fn find(context: RequestContext<'_>, id: DomainId) -> Result<DomainRow, ApiError> {
    let domain = domains::find(context.db, context.caller.account_id, id).await?;
    domain.ok_or(ApiError::NotFound("domain"))
}
