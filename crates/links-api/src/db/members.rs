//! The roles of users in accounts.

use domain::id::AccountId;
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::Row;

use super::ListQuery;
use crate::{auth::Role, error::ApiError, fields::ids::UserId, http::PageRequest};

/// A user as a member of an account.
#[derive(Debug)]
pub struct MemberRow {
    pub user_id: UserId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub has_second_factor: bool,
    pub last_used_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// An account of a user.
#[derive(Debug)]
pub struct UserAccountRow {
    pub account_id: AccountId,
    pub name: String,
    pub role: Role,
    pub default_currency: Option<String>,
}

const COLUMNS: &str = "u.id AS user_id, u.email, u.name, m.role,
    u.totp_confirmed_at IS NOT NULL AS has_second_factor,
    (SELECT max(s.last_used_at) FROM sessions s WHERE s.user_id = u.id) AS last_used_at,
    m.created_at";

impl From<&Row> for MemberRow {
    fn from(row: &Row) -> Self {
        Self {
            user_id: UserId(row.get("user_id")),
            email: row.get("email"),
            name: row.get("name"),
            role: row.get("role"),
            has_second_factor: row.get("has_second_factor"),
            last_used_at: row.get("last_used_at"),
            created_at: row.get("created_at"),
        }
    }
}

/// A page of the account's users, and the number of all.
pub async fn select_page(
    client: &impl GenericClient,
    account_id: AccountId,
    page: PageRequest,
) -> Result<(Vec<MemberRow>, i64), ApiError> {
    let query = ListQuery {
        columns: COLUMNS,
        from: "FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.account_id = $1",
        order_by: "u.email",
    };
    let (rows, total) = super::select_page(client, query, &[&account_id.0], page).await?;
    Ok((rows.iter().map(MemberRow::from).collect(), total))
}

pub async fn find(
    client: &impl GenericClient,
    account_id: AccountId,
    user_id: UserId,
) -> Result<Option<MemberRow>, ApiError> {
    let sql = format!(
        "SELECT {COLUMNS}
         FROM memberships m
         JOIN users u ON u.id = m.user_id
         WHERE m.account_id = $1 AND m.user_id = $2"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &user_id.0])
        .await?;
    Ok(row.as_ref().map(MemberRow::from))
}

/// The accounts of a user, by their ids. Suspended ones are among them.
pub async fn select_accounts(
    client: &impl GenericClient,
    user_id: UserId,
) -> Result<Vec<UserAccountRow>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT m.account_id, a.name, m.role, a.default_currency
             FROM memberships m
             JOIN accounts a ON a.id = m.account_id
             WHERE m.user_id = $1
             ORDER BY m.account_id",
        )
        .await?;
    let rows = client.query(&statement, &[&user_id.0]).await?;
    let account = |row: &Row| UserAccountRow {
        account_id: AccountId(row.get("account_id")),
        name: row.get("name"),
        role: row.get("role"),
        default_currency: row.get("default_currency"),
    };
    Ok(rows.iter().map(account).collect())
}

/// Whether the address is that of a user of the account.
pub async fn has_email(
    client: &impl GenericClient,
    account_id: AccountId,
    email: &str,
) -> Result<bool, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT 1
             FROM memberships m
             JOIN users u ON u.id = m.user_id
             WHERE m.account_id = $1 AND u.email = $2",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &email])
        .await?;
    Ok(row.is_some())
}

/// Makes a user a member, or gives a member this role.
pub async fn upsert(
    client: &impl GenericClient,
    account_id: AccountId,
    user_id: UserId,
    role: Role,
) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached(
            "INSERT INTO memberships (user_id, account_id, role)
             VALUES ($1, $2, $3)
             ON CONFLICT ON CONSTRAINT memberships_pkey DO UPDATE SET role = excluded.role",
        )
        .await?;
    client
        .execute(&statement, &[&user_id.0, &account_id.0, &role])
        .await?;
    Ok(())
}

/// The owners of the account, whose rows stay locked: none of them stops being one before the
/// end of the transaction.
pub async fn lock_owners(
    client: &impl GenericClient,
    account_id: AccountId,
) -> Result<Vec<UserId>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT user_id
             FROM memberships
             WHERE account_id = $1 AND role = 'owner'
             ORDER BY user_id
             FOR UPDATE",
        )
        .await?;
    let rows = client.query(&statement, &[&account_id.0]).await?;
    Ok(rows.iter().map(|row| UserId(row.get("user_id"))).collect())
}

/// Takes a user out of the account, and ends all sessions of one that has no other account.
pub async fn delete(
    client: &impl GenericClient,
    account_id: AccountId,
    user_id: UserId,
) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached("DELETE FROM memberships WHERE account_id = $1 AND user_id = $2")
        .await?;
    client
        .execute(&statement, &[&account_id.0, &user_id.0])
        .await?;
    let statement = client
        .prepare_cached(
            "DELETE FROM sessions
             WHERE user_id = $1 AND NOT EXISTS (SELECT FROM memberships WHERE user_id = $1)",
        )
        .await?;
    client.execute(&statement, &[&user_id.0]).await?;
    Ok(())
}
