//! The second factor of users: the secret of their authenticator app, and recovery codes.

use postgres::pool::GenericClient;

use crate::{error::ApiError, fields::ids::UserId};

/// Stores a secret that is not confirmed yet.
pub async fn set_secret(
    client: &impl GenericClient,
    user_id: UserId,
    secret: &[u8],
) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE users
             SET totp_secret = $2, totp_confirmed_at = NULL, totp_last_step = 0
             WHERE id = $1",
        )
        .await?;
    client.execute(&statement, &[&user_id.0, &secret]).await?;
    Ok(())
}

/// From now on sign-in asks for codes.
pub async fn confirm(client: &impl GenericClient, user_id: UserId) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached("UPDATE users SET totp_confirmed_at = now() WHERE id = $1")
        .await?;
    client.execute(&statement, &[&user_id.0]).await?;
    Ok(())
}

/// Uses up the codes of a step of time and of all before. Returns whether they were still good.
pub async fn use_step(
    client: &impl GenericClient,
    user_id: UserId,
    step: i64,
) -> Result<bool, ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE users SET totp_last_step = $2 WHERE id = $1 AND totp_last_step < $2",
        )
        .await?;
    Ok(client.execute(&statement, &[&user_id.0, &step]).await? > 0)
}

/// Replaces the recovery codes, of which `digests` are the digests.
pub async fn set_recovery_codes(
    client: &impl GenericClient,
    user_id: UserId,
    digests: &[Vec<u8>],
) -> Result<(), ApiError> {
    let delete = client
        .prepare_cached("DELETE FROM recovery_codes WHERE user_id = $1")
        .await?;
    client.execute(&delete, &[&user_id.0]).await?;
    let insert = client
        .prepare_cached(
            "INSERT INTO recovery_codes (user_id, digest)
             SELECT $1, digest
             FROM unnest($2::bytea[]) AS codes (digest)",
        )
        .await?;
    client.execute(&insert, &[&user_id.0, &digests]).await?;
    Ok(())
}

/// Uses up a recovery code. Returns whether there was one.
pub async fn use_recovery_code(
    client: &impl GenericClient,
    user_id: UserId,
    digest: &[u8],
) -> Result<bool, ApiError> {
    let statement = client
        .prepare_cached("DELETE FROM recovery_codes WHERE user_id = $1 AND digest = $2")
        .await?;
    Ok(client.execute(&statement, &[&user_id.0, &digest]).await? > 0)
}

pub async fn count_recovery_codes(
    client: &impl GenericClient,
    user_id: UserId,
) -> Result<i64, ApiError> {
    let statement = client
        .prepare_cached("SELECT count(*) FROM recovery_codes WHERE user_id = $1")
        .await?;
    Ok(client.query_one(&statement, &[&user_id.0]).await?.get(0))
}

/// Takes the second factor away, with its recovery codes.
pub async fn delete(client: &impl GenericClient, user_id: UserId) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE users
             SET totp_secret = NULL, totp_confirmed_at = NULL, totp_last_step = 0
             WHERE id = $1",
        )
        .await?;
    client.execute(&statement, &[&user_id.0]).await?;
    set_recovery_codes(client, user_id, &[]).await
}
