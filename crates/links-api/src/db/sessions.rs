//! Sessions of users. Authentication reads them by itself.

use std::{net::IpAddr, time::Duration};

use jiff::Timestamp;
use postgres::pool::{GenericClient, Pool};
use tokio_postgres::Row;

use crate::{
    auth::SecretToken,
    error::ApiError,
    fields::ids::{SessionId, UserId},
};

#[derive(Debug)]
pub struct SessionRow {
    pub id: SessionId,
    pub ip: IpAddr,
    pub user_agent: String,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
}

impl From<&Row> for SessionRow {
    fn from(row: &Row) -> Self {
        Self {
            id: SessionId(row.get("id")),
            ip: row.get("ip"),
            user_agent: row.get("user_agent"),
            created_at: row.get("created_at"),
            last_used_at: row.get("last_used_at"),
            expires_at: row.get("expires_at"),
        }
    }
}

/// Where a session begins, and how long it may last.
#[derive(Debug)]
pub struct NewSession {
    pub ip: IpAddr,
    pub user_agent: String,
    pub max_age: Duration,
}

/// Begins a session with a token that nobody has seen. The token is stored nowhere.
pub async fn insert(
    client: &impl GenericClient,
    user_id: UserId,
    session: &NewSession,
) -> Result<(SecretToken, SessionId), ApiError> {
    let token = SecretToken::generate(&mut rand::rng());
    let statement = client
        .prepare_cached(
            "INSERT INTO sessions (digest, user_id, ip, user_agent, expires_at)
             VALUES ($1, $2, $3, $4, now() + $5::bigint * interval '1 second')
             RETURNING id",
        )
        .await?;
    let max_age_s = i64::try_from(session.max_age.as_secs()).unwrap_or(i64::MAX);
    let row = client
        .query_one(
            &statement,
            &[
                &token.digest(),
                &user_id.0,
                &session.ip,
                &session.user_agent,
                &max_age_s,
            ],
        )
        .await?;
    Ok((token, SessionId(row.get("id"))))
}

/// The sessions of a user that have not expired, the last used first.
pub async fn select(
    client: &impl GenericClient,
    user_id: UserId,
    idle_timeout: Duration,
) -> Result<Vec<SessionRow>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT id, ip, user_agent, created_at, last_used_at, expires_at
             FROM sessions
             WHERE user_id = $1
               AND expires_at > now()
               AND last_used_at > now() - $2::bigint * interval '1 second'
             ORDER BY last_used_at DESC, id DESC
             LIMIT 100",
        )
        .await?;
    let idle_s = i64::try_from(idle_timeout.as_secs()).unwrap_or(i64::MAX);
    let rows = client.query(&statement, &[&user_id.0, &idle_s]).await?;
    Ok(rows.iter().map(SessionRow::from).collect())
}

/// Ends a session of a user. Returns whether there was one.
pub async fn delete(
    client: &impl GenericClient,
    user_id: UserId,
    id: SessionId,
) -> Result<bool, ApiError> {
    let statement = client
        .prepare_cached("DELETE FROM sessions WHERE user_id = $1 AND id = $2")
        .await?;
    Ok(client.execute(&statement, &[&user_id.0, &id.0]).await? > 0)
}

/// Ends the session with this token, if there is one.
pub async fn delete_by_token(
    client: &impl GenericClient,
    token: &SecretToken,
) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached("DELETE FROM sessions WHERE digest = $1")
        .await?;
    client.execute(&statement, &[&token.digest()]).await?;
    Ok(())
}

/// Ends all sessions of a user but one. Returns how many there were.
pub async fn delete_others(
    client: &impl GenericClient,
    user_id: UserId,
    kept: Option<SessionId>,
) -> Result<u64, ApiError> {
    let statement = client
        .prepare_cached(
            "DELETE FROM sessions WHERE user_id = $1 AND ($2::bigint IS NULL OR id <> $2)",
        )
        .await?;
    let kept = kept.map(|id| id.0);
    Ok(client.execute(&statement, &[&user_id.0, &kept]).await?)
}

/// Deletes up to 10,000 sessions, tokens of links and invitations that have expired; gives the
/// number deleted.
pub async fn delete_expired(pool: &Pool, idle_timeout: Duration) -> Result<u64, ApiError> {
    let client = pool.get().await?;
    let idle_s = i64::try_from(idle_timeout.as_secs()).unwrap_or(i64::MAX);
    let mut n_deleted = client
        .execute(
            "DELETE FROM sessions
             WHERE id IN (
                 SELECT id
                 FROM sessions
                 WHERE expires_at < now()
                    OR last_used_at < now() - $1::bigint * interval '1 second'
                 LIMIT 10000
             )",
            &[&idle_s],
        )
        .await?;
    for sql in [
        "DELETE FROM one_time_tokens
         WHERE digest IN (SELECT digest FROM one_time_tokens WHERE expires_at < now() LIMIT 10000)",
        "DELETE FROM invitations
         WHERE id IN (SELECT id FROM invitations WHERE expires_at < now() LIMIT 10000)",
    ] {
        n_deleted += client.execute(sql, &[]).await?;
    }
    Ok(n_deleted)
}
