//! Accepting an invitation by the link in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    auth::{Role, check_new_password, hash_password, verify_password},
    db::{
        invitations::{self, OpenInvitation},
        members,
        users::{self, NewUser, UserRow},
    },
    error::ApiError,
    fields::{Text, Timestamp, ids::InvitationToken, name, present},
    http::{RequestBody, RequestContext, Response},
    objects::user::UserObject,
    sign_in::AttemptKind,
    user_changes::{done, note_change_in},
};

/// What the person sees before accepting.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OpenInvitation")]
pub struct OpenInvitationObject {
    email: String,
    /// The name of the account.
    account: String,
    role: Role,
    /// Whether the address is that of a user, whose own password accepts the invitation.
    is_user: bool,
    expires_at: Timestamp,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Acceptance")]
pub struct AcceptRequest {
    /// At most 255 characters. It is the name of a new user, and ignored of others.
    #[schemars(length(max = 255))]
    name: Option<Text>,
    /// The password of a new user, 12 to 200 characters; the one that an existing user has.
    password: Option<Text>,
}

impl RequestBody for AcceptRequest {}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AcceptedInvitation")]
pub struct AcceptedInvitation {
    user: UserObject,
    account_id: i64,
}

impl OpenInvitationObject {
    pub fn example() -> Value {
        json!({
            "email": "grace@example.com",
            "account": "Example",
            "role": "analyst",
            "is_user": false,
            "expires_at": "2026-03-17T08:15:00.000Z",
        })
    }
}

impl AcceptedInvitation {
    pub fn example() -> Value {
        json!({ "user": UserObject::example(), "account_id": 1 })
    }
}

pub async fn get_invitation(
    context: RequestContext<'_>,
    token: InvitationToken,
) -> Result<Response, ApiError> {
    let open = find(context, &token).await?;
    let user = users::find_by_email(context.db, &open.invitation.email).await?;
    Response::ok(&OpenInvitationObject {
        email: open.invitation.email,
        account: open.account_name,
        role: open.invitation.role,
        is_user: user.is_some(),
        expires_at: Timestamp(open.invitation.expires_at),
    })
}

pub async fn accept_invitation(
    context: RequestContext<'_>,
    body: AcceptRequest,
    token: InvitationToken,
) -> Result<Response, ApiError> {
    let open = find(context, &token).await?;
    let user = match users::find_by_email(context.db, &open.invitation.email).await? {
        Some(user) => known_user(context, &open, &body, user).await?,
        None => new_user(context, &open, &body).await?,
    };
    let invitation = open.invitation;
    let (account_id, role) = (invitation.account_id, invitation.role);
    // Of two requests at once, one finds the invitation gone.
    let accepted = invitations::delete(context.db, account_id, invitation.id).await?;
    accepted.ok_or(ApiError::LinkNotValid)?;
    members::upsert(context.db, account_id, user.id, role).await?;
    let joined = json!({
        "id": user.id.0, "email": user.email, "name": user.name, "role": role,
    });
    note_change_in(context, account_id, Some(&user), done(user.id.0, joined));
    Response::created(&AcceptedInvitation {
        user: UserObject::from(&user),
        account_id: account_id.0,
    })
}

async fn find(
    context: RequestContext<'_>,
    token: &InvitationToken,
) -> Result<OpenInvitation, ApiError> {
    let open = invitations::find_by_token(context.db, &token.0.digest()).await?;
    open.ok_or(ApiError::LinkNotValid)
}

async fn new_user(
    context: RequestContext<'_>,
    open: &OpenInvitation,
    body: &AcceptRequest,
) -> Result<UserRow, ApiError> {
    let email = &open.invitation.email;
    let name = name(&body.name, "")?;
    let password = present(&body.password, "password")?;
    check_new_password(password, email)?;
    let hash = hash_password(password).await?;
    let user = NewUser {
        email,
        name: &name,
        password_hash: Some(&hash),
        is_email_verified: open.proves_email,
    };
    users::insert(context.db, &user).await
}

/// Whoever has the link may be somebody else, whom it was shown: the user's password must be
/// right.
async fn known_user(
    context: RequestContext<'_>,
    open: &OpenInvitation,
    body: &AcceptRequest,
    user: UserRow,
) -> Result<UserRow, ApiError> {
    let password = present(&body.password, "password")?;
    let throttle = &context.state.sign_in.throttle;
    let (address, now) = (context.client_address(), context.unix_s());
    let attempt = throttle.begin(AttemptKind::SignIn, &user.email, address, now);
    let attempt = attempt.await?;
    if !verify_password(password, user.password_hash.clone()).await? {
        let tries_left = attempt.tries_left;
        return Err(ApiError::SignInFailed { tries_left });
    }
    throttle.succeed(attempt).await;
    if open.proves_email {
        users::set_email_verified(context.db, user.id).await?;
    }
    Ok(user)
}
