//! The tokens of links that work once.

use std::time::Duration;

use postgres::pool::GenericClient;

use crate::{
    auth::SecretToken,
    error::ApiError,
    fields::ids::{InvitationId, UserId},
};

/// What a link is for.
#[derive(Debug, Clone, Copy)]
pub enum LinkPurpose {
    AcceptInvitation(InvitationId),
    SetPassword(UserId),
}

/// Makes a token, which is stored nowhere. `proves_email` is whether only who receives mail at the
/// address, or whom an operator gives it, sees it.
pub async fn insert(
    client: &impl GenericClient,
    purpose: LinkPurpose,
    lifetime: Duration,
    proves_email: bool,
) -> Result<SecretToken, ApiError> {
    let token = SecretToken::generate(&mut rand::rng());
    let (invitation_id, user_id) = match purpose {
        LinkPurpose::AcceptInvitation(id) => (Some(id.0), None),
        LinkPurpose::SetPassword(id) => (None, Some(id.0)),
    };
    let statement = client
        .prepare_cached(
            "INSERT INTO one_time_tokens (digest, invitation_id, user_id, proves_email, expires_at)
             VALUES ($1, $2, $3, $4, now() + $5::bigint * interval '1 second')",
        )
        .await?;
    let lifetime_s = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    client
        .execute(
            &statement,
            &[
                &token.digest(),
                &invitation_id,
                &user_id,
                &proves_email,
                &lifetime_s,
            ],
        )
        .await?;
    Ok(token)
}

/// The user whose password the link sets, and whether it proves the address. All links of the user are
/// used up.
pub async fn take_password_link(
    client: &impl GenericClient,
    token: &SecretToken,
) -> Result<Option<(UserId, bool)>, ApiError> {
    let statement = client
        .prepare_cached(
            "DELETE FROM one_time_tokens
             WHERE digest = $1 AND user_id IS NOT NULL AND expires_at > now()
             RETURNING user_id, proves_email",
        )
        .await?;
    let Some(row) = client.query_opt(&statement, &[&token.digest()]).await? else {
        return Ok(None);
    };
    let user_id = UserId(row.get("user_id"));
    delete_password_links(client, user_id).await?;
    Ok(Some((user_id, row.get("proves_email"))))
}

/// Makes all links for a new password of the user useless.
pub async fn delete_password_links(
    client: &impl GenericClient,
    user_id: UserId,
) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached("DELETE FROM one_time_tokens WHERE user_id = $1")
        .await?;
    client.execute(&statement, &[&user_id.0]).await?;
    Ok(())
}
