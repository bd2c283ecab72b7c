//! Signing in by e-mail and password, and signing out.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::begin::{SignInMethod, begin_session};
use crate::{
    auth::verify_password,
    db::{sessions, users},
    error::ApiError,
    fields::{
        Text,
        ids::{SessionId, UserId},
        non_empty, present,
    },
    http::{RequestBody, RequestContext, Response},
    second_factor,
    sign_in::AttemptKind,
    user_changes::{done, note_own_change},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "SignIn")]
pub struct SignInRequest {
    #[schemars(extend("format" = "email"))]
    email: Option<Text>,
    password: Option<Text>,
    /// The code of the user's authenticator app, or a recovery code.
    code: Option<Text>,
}

impl RequestBody for SignInRequest {}

pub async fn create_session(
    context: RequestContext<'_>,
    body: SignInRequest,
) -> Result<Response, ApiError> {
    let sign_in = &context.state.sign_in;
    // An address that is none is one that nobody has.
    let email = present(&body.email, "email")?.trim().to_lowercase();
    let password = present(&body.password, "password")?;
    let now = context.unix_s();
    let address = context.client_address();
    let throttle = &sign_in.throttle;
    let attempt = throttle.begin(AttemptKind::SignIn, &email, address, now);
    let attempt = attempt.await?;
    let failed = ApiError::SignInFailed {
        tries_left: attempt.tries_left,
    };
    let user = users::find_by_email(context.db, &email).await?;
    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    let is_right = verify_password(password, hash).await?;
    let Some(user) = user.filter(|_| is_right) else {
        return Err(failed);
    };
    if user.has_second_factor {
        let Some(code) = non_empty(&body.code) else {
            throttle.succeed(attempt).await;
            return Err(ApiError::SecondFactorRequired);
        };
        if !second_factor::use_any_code(context.db, &user, code, now).await? {
            return Err(failed);
        }
    }
    throttle.succeed(attempt).await;
    let method = SignInMethod {
        method: "password",
        joined_accounts: Vec::new(),
    };
    let (token, object) = begin_session(context, &user, method).await?;
    Ok(Response::created(&object)?.with_cookie(&sign_in.cookies.session(&token)))
}

pub async fn end_session(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let session = context.caller.user()?;
    let user_id = UserId(session.user_id);
    let user = users::find(context.db, user_id).await?;
    sessions::delete(context.db, user_id, SessionId(session.session_id)).await?;
    if let Some(user) = user {
        let change = done(session.session_id, json!({ "ended": true }));
        note_own_change(context, &user, change).await?;
    }
    let cookie = context.state.sign_in.cookies.without_session();
    Ok(Response::no_content().with_cookie(&cookie))
}
