//! What an account says by a row of an import, and what becomes of it.

use domain::{
    conversion::{Author, ConversionStatus},
    id::ConversionId,
};

/// The row of an import that a conversion comes from. If the conversion is stored already, the
/// row corrects it: what the row does not name stays as it is.
#[derive(Debug, Clone)]
pub struct ImportedRow {
    /// The rows of one call are applied in the order of this number.
    pub index: usize,
    /// The id of the correction. Its time is now.
    pub update_id: ConversionId,
    pub author: Author,
    pub status: Option<ConversionStatus>,
    pub currency: Option<String>,
    /// Whether it brings a conversion back that the account has deleted.
    pub restores_deleted: bool,
}

/// What became of a row of an import, with the id of the stored conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportOutcome {
    Created(ConversionId),
    Updated(ConversionId),
    /// All that it says is known.
    Unchanged(ConversionId),
    /// The account has deleted the conversion.
    Deleted,
    TooManyCorrections,
}
