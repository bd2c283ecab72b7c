//! Users, who sign in. Their roles are in [`super::members`].

use postgres::pool::GenericClient;
use tokio_postgres::Row;

use crate::{error::ApiError, fields::ids::UserId};

#[derive(Debug)]
pub struct UserRow {
    pub id: UserId,
    pub email: String,
    pub name: String,
    /// `None` while the user signs in by single sign-on only.
    pub password_hash: Option<String>,
    /// Whether the user has shown to receive mail at the address.
    pub is_email_verified: bool,
    pub totp_secret: Option<Vec<u8>>,
    /// Whether sign-in asks for a code.
    pub has_second_factor: bool,
}

const COLUMNS: &str = "id, email, name, password_hash, email_verified_at IS NOT NULL AS verified,
    totp_secret, totp_confirmed_at IS NOT NULL AS has_second_factor";

impl From<&Row> for UserRow {
    fn from(row: &Row) -> Self {
        Self {
            id: UserId(row.get("id")),
            email: row.get("email"),
            name: row.get("name"),
            password_hash: row.get("password_hash"),
            is_email_verified: row.get("verified"),
            totp_secret: row.get("totp_secret"),
            has_second_factor: row.get("has_second_factor"),
        }
    }
}

/// `email` is in lower case.
pub async fn find_by_email(
    client: &impl GenericClient,
    email: &str,
) -> Result<Option<UserRow>, ApiError> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE email = $1");
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&email]).await?;
    Ok(row.as_ref().map(UserRow::from))
}

/// The user, whose row stays locked until the end of the transaction.
pub async fn lock(client: &impl GenericClient, id: UserId) -> Result<Option<UserRow>, ApiError> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE id = $1 FOR UPDATE");
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&id.0]).await?;
    Ok(row.as_ref().map(UserRow::from))
}

pub async fn find(client: &impl GenericClient, id: UserId) -> Result<Option<UserRow>, ApiError> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE id = $1");
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&id.0]).await?;
    Ok(row.as_ref().map(UserRow::from))
}

#[derive(Debug)]
pub struct NewUser<'a> {
    pub email: &'a str,
    pub name: &'a str,
    pub password_hash: Option<&'a str>,
    pub is_email_verified: bool,
}

pub async fn insert(client: &impl GenericClient, user: &NewUser<'_>) -> Result<UserRow, ApiError> {
    let sql = format!(
        "INSERT INTO users (email, name, password_hash, email_verified_at)
         VALUES ($1, $2, $3, CASE WHEN $4 THEN now() END)
         RETURNING {COLUMNS}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_one(
            &statement,
            &[
                &user.email,
                &user.name,
                &user.password_hash,
                &user.is_email_verified,
            ],
        )
        .await?;
    Ok(UserRow::from(&row))
}

/// `None` takes the password away.
pub async fn set_password(
    client: &impl GenericClient,
    id: UserId,
    password_hash: Option<&str>,
) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached("UPDATE users SET password_hash = $2 WHERE id = $1")
        .await?;
    client.execute(&statement, &[&id.0, &password_hash]).await?;
    Ok(())
}

/// Notes that the user receives mail at the address. An earlier time stays.
pub async fn set_email_verified(client: &impl GenericClient, id: UserId) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE users SET email_verified_at = coalesce(email_verified_at, now()) WHERE id = $1",
        )
        .await?;
    client.execute(&statement, &[&id.0]).await?;
    Ok(())
}
