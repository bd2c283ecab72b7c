//! The users of an account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    auth::{Caller, Role},
    db::members::{self, MemberRow},
    error::ApiError,
    fields::{Timestamp, ids::UserId},
    http::{ListPage, PageQuery, RequestBody, RequestContext, Response, success_body},
};

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub struct MemberObject {
    id: i64,
    email: String,
    name: String,
    role: Role,
    /// Whether sign-in asks for a code.
    second_factor: bool,
    /// When the last session was used, to the minute; null without a session.
    last_used_at: Option<Timestamp>,
    /// Since when the user is one of the account.
    created_at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Users")]
pub struct MembersObject {
    users: Vec<MemberObject>,
    #[serde(flatten)]
    page: ListPage,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "UserChange")]
pub struct MemberRequest {
    role: Option<Role>,
}

impl RequestBody for MemberRequest {}

success_body! {
    #[schemars(rename = "RemovedUser")]
    pub struct RemovedUser { removed }
}

impl From<MemberRow> for MemberObject {
    fn from(row: MemberRow) -> Self {
        Self {
            id: row.user_id.0,
            email: row.email,
            name: row.name,
            role: row.role,
            second_factor: row.has_second_factor,
            last_used_at: row.last_used_at.map(Timestamp),
            created_at: Timestamp(row.created_at),
        }
    }
}

impl MemberObject {
    pub fn example() -> Value {
        json!({
            "id": 4,
            "email": "ada@example.com",
            "name": "Ada Ford",
            "role": "manager",
            "second_factor": true,
            "last_used_at": "2026-03-10T09:00:00.000Z",
            "created_at": "2026-03-10T08:15:00.000Z",
        })
    }
}

impl MembersObject {
    pub fn example() -> Value {
        json!({
            "users": [MemberObject::example()],
            "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
            "next_cursor": null,
            "has_more": false,
        })
    }
}

pub async fn list_users(
    context: RequestContext<'_>,
    page: PageQuery<50>,
) -> Result<Response, ApiError> {
    let page = page.page();
    let account_id = context.caller.account_id;
    let (rows, total) = members::select_page(context.db, account_id, page).await?;
    Response::ok(&MembersObject {
        users: rows.into_iter().map(MemberObject::from).collect(),
        page: ListPage::new(page, total),
    })
}

pub async fn get_user(context: RequestContext<'_>, id: UserId) -> Result<Response, ApiError> {
    Response::ok(&MemberObject::from(find(context, id).await?))
}

pub async fn update_user(
    context: RequestContext<'_>,
    body: MemberRequest,
    id: UserId,
) -> Result<Response, ApiError> {
    let account_id = context.caller.account_id;
    let owners = members::lock_owners(context.db, account_id).await?;
    let member = find(context, id).await?;
    if let Some(role) = body.role {
        require_role(context.caller, member.role)?;
        require_role(context.caller, role)?;
        if role != Role::Owner && owners == [id] {
            return Err(ApiError::LastOwner);
        }
        members::upsert(context.db, account_id, id, role).await?;
    }
    get_user(context, id).await
}

/// The user stays one of other accounts. Without any, all sessions end.
pub async fn remove_user(context: RequestContext<'_>, id: UserId) -> Result<Response, ApiError> {
    let account_id = context.caller.account_id;
    let owners = members::lock_owners(context.db, account_id).await?;
    let member = find(context, id).await?;
    require_role(context.caller, member.role)?;
    if owners == [id] {
        return Err(ApiError::LastOwner);
    }
    members::delete(context.db, account_id, id).await?;
    Response::ok(&RemovedUser::new())
}

/// Fails if the role can do what the caller cannot.
pub fn require_role(caller: &Caller, role: Role) -> Result<(), ApiError> {
    match role.scopes().iter().find(|scope| !caller.covers(**scope)) {
        Some(scope) => Err(caller.lacks(*scope)),
        None => Ok(()),
    }
}

async fn find(context: RequestContext<'_>, id: UserId) -> Result<MemberRow, ApiError> {
    let member = members::find(context.db, context.caller.account_id, id).await?;
    member.ok_or(ApiError::NotFound("user"))
}
