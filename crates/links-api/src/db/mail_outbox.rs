//! Mails that are to be sent.

use postgres::pool::GenericClient;

use crate::{error::ApiError, fields::ids::InvitationId};

/// Seconds in which whoever has taken a mail sends it; after that others try again.
const LEASE_S: i64 = 60;
/// After this time a mail is given up: its link would have expired.
const MAX_AGE: &str = "interval '24 hours'";

#[derive(Debug)]
pub struct OutgoingMail {
    pub id: i64,
    /// `None` if it is about a new password.
    pub invitation_id: Option<InvitationId>,
    pub email: String,
    pub n_attempts: i32,
}

pub async fn insert(
    client: &impl GenericClient,
    email: &str,
    invitation_id: Option<InvitationId>,
) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached("INSERT INTO mail_outbox (email, invitation_id) VALUES ($1, $2)")
        .await?;
    let invitation_id = invitation_id.map(|id| id.0);
    client
        .execute(&statement, &[&email, &invitation_id])
        .await?;
    Ok(())
}

/// Takes a mail that is due, so that no other process sends it meanwhile.
pub async fn take(client: &impl GenericClient) -> Result<Option<OutgoingMail>, ApiError> {
    let sql = format!(
        "UPDATE mail_outbox
         SET n_attempts = n_attempts + 1,
             next_attempt_at = now() + $1::bigint * interval '1 second'
         WHERE id = (
             SELECT id
             FROM mail_outbox
             WHERE next_attempt_at <= now() AND created_at > now() - {MAX_AGE}
             ORDER BY next_attempt_at
             LIMIT 1
             FOR UPDATE SKIP LOCKED
         )
         RETURNING id, invitation_id, email, n_attempts"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&LEASE_S]).await?;
    Ok(row.map(|row| OutgoingMail {
        id: row.get("id"),
        invitation_id: row.get::<_, Option<i64>>("invitation_id").map(InvitationId),
        email: row.get("email"),
        n_attempts: row.get("n_attempts"),
    }))
}

/// Tries a mail again after some seconds.
pub async fn postpone(client: &impl GenericClient, id: i64, seconds: i64) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE mail_outbox
             SET next_attempt_at = now() + $2::bigint * interval '1 second'
             WHERE id = $1",
        )
        .await?;
    client.execute(&statement, &[&id, &seconds]).await?;
    Ok(())
}

pub async fn delete(client: &impl GenericClient, id: i64) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached("DELETE FROM mail_outbox WHERE id = $1")
        .await?;
    client.execute(&statement, &[&id]).await?;
    Ok(())
}

/// Deletes mails that were given up. Returns how many there were.
pub async fn delete_given_up(client: &impl GenericClient) -> Result<u64, ApiError> {
    let sql = format!("DELETE FROM mail_outbox WHERE created_at <= now() - {MAX_AGE}");
    let statement = client.prepare_cached(&sql).await?;
    Ok(client.execute(&statement, &[]).await?)
}
