//! Errors of Postgres and its pool, as errors of the API.

use postgres::pool::PoolError;
use tokio_postgres::error::{DbError, SqlState};

use super::ApiError;

impl From<PoolError> for ApiError {
    fn from(error: PoolError) -> Self {
        Self::unavailable(error)
    }
}

impl From<tokio_postgres::Error> for ApiError {
    /// The name of a violated constraint tells what the client did. A connection that
    /// ended during a query is an outage. Any other failure of a query is a fault of this
    /// program.
    fn from(error: tokio_postgres::Error) -> Self {
        let constraint = error.as_db_error().and_then(DbError::constraint);
        match constraint {
            Some("domains_host_key" | "domains_account_id_host_key") => Self::HostTaken,
            Some("lists_phone_number_key") => Self::PhoneTaken,
            Some("coupons_code_key") => Self::CouponTaken,
            Some("offers_slug_key") => Self::SlugTaken,
            Some("lists_short_domain_id_fkey" | "lists_click_domain_id_fkey")
            | Some("links_domain_id_fkey") => Self::DomainInUse,
            Some("links_campaign_id_fkey") => Self::CampaignInUse,
            _ if error.is_closed() || error.as_db_error().is_none() => Self::unavailable(error),
            // Only the transactions of requests with If-Match are isolated enough for it.
            _ if error.code() == Some(&SqlState::T_R_SERIALIZATION_FAILURE) => {
                Self::PreconditionFailed
            }
            _ if error.code().is_some_and(is_contention) => Self::unavailable(error),
            _ => Self::Internal(error.into()),
        }
    }
}

/// Whether another transaction on the same rows or the same account was in the way, so
/// that a retry may succeed.
fn is_contention(state: &SqlState) -> bool {
    [
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::QUERY_CANCELED,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ]
    .contains(state)
}
