//! Domains as lists and links refer to them.

use domain::id::AccountId;
use postgres::pool::GenericClient;

use super::DomainKind;
use crate::error::ApiError;

/// The short domain of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortDomain {
    pub id: i64,
    /// Normalised.
    pub host: String,
}

/// The account's domain of this host.
pub async fn find_id(
    client: &impl GenericClient,
    account_id: AccountId,
    kind: DomainKind,
    host: &str,
) -> Result<Option<i64>, ApiError> {
    let statement = client
        .prepare_cached("SELECT id FROM domains WHERE account_id = $1 AND kind = $2 AND host = $3")
        .await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &kind, &host])
        .await?;
    Ok(row.map(|row| row.get("id")))
}

/// The account's active short domain of this host.
pub async fn find_active_short(
    client: &impl GenericClient,
    account_id: AccountId,
    host: &str,
) -> Result<Option<ShortDomain>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT id, host
             FROM domains
             WHERE account_id = $1 AND kind = 'short' AND status = 'active' AND host = $2",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &host])
        .await?;
    Ok(row.map(|row| ShortDomain {
        id: row.get("id"),
        host: row.get("host"),
    }))
}

/// The hosts of links that name no list.
#[derive(Debug, Default)]
pub struct DefaultDomains {
    pub short: Option<ShortDomain>,
    /// Host of the click domain.
    pub click: Option<String>,
}

/// The account's oldest active domain of each kind.
pub async fn find_default(
    client: &impl GenericClient,
    account_id: AccountId,
) -> Result<DefaultDomains, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT DISTINCT ON (kind) kind, id, host
             FROM domains
             WHERE account_id = $1 AND status = 'active'
             ORDER BY kind, id",
        )
        .await?;
    let mut domains = DefaultDomains::default();
    for row in client.query(&statement, &[&account_id.0]).await? {
        let host = row.get("host");
        match row.get("kind") {
            DomainKind::Short => {
                let id = row.get("id");
                domains.short = Some(ShortDomain { id, host });
            }
            DomainKind::Click => domains.click = Some(host),
        }
    }
    Ok(domains)
}
