//! New passwords by links that are mailed.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::{
    auth::{check_new_password, hash_password},
    db::{mail_outbox, one_time_tokens, sessions, users},
    error::ApiError,
    fields::{Text, ids::PasswordToken, parse_email, present},
    http::{RequestBody, RequestContext, Response, success_body},
    sign_in::AttemptKind,
    user_changes::{done, note_own_change},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "PasswordResetRequest")]
pub struct ResetRequest {
    #[schemars(extend("format" = "email"))]
    email: Option<Text>,
}

impl RequestBody for ResetRequest {}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "PasswordReset")]
pub struct NewPasswordRequest {
    /// 12 to 200 characters.
    #[schemars(length(min = 12, max = 200))]
    password: Option<Text>,
}

impl RequestBody for NewPasswordRequest {}

success_body! {
    #[schemars(rename = "RequestedPasswordReset")]
    pub struct RequestedReset { requested }
}

success_body! {
    #[schemars(rename = "SetPassword")]
    pub struct SetPassword { set }
}

/// The answer and the work are the same whether or not the address is that of a user: who sends
/// the mail finds out. Who asks too often is not told either.
pub async fn request_password_reset(
    context: RequestContext<'_>,
    body: ResetRequest,
) -> Result<Response, ApiError> {
    let email = parse_email(present(&body.email, "email")?);
    if let Some(email) = email.filter(|_| context.state.sign_in.sends_mail) {
        let throttle = &context.state.sign_in.throttle;
        let (address, now) = (context.client_address(), context.unix_s());
        let attempt = throttle.begin(AttemptKind::PasswordLink, &email, address, now);
        if attempt.await.is_ok() {
            mail_outbox::insert(context.db, &email, None).await?;
        }
    }
    Response::accepted(&RequestedReset::new())
}

/// All sessions of the user end.
pub async fn reset_password(
    context: RequestContext<'_>,
    body: NewPasswordRequest,
    token: PasswordToken,
) -> Result<Response, ApiError> {
    let password = present(&body.password, "password")?;
    let taken = one_time_tokens::take_password_link(context.db, &token.0).await?;
    let (user_id, proves_email) = taken.ok_or(ApiError::LinkNotValid)?;
    let user = users::lock(context.db, user_id).await?;
    let user = user.ok_or(ApiError::LinkNotValid)?;
    // If it fails, the link can be used again.
    check_new_password(password, &user.email)?;
    let hash = hash_password(password).await?;
    users::set_password(context.db, user.id, Some(&hash)).await?;
    if proves_email {
        users::set_email_verified(context.db, user.id).await?;
    }
    let n_ended = sessions::delete_others(context.db, user.id, None).await?;
    let change = done(
        user.id.0,
        json!({ "password": "reset", "ended_sessions": n_ended }),
    );
    note_own_change(context, &user, change).await?;
    Response::ok(&SetPassword::new())
}
