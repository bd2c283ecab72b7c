//! What became of a batch.

use std::collections::BTreeSet;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteOutcome {
    pub clicks: StoredCounts,
    pub conversions: StoredCounts,
    /// Events from before the first day that their accounts keep. They are not stored.
    pub n_too_old: u64,
    /// Conversions that name nothing but a click and came without a secret, which its account
    /// wants. They are not stored.
    pub n_without_secret: u64,
    /// Accounts whose lock another transaction had: none of their events is stored.
    pub contended_accounts: BTreeSet<i64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoredCounts {
    pub n_new: u64,
    /// Those that are stored already, or the same as another one that is.
    pub n_duplicates: u64,
}
