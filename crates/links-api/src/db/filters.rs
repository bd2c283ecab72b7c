//! Filters by what the account has. A filter by an id that does not exist would find nothing
//! and not say why.

use domain::id::AccountId;
use postgres::pool::GenericClient;
use tokio_postgres::types::ToSql;

use super::links::find_keys;
use crate::{error::ApiError, fields::filter_values::ValueKind};

/// What a filter can name. None of these is ever deleted while something names it.
#[derive(Debug, Clone, Copy)]
pub enum FilterTarget {
    Offer,
    List,
    Creative,
    Campaign,
}

impl FilterTarget {
    fn sql(self) -> &'static str {
        match self {
            Self::Offer => "SELECT 1 FROM offers WHERE account_id = $1 AND id = $2",
            Self::List => "SELECT 1 FROM lists WHERE account_id = $1 AND id = $2",
            Self::Creative => "SELECT 1 FROM creatives WHERE account_id = $1 AND id = $2",
            Self::Campaign => "SELECT 1 FROM campaigns WHERE account_id = $1 AND id = $2",
        }
    }

    /// What its ids are.
    pub fn value_kind(self) -> ValueKind {
        match self {
            Self::List | Self::Creative => ValueKind::Number,
            Self::Offer | Self::Campaign => ValueKind::Text,
        }
    }

    fn problem(self) -> &'static str {
        match self {
            Self::Offer => {
                "it is not the id of one of your offers, which GET /api/v2/offers and \
                 /api/v2/partnership-offers list"
            }
            Self::List => "it is not the id of one of your lists, which GET /api/v2/lists lists",
            Self::Creative => {
                "it is not the id of one of your creatives, which GET /api/v2/creatives lists"
            }
            Self::Campaign => {
                "it is not the id of one of your campaigns, which GET /api/campaigns lists"
            }
        }
    }
}

/// Fails if a filter names what the account does not have. `field` is the parameter.
pub async fn require<I: ToSql + Sync>(
    client: &impl GenericClient,
    account_id: AccountId,
    target: FilterTarget,
    field: &str,
    id: &Option<I>,
) -> Result<(), ApiError> {
    let Some(id) = id else {
        return Ok(());
    };
    let statement = client.prepare_cached(target.sql()).await?;
    let row = client.query_opt(&statement, &[&account_id.0, id]).await?;
    row.map(|_| ())
        .ok_or_else(|| ApiError::invalid_field(field, target.problem()))
}

/// The keys of the links that a filter names; `None` without a filter. Fails if the account has
/// no such link.
pub async fn require_links(
    client: &impl GenericClient,
    account_id: AccountId,
    field: &str,
    link_id: Option<&str>,
) -> Result<Option<Vec<i64>>, ApiError> {
    let Some(link_id) = link_id else {
        return Ok(None);
    };
    let keys = find_keys(client, account_id, link_id).await?;
    if keys.is_empty() {
        return Err(unknown_link(field));
    }
    Ok(Some(keys))
}

/// The error of a filter by a link that the account does not have.
pub fn unknown_link(field: &str) -> ApiError {
    let problem = "it is not the id of one of your links, which GET /api/v2/links and \
                   /api/links list";
    ApiError::invalid_field(field, problem)
}
