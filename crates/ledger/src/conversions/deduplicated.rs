//! What is to be done to store conversions once.

use std::collections::{BTreeMap, BTreeSet};

use domain::{conversion::EffectiveConversion, id::ConversionId};

use super::{ImportOutcome, NewConversion, context::ConversionContext, updates::NewUpdate};

/// What is to be done to store conversions.
#[derive(Debug, Default)]
pub(super) struct Deduplicated {
    /// The conversions to insert.
    pub new: Vec<(NewConversion, ConversionContext)>,
    /// Stored ones of which an earlier one is among `new`: they are to be deleted.
    pub replaced: Vec<ConversionId>,
    /// The states of stored ones that have changed.
    pub changed: BTreeMap<ConversionId, EffectiveConversion>,
    /// Updates to insert, of conversions that have several. Some may be stored already.
    pub updates: Vec<NewUpdate>,
    /// By the id of a conversion that is not stored, the one that is stored instead.
    pub stored_instead: BTreeMap<ConversionId, ConversionId>,
    /// Those that are not stored because the account has deleted the conversion that they are.
    pub deleted: BTreeSet<ConversionId>,
    /// What became of the rows of an import, by the ids of their conversions.
    pub imported: BTreeMap<ConversionId, ImportOutcome>,
    /// Identities of deleted conversions, by account and dedupe key, that an import restores.
    pub restored: Vec<(i64, String)>,
}
