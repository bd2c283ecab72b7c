//! Short domains and click domains.

use domain::id::AccountId;
use postgres::pool::GenericClient;

use crate::{enumeration::enumeration, error::ApiError};

enumeration! {
    /// What the links on a host are.
    pub enum DomainKind {
        /// Short links.
        Short = "short",
        /// Links of the click tracker.
        Click = "click",
    }
}

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
