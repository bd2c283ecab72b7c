//! The beginning of a session, once it is known who signs in.

use serde::Serialize;
use serde_json::json;

use super::object::SessionObject;
use crate::{
    auth::SecretToken,
    db::{members, sessions, users::UserRow},
    error::ApiError,
    http::RequestContext,
    user_changes::{done, note_own_change},
};

/// How somebody signs in, for the audit trail.
#[derive(Debug, Serialize)]
pub struct SignInMethod {
    pub method: &'static str,
    /// The accounts whose invitations are accepted by it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub joined_accounts: Vec<i64>,
}

/// Begins a session with a new token, whatever the browser had before: a session that it had
/// ends.
pub async fn begin_session(
    context: RequestContext<'_>,
    user: &UserRow,
    method: SignInMethod,
) -> Result<(SecretToken, SessionObject), ApiError> {
    if let Some(token) = context.session_token() {
        sessions::delete_by_token(context.db, &token).await?;
    }
    let session = sessions::NewSession {
        ip: context.client_address(),
        user_agent: context.user_agent(),
        max_age: context.state.sign_in.max_age,
    };
    let (token, id) = sessions::insert(context.db, user.id, &session).await?;
    let begun = json!({
        "user_id": user.id.0,
        "sign_in": method,
        "ip": session.ip,
        "user_agent": session.user_agent,
    });
    note_own_change(context, user, done(id.0, begun)).await?;
    let accounts = members::select_accounts(context.db, user.id).await?;
    let object = SessionObject::new(user, &token, accounts);
    Ok((token, object))
}
