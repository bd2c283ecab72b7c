//! Domains with the proof of their ownership.

use domain::id::AccountId;
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::{Row, types::ToSql};

use crate::db::{ListQuery, select_page as select_list_page};
use crate::{enumeration::enumeration, error::ApiError, fields::ids::DomainId, http::PageRequest};

enumeration! {
    /// What the links on a host are.
    pub enum DomainKind {
        /// Short links.
        Short = "short",
        /// Links of the click tracker.
        Click = "click",
    }
}

enumeration! {
    /// Only an active domain makes new links.
    pub enum DomainStatus {
        /// The account has not proved that it controls the host.
        Pending = "pending",
        Active = "active",
        Disabled = "disabled",
    }
}

enumeration! {
    /// The statuses that clients can set.
    pub enum SettableDomainStatus {
        Active = "active",
        Disabled = "disabled",
    }
}

enumeration! {
    /// How it is decided whether the host is the account's.
    pub enum Ownership {
        /// By checks of the host's token.
        Checked = "checked",
        /// By an operator: it is.
        Approved = "approved",
        /// By an operator: it is not.
        Refused = "refused",
    }
}

#[derive(Debug)]
pub struct DomainRow {
    pub id: DomainId,
    pub host: String,
    pub kind: DomainKind,
    pub status: DomainStatus,
    pub created_at: Timestamp,
    pub ownership: Ownership,
    pub proof_token: String,
    pub proved_at: Option<Timestamp>,
    /// dns or http.
    pub proved_by: Option<String>,
    pub checked_at: Option<Timestamp>,
    pub check_error: Option<String>,
}

const COLUMNS: &str = "
    id, host, kind, status, created_at, ownership, proof_token, proved_at, proved_by, checked_at,
    check_error
";

impl From<&Row> for DomainRow {
    fn from(row: &Row) -> Self {
        Self {
            id: DomainId(row.get("id")),
            host: row.get("host"),
            kind: row.get("kind"),
            status: row.get("status"),
            created_at: row.get("created_at"),
            ownership: row.get("ownership"),
            proof_token: row.get("proof_token"),
            proved_at: row.get("proved_at"),
            proved_by: row.get("proved_by"),
            checked_at: row.get("checked_at"),
            check_error: row.get("check_error"),
        }
    }
}

/// A page of the account's domains by host, and the number of all.
pub async fn select_page(
    client: &impl GenericClient,
    account_id: AccountId,
    kind: Option<DomainKind>,
    page: PageRequest,
) -> Result<(Vec<DomainRow>, i64), ApiError> {
    let query = ListQuery {
        columns: COLUMNS,
        from: "FROM domains WHERE account_id = $1 AND ($2::text IS NULL OR kind = $2)",
        order_by: "host",
    };
    let parameters: [&(dyn ToSql + Sync); 2] = [&account_id.0, &kind];
    let (rows, total) = select_list_page(client, query, &parameters, page).await?;
    Ok((rows.iter().map(DomainRow::from).collect(), total))
}

pub async fn find(
    client: &impl GenericClient,
    account_id: AccountId,
    id: DomainId,
) -> Result<Option<DomainRow>, ApiError> {
    let sql = format!("SELECT {COLUMNS} FROM domains WHERE account_id = $1 AND id = $2");
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &id.0])
        .await?;
    Ok(row.as_ref().map(DomainRow::from))
}

/// A domain of any account, with its account.
pub async fn find_with_account(
    client: &impl GenericClient,
    id: DomainId,
) -> Result<Option<(AccountId, DomainRow)>, ApiError> {
    let sql = format!("SELECT {COLUMNS}, account_id FROM domains WHERE id = $1");
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&id.0]).await?;
    Ok(row.map(|row| (AccountId(row.get("account_id")), DomainRow::from(&row))))
}

/// The number of the account's domains that wait for their proof.
pub async fn count_pending(
    client: &impl GenericClient,
    account_id: AccountId,
) -> Result<i64, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT count(*) AS n_pending
             FROM domains
             WHERE account_id = $1 AND status = 'pending'",
        )
        .await?;
    let row = client.query_one(&statement, &[&account_id.0]).await?;
    Ok(row.get("n_pending"))
}

/// Inserts a domain. Its first check is due at once if its ownership is checked.
pub async fn insert(
    client: &impl GenericClient,
    account_id: AccountId,
    host: &str,
    kind: DomainKind,
    status: DomainStatus,
    ownership: Ownership,
) -> Result<DomainRow, ApiError> {
    let sql = format!(
        "INSERT INTO domains (account_id, host, kind, status, ownership, check_at)
         VALUES ($1, $2, $3, $4, $5::text, CASE $5::text WHEN 'checked' THEN now() END)
         RETURNING {COLUMNS}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_one(
            &statement,
            &[&account_id.0, &host, &kind, &status, &ownership],
        )
        .await?;
    Ok(DomainRow::from(&row))
}

/// Sets the status of a domain, if one is given. `None` if the domain is pending: only a proof
/// or an operator changes that. The statement checks it, since a check may end at any time.
pub async fn update_status(
    client: &impl GenericClient,
    id: DomainId,
    status: Option<SettableDomainStatus>,
) -> Result<Option<DomainRow>, ApiError> {
    let sql = format!(
        "UPDATE domains
         SET status = coalesce($2::text, status)
         WHERE id = $1 AND ($2::text IS NULL OR status <> 'pending')
         RETURNING {COLUMNS}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&id.0, &status]).await?;
    Ok(row.as_ref().map(DomainRow::from))
}

/// Makes the next check of a domain due now, unless an operator has decided on its ownership.
pub async fn request_check(
    client: &impl GenericClient,
    id: DomainId,
) -> Result<DomainRow, ApiError> {
    let sql = format!(
        "UPDATE domains
         SET check_at = CASE ownership WHEN 'checked' THEN now() END
         WHERE id = $1
         RETURNING {COLUMNS}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_one(&statement, &[&id.0]).await?;
    Ok(DomainRow::from(&row))
}

/// Sets the ownership of any account's domain, and the status that follows from it.
pub async fn set_ownership(
    client: &impl GenericClient,
    id: DomainId,
    ownership: Ownership,
) -> Result<Option<DomainRow>, ApiError> {
    let sql = format!(
        "UPDATE domains
         SET ownership = $2::text,
             status = CASE
                 WHEN $2::text = 'approved' AND status = 'pending' THEN 'active'
                 WHEN $2::text = 'refused' THEN 'pending'
                 ELSE status
             END,
             n_failed_checks = 0,
             check_error = NULL,
             check_at = CASE $2::text WHEN 'checked' THEN now() END
         WHERE id = $1
         RETURNING {COLUMNS}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&id.0, &ownership]).await?;
    Ok(row.as_ref().map(DomainRow::from))
}

pub async fn delete(client: &impl GenericClient, id: DomainId) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached("DELETE FROM domains WHERE id = $1")
        .await?;
    client.execute(&statement, &[&id.0]).await?;
    Ok(())
}
