//! Invitations to an account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::member::require_role;
use crate::{
    audit::Change,
    auth::Role,
    db::{
        invitations::{self, InvitationRow},
        mail_outbox, members,
        one_time_tokens::{self, LinkPurpose},
    },
    error::ApiError,
    fields::{Text, Timestamp, ids::InvitationId, required_email},
    http::{ListPage, PageQuery, RequestBody, RequestContext, Response, success_body},
    sign_in::INVITATION_LIFETIME,
    user_changes::note_change_in,
};

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "NewInvitation")]
pub struct InvitationRequest {
    #[schemars(extend("format" = "email"))]
    email: Option<Text>,
    role: Option<Role>,
}

impl RequestBody for InvitationRequest {}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Invitation")]
pub struct InvitationObject {
    id: i64,
    email: String,
    role: Role,
    created_at: Timestamp,
    expires_at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CreatedInvitation")]
pub struct CreatedInvitation {
    #[serde(flatten)]
    invitation: InvitationObject,
    /// What to give to the person. Null where it is mailed, and in a replay.
    link: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Invitations")]
pub struct InvitationsObject {
    invitations: Vec<InvitationObject>,
    #[serde(flatten)]
    page: ListPage,
}

success_body! {
    #[schemars(rename = "WithdrawnInvitation")]
    pub struct WithdrawnInvitation { withdrawn }
}

impl From<InvitationRow> for InvitationObject {
    fn from(row: InvitationRow) -> Self {
        Self {
            id: row.id.0,
            email: row.email,
            role: row.role,
            created_at: Timestamp(row.created_at),
            expires_at: Timestamp(row.expires_at),
        }
    }
}

impl InvitationObject {
    pub fn example() -> Value {
        json!({
            "id": 6,
            "email": "grace@example.com",
            "role": "analyst",
            "created_at": "2026-03-10T08:15:00.000Z",
            "expires_at": "2026-03-17T08:15:00.000Z",
        })
    }
}

impl CreatedInvitation {
    pub fn example() -> Value {
        let mut example = InvitationObject::example();
        example["link"] = json!(
            "https://app.example.com/invitations/mYQ1z0kq5nVxT3b6c9e2f4h7j8k0LpQrStUvWxYzA_E"
        );
        example
    }
}

impl InvitationsObject {
    pub fn example() -> Value {
        json!({
            "invitations": [InvitationObject::example()],
            "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
            "next_cursor": null,
            "has_more": false,
        })
    }
}

pub async fn list_invitations(
    context: RequestContext<'_>,
    page: PageQuery<50>,
) -> Result<Response, ApiError> {
    let page = page.page();
    let account_id = context.caller.account_id;
    let (rows, total) = invitations::select_page(context.db, account_id, page).await?;
    Response::ok(&InvitationsObject {
        invitations: rows.into_iter().map(InvitationObject::from).collect(),
        page: ListPage::new(page, total),
    })
}

pub async fn create_invitation(
    context: RequestContext<'_>,
    body: InvitationRequest,
) -> Result<Response, ApiError> {
    let (db, account_id) = (context.db, context.caller.account_id);
    let sign_in = &context.state.sign_in;
    let email = required_email(&body.email)?;
    let role = body.role;
    let role = role.ok_or_else(|| ApiError::invalid_field("role", "it is required"))?;
    require_role(context.caller, role)?;
    if members::has_email(db, account_id, &email).await? {
        return Err(ApiError::AlreadyMember);
    }
    let lifetime = INVITATION_LIFETIME;
    let row = invitations::upsert(db, account_id, &email, role, lifetime).await?;
    let link = if sign_in.sends_mail {
        mail_outbox::insert(db, &email, Some(row.id)).await?;
        None
    } else {
        let purpose = LinkPurpose::AcceptInvitation(row.id);
        let token = one_time_tokens::insert(db, purpose, lifetime, false).await?;
        Some(sign_in.links.invitation(&token))
    };
    let invitation = InvitationObject::from(row);
    let change = Change {
        object_id: Some(invitation.id.to_string()),
        before: None,
        after: Some(serde_json::to_value(&invitation).map_err(ApiError::internal)?),
    };
    note_change_in(context, account_id, None, change);
    let mut body = CreatedInvitation { invitation, link };
    let response = Response::created(&body)?;
    body.link = None;
    response.with_replay_body(&body)
}

pub async fn withdraw_invitation(
    context: RequestContext<'_>,
    id: InvitationId,
) -> Result<Response, ApiError> {
    let account_id = context.caller.account_id;
    let row = invitations::delete(context.db, account_id, id).await?;
    let row = row.ok_or(ApiError::NotFound("invitation"))?;
    let before = serde_json::to_value(InvitationObject::from(row)).map_err(ApiError::internal)?;
    let change = Change {
        object_id: Some(id.0.to_string()),
        before: Some(before),
        after: None,
    };
    note_change_in(context, account_id, None, change);
    Response::ok(&WithdrawnInvitation::new())
}
