//! Invitations: people who may become users of an account.

use std::time::Duration;

use domain::id::AccountId;
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::Row;

use super::ListQuery;
use crate::{auth::Role, error::ApiError, fields::ids::InvitationId, http::PageRequest};

#[derive(Debug)]
pub struct InvitationRow {
    pub id: InvitationId,
    pub account_id: AccountId,
    pub email: String,
    pub role: Role,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

const COLUMNS: &str = "id, account_id, email, role, created_at, expires_at";

impl From<&Row> for InvitationRow {
    fn from(row: &Row) -> Self {
        Self {
            id: InvitationId(row.get("id")),
            account_id: AccountId(row.get("account_id")),
            email: row.get("email"),
            role: row.get("role"),
            created_at: row.get("created_at"),
            expires_at: row.get("expires_at"),
        }
    }
}

/// A page of the account's invitations that have not expired, and the number of all.
pub async fn select_page(
    client: &impl GenericClient,
    account_id: AccountId,
    page: PageRequest,
) -> Result<(Vec<InvitationRow>, i64), ApiError> {
    let query = ListQuery {
        columns: COLUMNS,
        from: "FROM invitations WHERE account_id = $1 AND expires_at > now()",
        order_by: "id DESC",
    };
    let (rows, total) = super::select_page(client, query, &[&account_id.0], page).await?;
    Ok((rows.iter().map(InvitationRow::from).collect(), total))
}

/// Invites an address, or renews its invitation with this role. The links of the one before work
/// no longer.
pub async fn upsert(
    client: &impl GenericClient,
    account_id: AccountId,
    email: &str,
    role: Role,
    lifetime: Duration,
) -> Result<InvitationRow, ApiError> {
    let statement = client
        .prepare_cached("DELETE FROM invitations WHERE account_id = $1 AND email = $2")
        .await?;
    client.execute(&statement, &[&account_id.0, &email]).await?;
    let sql = format!(
        "INSERT INTO invitations (account_id, email, role, expires_at)
         VALUES ($1, $2, $3, now() + $4::bigint * interval '1 second')
         RETURNING {COLUMNS}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let lifetime_s = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    let row = client
        .query_one(&statement, &[&account_id.0, &email, &role, &lifetime_s])
        .await?;
    Ok(InvitationRow::from(&row))
}

/// Deletes an invitation of the account, and gives it.
pub async fn delete(
    client: &impl GenericClient,
    account_id: AccountId,
    id: InvitationId,
) -> Result<Option<InvitationRow>, ApiError> {
    let sql =
        format!("DELETE FROM invitations WHERE account_id = $1 AND id = $2 RETURNING {COLUMNS}");
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &id.0])
        .await?;
    Ok(row.as_ref().map(InvitationRow::from))
}

/// Deletes the invitations of an address that have not expired, and gives them.
pub async fn take_all_of_email(
    client: &impl GenericClient,
    email: &str,
) -> Result<Vec<InvitationRow>, ApiError> {
    let sql = format!(
        "DELETE FROM invitations WHERE email = $1 AND expires_at > now() RETURNING {COLUMNS}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &[&email]).await?;
    Ok(rows.iter().map(InvitationRow::from).collect())
}

/// An invitation with what its page shows.
#[derive(Debug)]
pub struct OpenInvitation {
    pub invitation: InvitationRow,
    pub account_name: String,
    /// Whether who has the link receives mail at the address.
    pub proves_email: bool,
}

/// The invitation whose link has this token.
pub async fn find_by_token(
    client: &impl GenericClient,
    digest: &[u8],
) -> Result<Option<OpenInvitation>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT i.id, i.account_id, i.email, i.role, i.created_at, i.expires_at,
                    a.name AS account_name, t.proves_email
             FROM one_time_tokens t
             JOIN invitations i ON i.id = t.invitation_id
             JOIN accounts a ON a.id = i.account_id
             WHERE t.digest = $1 AND t.expires_at > now() AND i.expires_at > now()",
        )
        .await?;
    let row = client.query_opt(&statement, &[&digest]).await?;
    Ok(row.map(|row| OpenInvitation {
        invitation: InvitationRow::from(&row),
        account_name: row.get("account_name"),
        proves_email: row.get("proves_email"),
    }))
}
