//! `POST /api/v2/me/password`: another password.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::user::{Proof, own_user};
use crate::{
    auth::{check_new_password, hash_password, verify_password},
    db::{one_time_tokens, sessions, users},
    error::ApiError,
    fields::{Text, ids::SessionId, present},
    http::{RequestBody, RequestContext, Response, success_body},
    user_changes::{done, note_own_change},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "PasswordChange")]
pub struct PasswordRequest {
    current_password: Option<Text>,
    /// 12 to 200 characters.
    #[schemars(length(min = 12, max = 200))]
    password: Option<Text>,
}

impl RequestBody for PasswordRequest {}

impl PasswordRequest {
    pub fn example() -> Value {
        json!({
            "current_password": "correct horse battery staple",
            "password": "another horse battery staple",
        })
    }
}

success_body! {
    #[schemars(rename = "ChangedPassword")]
    pub struct ChangedPassword { changed }
}

/// Ends all other sessions of the user.
pub async fn change_password(
    context: RequestContext<'_>,
    body: PasswordRequest,
) -> Result<Response, ApiError> {
    let current_password = present(&body.current_password, "current_password")?;
    let password = present(&body.password, "password")?;
    let user = own_user(context).await?;
    let proof = Proof::begin(context, &user).await?;
    let hash = user.password_hash.clone();
    if !verify_password(current_password, hash).await? {
        return Err(ApiError::WrongPassword);
    }
    proof.succeed(context).await;
    check_new_password(password, &user.email)?;
    let hash = hash_password(password).await?;
    users::set_password(context.db, user.id, Some(&hash)).await?;
    one_time_tokens::delete_password_links(context.db, user.id).await?;
    let session_id = SessionId(context.caller.user()?.session_id);
    let n_ended = sessions::delete_others(context.db, user.id, Some(session_id)).await?;
    let change = done(
        user.id.0,
        json!({ "password": "changed", "ended_sessions": n_ended }),
    );
    note_own_change(context, &user, change).await?;
    Response::ok(&ChangedPassword::new())
}
