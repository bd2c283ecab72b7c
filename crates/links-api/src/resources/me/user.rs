//! The user of a session, who proves again to be the one.

use crate::{
    db::users::{self, UserRow},
    error::ApiError,
    fields::ids::UserId,
    http::RequestContext,
    sign_in::{Attempt, AttemptKind},
};

/// The user of the session, whose row stays locked.
pub async fn own_user(context: RequestContext<'_>) -> Result<UserRow, ApiError> {
    let id = UserId(context.caller.user()?.user_id);
    let user = users::lock(context.db, id).await?;
    user.ok_or(ApiError::NotFound("user"))
}

/// A password or a code that the user sends again. Whoever has only the session must not guess
/// it, so it counts as an attempt to sign in until it has succeeded.
pub struct Proof(Attempt);

impl Proof {
    pub async fn begin(context: RequestContext<'_>, user: &UserRow) -> Result<Self, ApiError> {
        let throttle = &context.state.sign_in.throttle;
        let (address, now) = (context.client_address(), context.unix_s());
        let attempt = throttle.begin(AttemptKind::SignIn, &user.email, address, now);
        Ok(Self(attempt.await?))
    }

    pub async fn succeed(self, context: RequestContext<'_>) {
        context.state.sign_in.throttle.succeed(self.0).await;
    }
}
