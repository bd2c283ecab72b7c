//! What becomes of a postback for a conversion that is stored already.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of a postback for a conversion that is stored already: one of the same
/// account, offer, event and transaction, or without a transaction of the same click. In each
/// mode a request that is repeated within a minute is a retry and changes nothing, and a status
/// that differs from the present one is applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateMode {
    /// It changes nothing.
    #[default]
    Ignore,
    /// Its amount and currency replace those of the conversion.
    Update,
    /// Its amount is added to that of the conversion.
    Add,
    /// It is a conversion of its own.
    New,
    /// It is a conversion of its own, with the flag `repeated`.
    NewRepeated,
    /// It changes nothing if it names the transaction; without a transaction it is a
    /// conversion of its own, also for the same click.
    IgnoreByTxnId,
}

impl DuplicateMode {
    /// Whether a repetition is stored as a conversion of its own.
    pub const fn stores_repetitions(self, has_txn_id: bool) -> bool {
        match self {
            Self::New | Self::NewRepeated => true,
            Self::IgnoreByTxnId => !has_txn_id,
            Self::Ignore | Self::Update | Self::Add => false,
        }
    }
}
