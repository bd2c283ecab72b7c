//! Why a record could not be looked up.

/// Neither the cache, Redis nor the origin could say whether there is such a record.
/// Cloned for each caller that waits for the same lookup.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LookupError {
    #[error("too many concurrent lookups at the origin")]
    TooManyLookups,
    #[error("the lookup at the origin failed: {0}")]
    Origin(String),
    #[error("the record of the origin is invalid: {0}")]
    InvalidRecord(String),
    #[error("Redis and the origin did not answer in time")]
    Timeout,
}
